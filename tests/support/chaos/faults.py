"""The catalogue of troubles: each is a function that is called while load is running, and a line for the table."""

import os
import random
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import psycopg
from sqlalchemy import select, update

from bridge.cli.local import supervisor
from bridge.store.journal import Event, EventState
from chaos import battering, clocks, deploys, feeds, observation_files, oddities, outages, storage
from chaos.load import Load
from chaos.rig import WORKERS, Rig

Strike = Callable[[Rig, Load], None]


@dataclass(frozen=True, slots=True)
class Fault:
    name: str  # the line of the table
    strike: Strike
    quick: bool = False  # part of `make test`
    databases: tuple[str, ...] = ("sqlite", "postgresql")
    load: dict[str, int] = field(default_factory=dict)
    first: bool = False  # strikes before the load, not in the middle of it


def stumble(kind: str, **parameters: object) -> Strike:
    """One of the simulator's faults."""

    def strike(rig: Rig, _load: Load) -> None:
        rig.fault(kind, **parameters)

    return strike


def kill(*names: str) -> Strike:
    def strike(rig: Rig, _load: Load) -> None:
        rig.kill(*names)

    return strike


def kill_workers_in_the_write(operation: str, when: str) -> Strike:
    """Hold Integr8's answer open and kill both workers in that window: the write is sent, nobody knows the outcome."""

    def strike(rig: Rig, _load: Load) -> None:
        seen = _sent(rig, operation)
        written = rig.applied(operation)
        rig.fault("slow", when=when, seconds=4, operation=operation, count=1)
        look = (lambda: rig.applied(operation) > written) if when == "after" else (lambda: _sent(rig, operation) > seen)
        rig.until(look, f"{operation} is under way")
        rig.kill(*WORKERS)

    return strike


def _sent(rig: Rig, operation: str) -> int:
    return int(rig.integr8.get("/_sim/requests", params={"operation": operation}).json()["total"])


def empty_redis(rig: Rig, _load: Load) -> None:
    with rig.redis() as client:
        client.flushall()


def kill_redis_and_empty_it(rig: Rig, load: Load) -> None:
    rig.kill("valkey")
    rig.until(rig.pings, "Valkey is back")
    empty_redis(rig, load)


def slow_wire(rig: Rig, load: Load) -> None:
    """Each piece that goes to or comes from Valkey takes 50 ms longer."""
    rig.wire.delay = 0.05
    rig.until(lambda: not load.unanswered, "the sender is answered")
    time.sleep(5)
    rig.wire.mend()


def cut_wire(rig: Rig, _load: Load) -> None:
    """Valkey runs and knows everything, and nobody reaches it for six seconds; three times."""
    for _ in range(3):
        rig.wire.cut()
        time.sleep(2)
        rig.wire.mend()
        time.sleep(1)


def heavy_bodies(rig: Rig, load: Load) -> None:
    """A source sends bodies of nearly a megabyte as fast as it is answered, over 16 connections."""
    load.flood(count=150, size=900_000, senders=16)


def take_rules_away(rig: Rig, _load: Load) -> None:
    """The whole directory is gone for three seconds, as in the middle of a deploy."""
    rules, aside = rig.home / "rules", rig.home / "rules.aside"
    rules.rename(aside)
    time.sleep(3)
    aside.rename(rules)


def freeze(name: str, seconds: float) -> Strike:
    def strike(rig: Rig, _load: Load) -> None:
        rig.freeze(name, seconds)

    return strike


def poison_queues(rig: Rig, _load: Load) -> None:
    """What is no message, and a well-formed one for a task that nobody has."""
    unknown = b'{"body": "W1tdLCB7fSwge31d", "content-encoding": "utf-8", "content-type": "application/json", "headers": {"task": "no.such", "id": "1", "lang": "py"}, "properties": {"delivery_tag": "t1", "delivery_info": {"exchange": "", "routing_key": "journal"}, "body_encoding": "base64"}}'  # noqa: E501
    with rig.redis() as client:
        for queue in ("journal", "effects", "maintenance", "reports"):
            client.lpush(queue, b"this is no message", b'{"half": ', unknown)


