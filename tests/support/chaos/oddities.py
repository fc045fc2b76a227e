"""Troubles that people or one bad row bring about: a halt, a renamed account, one bad rule, one bad event."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import orjson
import yaml
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from bridge.store import failing_items, halts, service_alerts
from bridge.store.entities import Entity
from bridge.store.holds import Hold, HoldState
from bridge.store.journal import Event, EventState
from bridge.store.runs import Run
from chaos import sabotage
from chaos.load import Load
from chaos.rig import WORKERS, Rig

NAMES = ("main", "europe")  # of the account, in turns


def _run(rig: Rig, *words: str) -> str:
    """A command of ours in a process of its own."""
    command = [sys.executable, "-P", "-c", "from bridge.cli import cli; cli()", *words]
    environment = {**os.environ, **rig.stack.environment}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _send(rig: Rig, load: Load, body: dict[str, object]) -> str:
    """One signed webhook beside the load's own. Its event's id."""
    delivery, text = f"odd_{body['number']}", orjson.dumps(body).decode()

    def answer() -> str | None:
        try:
            told = httpx.post(
                f"{rig.stack.address}/hooks/crm", content=text, headers=load._signed(delivery, text), timeout=30
            )
        except httpx.HTTPError:
            return None
        return str(told.json()["event_id"]) if told.is_success else None

    return str(rig.until(answer, "the webhook is answered"))


# --- halt and resume -------------------------------------------------------------------------------


def halt_and_resume(rig: Rig, load: Load) -> None:
    """While halted webhooks are taken and wait, and nothing is decided or sent; `resume` decides all of them."""
    with rig.store.write() as session:  # not by the command: before it has started, all is decided
        halts.halt(session, by="chaos", why="a person wants to look", now=rig.now())
    rig.until(lambda: _nothing_moves(rig), "what was under way has ended")
    late = [_send(rig, load, {"type": "partner.unknown", "number": f"halt-{one}-{time.time_ns()}"}) for one in range(5)]
    rig.until(lambda: not load.unanswered, "the sender is answered while all is halted")
    runs, writes = _event_runs(rig), rig.applied("offers.set_status")
    last = rig.last_tick()
    rig.until(lambda: rig.last_tick() > last + 5, "the clock goes on ticking")
    assert (_event_runs(rig), rig.applied("offers.set_status")) == (runs, writes), "something was decided or sent"
    assert set(late) <= _waiting(rig), "an event was used up while all was halted"
    _run(rig, "resume")
    rig.until(lambda: not _waiting(rig), "every event that waited is decided")
    with rig.store.read() as session:
        states = set(session.scalars(select(Event.state).where(Event.id.in_(late))))
    assert states == {EventState.DONE}, states


def _nothing_moves(rig: Rig) -> bool:
    """Two looks, a second apart, see the same."""
    before = _event_runs(rig), rig.applied("offers.set_status"), rig.applied("publishers.create")
    time.sleep(1)
    return before == (_event_runs(rig), rig.applied("offers.set_status"), rig.applied("publishers.create"))


def _event_runs(rig: Rig) -> int:
    with rig.store.read() as session:
        return session.scalar(select(func.count()).select_from(Run).where(Run.event_id.is_not(None))) or 0


def _waiting(rig: Rig) -> set[str]:
    with rig.store.read() as session:
        return set(session.scalars(select(Event.id).where(Event.state == EventState.RECEIVED)))


# --- a renamed account -----------------------------------------------------------------------------


def account_renamed(rig: Rig, load: Load) -> None:
    """The account gets a new name in bridge.yaml; after `accounts rename` its pauses end in time all the same."""
    offer = load._offer("Held under the old name")
    number = f"rename-{offer}"
    _send(rig, load, {"type": "offer.bad", "number": number, "offer": offer})
    rig.until(lambda: _hold(rig, offer), "the offer is paused", 120)
    path = rig.home / "bridge.yaml"
    [old] = yaml.safe_load(path.read_text())["accounts"]
    [new] = [one for one in NAMES if one != old]
    path.write_text(path.read_text().replace(f"  {old}:\n", f"  {new}:\n", 1))
    for rule in (rig.home / "rules").glob("*.yaml"):
        text = re.sub(r"^account: .*\n", "", rule.read_text(), flags=re.MULTILINE)
        rule.write_text(text.replace("mode: live\n", f"mode: live\naccount: {new}\n", 1))
    before = {name: rig.boss.pids()[name] for name in (*WORKERS, "beat", "web")}
    for name in before:
        rig.signal(name, signal.SIGTERM)
    rig.until(lambda: all(rig.boss.pids()[name] != pid for name, pid in before.items()), "all are started anew", 120)
    listed = _run(rig, "accounts", "list")
    assert f"accounts rename {old}" in listed, listed
    _run(rig, "accounts", "rename", old, new)
    soon = rig.now() + timedelta(seconds=2)
    with rig.store.write() as session:
        found = update(Hold).where(Hold.target_id.in_(_ids(session, offer)), Hold.state == HoldState.ACTIVE)
        accounts = set(session.scalars(found.values(until=soon).returning(Hold.account)))
    assert accounts == {new}, accounts
    rig.until(lambda: _active(rig, offer), "the pause ends in time", 120)


def _hold(rig: Rig, offer: str) -> bool:
    with rig.store.read() as session:
        held = select(Hold.id).where(Hold.target_id.in_(_ids(session, offer)), Hold.state == HoldState.ACTIVE)
        return session.scalar(held) is not None and not _active(rig, offer)


def _ids(session: Session, offer: str) -> list[str]:
    """Its text id, under which it is held where the mirror has not seen it yet, and its number, where it has."""
    numbers = session.scalars(select(Entity.number).where(Entity.ref == offer, Entity.number.is_not(None)))
    return [offer, *map(str, numbers)]


def _active(rig: Rig, offer: str) -> bool:
    offers = rig.integr8.get("/_sim/state").json()["offers"]
    return next(one["active"] for one in offers if one["id"] == offer)


# --- one bad rule ----------------------------------------------------------------------------------


def one_bad_rule(rig: Rig, _load: Load) -> None:
    """A rule that raises whenever it is evaluated: only it fails, counted, and told once."""
    path = rig.home / "rules" / f"{sabotage.RULE}.yaml"
    text = (rig.home / "rules" / "no-conversions.yaml").read_text()
    path.write_text(text.replace("id: no-conversions", f"id: {sabotage.RULE}"))
    key = ("rule", sabotage.RULE, "decide")
    rig.until(lambda: _failures(rig, key) >= 3, "its failures are counted", 120)
    with rig.store.read() as session:
        others = {one.name for one in failing_items.failing(session) if one.kind == "rule"} - {sabotage.RULE}
        good = session.scalar(
            select(func.count()).select_from(Run).where(Run.rule_id == "no-conversions", Run.error.is_(None))
        )
    assert others == set()
    told = rig.until(lambda: _told(rig), "people are told", 180)  # the service looks at itself once a minute
    assert told == [f"failing:rule:{sabotage.RULE}:decide"]
    last = good or 0
    rig.until(lambda: _good_runs(rig) > last, "the rule beside it goes on")
    path.unlink()
    rig.until(lambda: not _failures(rig, key), "what is gone no longer fails", 120)


def _told(rig: Rig) -> list[str]:
    with rig.store.read() as session:
        return [one.key for one in service_alerts.open_alerts(session) if sabotage.RULE in one.key]


def _failures(rig: Rig, key: tuple[str, str, str]) -> int:
    with rig.store.read() as session:
        return sum(one.count for one in failing_items.failing(session) if one.key == key)


def _good_runs(rig: Rig) -> int:
    with rig.store.read() as session:
        good = select(func.count()).select_from(Run).where(Run.rule_id == "no-conversions", Run.error.is_(None))
        return session.scalar(good) or 0


# --- one bad event ---------------------------------------------------------------------------------


def bad_event(step: str) -> Callable[[Rig, Load], None]:
    """An event for which this step raises: a dead letter that names the step, and all others are decided."""

    def strike(rig: Rig, load: Load) -> None:
        body: dict[str, object] = {"type": "offer.bad", "number": f"{step}-{time.time_ns()}", "offer": "nobody"}
        event = _send(rig, load, body | {"sabotage": step})
        rig.until(lambda: _state(rig, event)[0] == EventState.DEAD, "the event is a dead letter", 120)
        problem = _state(rig, event)[1] or ""
        assert f"step {step!r}" in problem, problem
        assert f"{sabotage.WORDS} {step}" in problem, problem
        with rig.store.read() as session:
            runs = session.scalar(select(func.count()).select_from(Run).where(Run.event_id == event))
        assert not runs, f"{runs} runs of an event that failed"

    return strike


def _state(rig: Rig, event: str) -> tuple[str, str | None]:
    with rig.store.read() as session:
        return session.execute(select(Event.state, Event.problem).where(Event.id == event)).one()