def poison_event(rig: Rig, load: Load) -> None:
    """A body on disk that can no longer be read. It must end as a dead letter and take no neighbour along."""
    event = next(iter(load.answered.values()))
    rig.until(lambda: _state(rig, event) == EventState.DONE, "the event is done, so that nobody is working on it")
    rig.poisoned.append(event)
    with rig.store.write() as session:
        session.execute(
            update(Event).where(Event.id == event).values(body=b"\xff{", state=EventState.RECEIVED, finished_at=None)
        )


def _state(rig: Rig, event: str) -> str | None:
    with rig.store.read() as session:
        return session.scalar(select(Event.state).where(Event.id == event))


def lock_sqlite(seconds: float) -> Strike:
    """Another process (a backup, a person with a shell) holds the write lock."""

    def strike(rig: Rig, _load: Load) -> None:
        path = rig.database_url.removeprefix("sqlite:///")
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            other.execute("ROLLBACK")

    return strike


def end_backends(rig: Rig, _load: Load) -> None:
    """What a restart of PostgreSQL does to its clients: every connection dies, three times."""
    address = rig.database_url.replace("+psycopg", "")
    for _ in range(3):
        with psycopg.connect(address, autocommit=True) as admin:
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        time.sleep(0.5)


def second_beat(rig: Rig, _load: Load) -> None:
    program = supervisor.beat(rig.stack.environment)
    if "beat2" not in rig.boss.pids():
        rig.boss.start(supervisor.Program("beat2", program.command, program.environment))


def break_rules(rig: Rig, _load: Load) -> None:
    """A rule file half written, one that is not a text, one of many megabytes; then all is well again."""
    rules = rig.home / "rules"
    good = (rules / "bad-offer.yaml").read_text()
    (rules / "bad-offer.yaml").write_text(good[: len(good) // 2])
    (rules / "noise.yaml").write_bytes(os.urandom(4096))
    (rules / "huge.yaml").write_bytes(b"# much\n" * 1_500_000)
    time.sleep(3)  # two or three ticks see it
    (rules / "bad-offer.yaml").write_text(good)
    for name in ("noise.yaml", "huge.yaml"):
        (rules / name).unlink()


def stop_all_and_start_again(rig: Rig, _load: Load) -> None:
    """A deploy: SIGTERM to everything of ours at once, in mid-bulk."""
    rig.fault("slow", when="after", seconds=2, operation="offers.set_status", count=1)
    for name in ("beat", *WORKERS, "web"):
        rig.signal(name, signal.SIGTERM)


def term_then_kill(rig: Rig, _load: Load) -> None:
    for name in (*WORKERS, "web"):
        rig.signal(name, signal.SIGTERM)
    time.sleep(0.3)
    rig.kill(*WORKERS, "web")


def throttle(rig: Rig, _load: Load) -> None:
    """429 without and with Retry-After, as seconds and as a date."""
    rig.fault("rate_limited", retry_after="none", count=4, operation="*")
    rig.fault("rate_limited", retry_after="seconds", seconds=1.0, count=3, operation="*", skip=8)
    rig.fault("rate_limited", retry_after="date", seconds=1.0, count=2, operation="*", skip=14)


def burst_of_5xx(rig: Rig, _load: Load) -> None:
    rig.fault("status", status=503, count=4)
    rig.fault("status", status=500, when="after", count=2, operation="publishers.create", skip=1)
    rig.fault("html", count=3, skip=6)


def lost_answers(rig: Rig, _load: Load) -> None:
    rig.fault("drop", when="before", count=2, operation="publishers.create")
    rig.fault("drop", when="after", count=2, operation="publishers.create", skip=4)
    rig.fault("drop", when="after", count=1, operation="offers.set_status")


def broken_answers(rig: Rig, _load: Load) -> None:
    rig.fault("truncate", count=2, operation="publishers.create")
    rig.fault("cut", count=2, operation="publishers.list")
    rig.fault("truncate", count=1, operation="offers.list")


def partial_bulk(rig: Rig, _load: Load) -> None:
    rig.fault("partial_bulk", share=0.5, count=2)


def target_gone(rig: Rig, load: Load) -> None:
    """A person archives an offer before we come to it."""
    offer = load.offers[0]
    rig.integr8.delete(f"/_sim/entities/offers/{offer}").raise_for_status()
    rig.forgiven.add(offer)
    rig.archived.add(offer)


def target_already_so(rig: Rig, load: Load) -> None:
    """A person pauses an offer before we come to it."""
    offer = load.offers[0]
    rig.integr8.patch(f"/_sim/entities/offers/{offer}", json={"active": False}).raise_for_status()
    rig.forgiven.add(offer)


def together(*strikes: Strike) -> Strike:
    """At the same moment, as far as threads can."""

    def strike(rig: Rig, load: Load) -> None:
        failures: list[Exception] = []

        def one(each: Strike) -> None:
            try:
                each(rig, load)
            except Exception as error:  # noqa: BLE001 - a thread's failure is raised below
                failures.append(error)

        threads = [threading.Thread(target=one, args=(each,)) for each in strikes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    return strike


SQLITE, POSTGRES = ("sqlite",), ("postgresql",)

FAULTS: tuple[Fault, ...] = (
    Fault("Nothing at all (the measure for the rest)", lambda _rig, _load: None),
    Fault("Valkey emptied (FLUSHALL) under load", empty_redis, quick=True),
    Fault("Valkey killed under load, comes back empty", kill_redis_and_empty_it, quick=True),
    Fault("Valkey frozen for 8 s", freeze("valkey", 8)),
    Fault("Integr8: 429 with and without Retry-After", throttle, first=True),
    Fault("Integr8: 503, 500 after the write, HTML 502", burst_of_5xx, quick=True, first=True),
    Fault("Integr8: connection dropped before and after the write", lost_answers, first=True),
    Fault("Integr8: half a JSON, half a body", broken_answers, first=True),
    Fault("Integr8: bulk call carried out by half", partial_bulk, first=True),
    Fault("Integr8: the three before at once", together(lost_answers, broken_answers, partial_bulk), quick=True,
          first=True),
    Fault("Each webhook 4 times, in any order, over 64 connections", lambda _rig, _load: None, quick=True,
          load={"copies": 4, "senders": 64}),
    Fault("Integr8: one refused id in every bulk call", outages.refused_id, quick=True, first=True),
    Fault("Integr8 frozen for 3 minutes, 2,000 pauses wait", outages.frozen, load={"offers": 2000, "senders": 16}),
    Fault("Integr8 answers 503 for a minute, 500 pauses wait", outages.failing, load={"offers": 500, "senders": 16}),
    Fault("Integr8 answers 503 about offers alone for a minute, 500 pauses wait", outages.failing_offers,
          load={"offers": 500, "senders": 16}),
    Fault("Three minutes at half of what it takes: 20 kills, 20 edits of a rule, webhooks twice",
          battering.three_minutes),
    Fault("A second `up` on the same home", outages.second_up, quick=True),
    Fault("Halt under load, then resume", oddities.halt_and_resume, quick=True, load={"senders": 1}),
    Fault("The account gets another name while its pauses last", oddities.account_renamed),
    Fault("One bad rule: it raises whenever it is evaluated", oddities.one_bad_rule),
    *(
        Fault(f"One bad event: it raises at the step {step!r}", oddities.bad_event(step), load={"offers": 5})
        for step in ("read", "observe", "decide", "record")
    ),
    Fault("A person archives a target meanwhile", target_gone, first=True),
    Fault("A person pauses a target meanwhile", target_already_so, first=True),
    Fault("Web killed (-9) under load", kill("web"), quick=True),
    Fault("Both workers killed (-9) under load", kill(*WORKERS)),
    Fault("Workers killed after the request was sent, before the write",
          kill_workers_in_the_write("publishers.create", "before"), load={"senders": 1}),
    Fault("Workers killed after the write, before the answer: create",
          kill_workers_in_the_write("publishers.create", "after"), load={"senders": 1}),
    Fault("Workers killed after the write, before the answer: bulk",
          kill_workers_in_the_write("offers.set_status", "after"), quick=True, load={"senders": 1}),
    Fault("One worker frozen for 8 s, then awake", freeze("worker", 8)),
    Fault("Beat killed (-9)", kill("beat")),
    Fault("Two beats at once", second_beat),
    Fault("Poison messages in every queue", poison_queues, quick=True),
    Fault("Poison event: its body can no longer be read", poison_event),
    Fault("Rule files half written, random bytes, 10 MB", break_rules),
    Fault("SIGTERM to everything during a bulk call", stop_all_and_start_again),
    Fault("SIGTERM, 0.3 s later SIGKILL, to web and workers", term_then_kill),
    Fault("SQLite locked by another process for 12 s", lock_sqlite(12), databases=SQLITE),
    Fault("PostgreSQL: every connection ended, three times", end_backends, databases=POSTGRES),
    Fault("PostgreSQL shut down under load, back after 2 s", storage.restart_postgres, databases=POSTGRES),
    Fault("SQLite: no file may grow for 8 s (disk full)", storage.disk_full(8), databases=SQLITE, first=True),
    Fault("PostgreSQL: no file can be extended for 8 s (disk full)", storage.postgres_full(8), databases=POSTGRES),
    Fault("Workers killed after the answer, before the commit: create",
          storage.kill_workers_before_the_commit("publishers.create"), load={"senders": 1}),
    Fault("Workers killed after the answer, before the commit: bulk",
          storage.kill_workers_before_the_commit("offers.set_status"), load={"senders": 1}),
    Fault("Wire to Valkey slow (50 ms for each piece)", slow_wire),
    Fault("Wire to Valkey cut, three times", cut_wire),
    Fault("Bodies of 0.9 MB at full speed over 16 connections", heavy_bodies),
    Fault("Rules directory away for 3 s", take_rules_away),
    Fault("Messages of a newer version: unknown tasks and arguments", deploys.newer_messages),
    Fault("Rolling restart under load, in the documented order", deploys.rolling_restart),
    Fault("Reports: 429, 5xx, HTML, half an answer, repeated page", feeds.broken, first=True),
    Fault("Reports come late: the feed stalls", feeds.late),
    Fault("Files of observations: whoever writes or merges them killed (-9), files damaged",
          observation_files.killed_while_they_are_written),
    Fault("Our clocks an hour ahead for 6 s, then right", clocks.jump(clocks.HOUR)),
    Fault("Our clocks an hour behind for 6 s, then right", clocks.jump(-clocks.HOUR)),
    Fault("One worker's clock an hour ahead", clocks.one_worker(clocks.HOUR), databases=POSTGRES),
    Fault("One worker's clock an hour behind", clocks.one_worker(-clocks.HOUR), databases=POSTGRES),
    Fault("An hour without beat", clocks.an_hour_without_beat),
)  # fmt: skip

#: What may meet in a random combination: each ends by itself.
COMBINED: tuple[Strike, ...] = (
    empty_redis, kill_redis_and_empty_it, throttle, burst_of_5xx, lost_answers, broken_answers, partial_bulk,
    kill("web"), kill("worker"), kill("beat"), poison_queues, freeze("worker2", 4),
)  # fmt: skip


def combination(seed: int) -> Fault:
    """Two or three troubles at once. The seed says which."""
    dice = random.Random(seed)
    chosen = dice.sample(COMBINED, dice.choice((2, 3)))
    return Fault(f"Two or three of the above at once, seed {seed}", together(*chosen))
