"""Benchmark the scheduled evaluation: 20 metric rules `every: 1m`, ten per offer x publisher pair and ten per offer.

The data are 30 days of traffic, 2,000 offers x 200 publishers, 50,000 pairs in use.

Each figure is taken from the functions that a worker runs, on a database of its own, in a process of its own: the first
evaluation of all, the ones of the minutes after it (a minute of new rows each), what each of them writes, the private
memory, the first evaluation of a process that is started then, and how long events that come in meanwhile wait until
another process has decided about them.

    make scale                                             1, 3, 10 and 30 million rows
    make scale ROWS=100000000                              another size; two minutes and 2 GB of disk
    make scale BESIDE=/path/to/another/checkout            and an older build of the service, in turns

`BESIDE` is a checkout; its environment is the one in its `.venv`, or that of this one.
"""

import argparse
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

if importlib.util.find_spec("bridge.services") is not None and importlib.util.find_spec("bridge.services.memory"):
    importlib.import_module("bridge.services.memory").be_small()  # as every worker is, before numpy is loaded
import numpy as np

HERE = Path(__file__).resolve()
RESULTS = HERE.parent / "results.json"
PICTURE = HERE.parents[1] / "docs" / "images" / "rows.svg"
DAYS, OFFERS, PUBLISHERS, PAIRS = 30, 2_000, 200, 50_000
DAY, MINUTE = 86_400, 60
START = 1_767_225_600  # 2026-01-01
NOW = START + DAYS * DAY
WARM = 5  # events that load the rules before anything is measured
RULES, LONGEST = 20, 600.0  # seconds
MINUTES = 3  # evaluations after the first one
CONVERTS = 0.02
ARRIVING = "arriving.npz"  # the rows of those minutes: whoever evaluates must not make all rows to have them
CHUNK = 6 * 3_600  # rows of so many seconds lie in one chunk, as after compaction

YAML = """
accounts:
  main:
    base_url: http://integr8.invalid
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
sources:
  crm: {verify: bearer, token: "${CRM_TOKEN}", event_type: type, delivery_id: id}
"""
RULE = """schema: 1
id: {dimension}-{n}
mode: {mode}
trigger: {{every: 1m}}
scope: {{per: [{per}]}}
data: {{window: {window}, settle: 1h, need: {{clicks: {need}}}, fresh: 3h}}
when:
  all:
    - cr < 0.{n:02}% @95%
    - 'payout > {n} or profit < 0'
then: [{{pause: offer}}]
release: {{early: [cr >= 1.{n:02}%]}}
"""
EVENT_RULE = """schema: 1
id: deals
mode: shadow
trigger: {webhook: {source: crm}}
when: [body.amount > 100]
then: [{ensure: publisher, key: {email: "{{ body.type }}@example.com"}, with: {name: Ann}}]
"""
ENVIRONMENT = {
    "INTEGR8_API_KEY": "k",
    "INTEGR8_INTEGRATION_ID": "1",
    "CRM_TOKEN": "a-long-token-for-measuring-0123456789",
    "BRIDGE_SECRET_KEY": "a long key for measuring",
}


# --- traffic ---------------------------------------------------------------------------------------


def traffic(rows: int, seed: int = 5) -> Iterator[tuple[int, int, dict[str, Any], dict[str, Any]]]:
    """Start, end, clicks and conversions of one piece of time after the other, as plain columns by event time.

    Pieces of CHUNK seconds up to NOW, then the few minutes of later evaluations as one. Never all rows at once: three
    hundred million would need all the memory of a machine.
    """
    random = np.random.default_rng(seed)
    pairs = random.permutation(np.sort(random.choice(OFFERS * PUBLISHERS, PAIRS, replace=False)))
    shares = np.cumsum(1 / np.arange(1, PAIRS + 1) ** 0.6)
    edges = [*range(START, NOW, CHUNK), NOW, NOW + (MINUTES + 1) * MINUTE]
    lengths = np.diff(edges)
    counts = random.multinomial(int(rows / (1 + CONVERTS)), lengths / lengths.sum())
    later = {"event": np.zeros(0, np.int64), "pair": np.zeros(0, np.int64), "delay": np.zeros(0, np.int64)}
    for start, end, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
        event = np.sort(random.integers(start, end, count))
        drawn = pairs[np.searchsorted(shares, random.random(count) * shares[-1])]
        sold = np.sort(random.choice(count, int(count * CONVERTS), replace=False))
        delay = random.exponential(3_000, len(sold)).astype(np.int64)
        new = {"event": event[sold] + delay, "pair": drawn[sold], "delay": delay}
        later = {name: np.concatenate([later[name], new[name]]) for name in later}
        later = {name: column[np.argsort(later["event"], kind="stable")] for name, column in later.items()}
        here = int(np.searchsorted(later["event"], end))
        clicks = {"event": event, **_who(drawn), "delay": None}
        conversions = {"event": later["event"][:here], **_who(later["pair"][:here]), "delay": later["delay"][:here]}
        later = {name: column[here:] for name, column in later.items()}
        yield start, end, clicks, conversions


def _who(pairs: Any) -> dict[str, Any]:
    offers, publishers = pairs // PUBLISHERS + 1, pairs % PUBLISHERS + 1
    return {"offer": offers.astype(np.int32), "publisher": publishers.astype(np.int32)}


# --- one build, in its own process -----------------------------------------------------------------


class Build:
    """The functions of the build whose environment this process runs in."""

    def __init__(self, home: Path) -> None:
        os.environ.update(ENVIRONMENT, DATABASE_URL=f"sqlite:///{home}/bridge.db", BRIDGE_HOME=str(home))
        self.home = home
        self.old = importlib.util.find_spec("bridge.wiring") is not None
        part = importlib.import_module
        if self.old:
            self.batch, self.chunks = part("bridge.data.batch"), part("bridge.data.observed")
            self.services = part("bridge.wiring").House(part("bridge.settings").load(home))
            self.rulebook, self.migrate = part("bridge.rulebook"), part("bridge.store.schema")
        else:
            self.batch, self.chunks = part("bridge.reports.fact_batch"), part("bridge.reports.chunk_cache")
            self.services = part("bridge.services.container").Services(part("bridge.config.settings").load(home))
            self.rulebook, self.migrate = part("bridge.config.rulebook"), part("bridge.store.migrate")
        self.feeds = part("bridge.store.feeds")
        self.deciding = part("bridge.ticking" if self.old else "bridge.operations.decide")  # as a worker has, forked
        self.slots = part("bridge.store.slots")
        self.journal = part("bridge.store.journal")
        self.events = self.journal if self.old else part("bridge.store.duplicate_events")

    def run_due(self, now: datetime) -> int:
        return int((self.deciding.run_due if self.old else self.deciding.run_due_rules)(self.services, now))

    def process_events(self, now: datetime) -> Any:
        if self.old:
            return importlib.import_module("bridge.draining").drain(self.services, now)
        return importlib.import_module("bridge.operations.decide").process_events(self.services, now)

    def facts(self, found: dict[str, Any]) -> Any:
        """One batch of rows, each seen within a minute."""
        event = found["event"]
        size, delay = len(event), found["delay"]
        random = np.random.default_rng(int(event[0]) if size else 0)
        paid = np.zeros(size, np.int64) if delay is None else np.full(size, 1_200_000, np.int64)
        labels = self.batch.Labels
        return self.batch.Batch(
            event=event.astype(np.int64),
            seen=event.astype(np.int64) + random.integers(5, 50, size),
            high=(event.astype(np.uint64) * np.uint64(1000)) << np.uint64(16),
            low=random.integers(0, 1 << 63, size).astype(np.uint64),
            nth=np.zeros(size, np.uint8),
            status=np.ones(size, np.uint8),
            weight=np.ones(size, np.int32),
            payout=paid,
            revenue=paid * 3 // 2,
            delay=np.full(size, -1, np.int32) if delay is None else delay.astype(np.int32),
            labels={
                "offer": labels(found["offer"], ("", *map(str, range(1, OFFERS + 1)))),
                "publisher": labels(found["publisher"], ("", *(f"p{n}" for n in range(1, PUBLISHERS + 1)))),
            },
        )

    def write(self, found: dict[str, Any], kind: Any, end: int) -> None:
        """More rows, and that the feed is complete up to `end`."""
        with self.services.store.write() as session:
            feed = self.feeds.ensure(session, self.feeds.FeedKey(kind=kind))
            self.chunks.add(session, feed.id, self.facts(found))
            self.feeds.advance(session, feed, since=moment(START), as_of=moment(end), at=moment(end))

    def size(self) -> int:
        """Bytes of the database on disk."""
        with self.services.store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return (self.home / "bridge.db").stat().st_size

    def answers_bytes(self) -> int:
        """Bytes of runs, verdicts, plans and effects as they lie in the file."""
        names = ("runs", "verdicts", "plans", "effects")
        with self.services.store.engine.connect() as connection:
            like = " OR ".join(f"name LIKE '%{name}%'" for name in names)
            return int(connection.exec_driver_sql(f"SELECT coalesce(sum(pgsize), 0) FROM dbstat WHERE {like}").scalar())


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def prepare(home: Path, rows: int, mode: str) -> None:
    """A database with the rules and 30 days of observations."""
    (home / "rules").mkdir()
    (home / "tables").mkdir()
    (home / "bridge.yaml").write_text(YAML)
    for dimension, per in (("pair", "offer, publisher"), ("offer", "offer")):
        for n in range(1, 11):
            window = ("24h", "48h", "3d", "7d")[n % 4]
            text = RULE.format(dimension=dimension, per=per, n=n, window=window, need=20 * n, mode=mode)
            (home / "rules" / f"{dimension}-{n}.yaml").write_text(text)
    (home / "rules" / "deals.yaml").write_text(EVENT_RULE)
    (home / "now").write_text(str(NOW))
    build = Build(home)
    build.migrate.upgrade(build.services.store.engine)
    reading, _ = build.rulebook.publish(build.services.store, build.services.settings, now=moment(NOW))
    assert len(reading.revisions) == 21, [str(problem) for problem in reading.problems]
    kinds = build.feeds.Kind.CLICKS, build.feeds.Kind.CONVERSIONS
    for start, end, *found in traffic(rows):
        if start == NOW:
            np.savez(home / ARRIVING, clicks=np.array(found[0]), conversions=np.array(found[1]))
            break
        for part, kind in zip(found, kinds, strict=True):
            build.write(part, kind, end)
    build.services.close()


def evaluate(home: Path) -> dict[str, Any]:
    """The first evaluation and those of the minutes after it."""
    build = Build(home)
    first = first_processor = later = processor = 0.0
    before = grown = answers = 0
    for number in range(MINUTES + 1):
        if number:
            arrive(build, home, number)
        if number == 2:
            before, answers = build.size(), build.answers_bytes()
        took, worked = one_round(build, home, number)
        if number == 0:
            first, first_processor = took, worked
        elif number > 1:  # the second one still puts the rows into the order in which they were seen
            later += took / (MINUTES - 1)
            processor += worked / (MINUTES - 1)
    grown, answers = build.size() - before, build.answers_bytes() - answers
    return {
        "first evaluation s": round(first, 2),
        "first processor s": round(first_processor, 3),
        "evaluation s": round(later, 3),
        "processor s": round(processor, 3),
        "answers kB": round(answers / (MINUTES - 1) / 1000, 1),
        "database kB": round(grown / (MINUTES - 1) / 1000, 1),
        "private MB": private_mb(),
    }


def one_round(build: Build, home: Path, number: int) -> tuple[float, float]:
    """Evaluate all rules at a minute; how long that took by the clock, and of the processor."""
    now = NOW + number * MINUTE
    (home / "now").write_text(str(now + 1))  # leases are by this clock, for both processes
    open_slots(build, moment(now))
    began, worked = time.perf_counter(), time.process_time()
    done = 0
    while done < RULES:
        ran = build.run_due(moment(now) + timedelta(seconds=1))
        done += ran
        if not ran:  # in an older build whoever decides about events has the only lock
            time.sleep(0.01)
        assert time.perf_counter() - began < LONGEST, done
    return time.perf_counter() - began, time.process_time() - worked


def start_again(home: Path) -> dict[str, Any]:
    """The first evaluation of another process, a minute after those of the one before."""
    build = Build(home)
    arrive(build, home, MINUTES + 1)
    took, worked = one_round(build, home, MINUTES + 1)
    return {"after a start s": round(took, 2), "after a start processor s": round(worked, 3)}


def arrive(build: Build, home: Path, number: int) -> None:
    """The rows of one minute come in."""
    now = NOW + number * MINUTE
    with np.load(home / ARRIVING, allow_pickle=True) as kept:
        minutes = [build.facts(kept[name].item()) for name in ("clicks", "conversions")]
    for batch, kind in zip(minutes, (build.feeds.Kind.CLICKS, build.feeds.Kind.CONVERSIONS), strict=True):
        rows = np.flatnonzero((batch.event >= now - MINUTE) & (batch.event < now))
        with build.services.store.write() as session:
            feed = build.feeds.ensure(session, build.feeds.FeedKey(kind=kind))
            build.chunks.add(session, feed.id, batch.take(rows))
            build.feeds.advance(session, feed, since=moment(START), as_of=moment(now), at=moment(now))


def open_slots(build: Build, now: datetime) -> None:
    keys = [f"{dimension}-{n}" for dimension in ("pair", "offer") for n in range(1, 11)]
    with build.services.store.write() as session:
        build.slots.open_slots(session, [("rule", f"rule:{key}", now) for key in keys])


def private_mb() -> int:
    """Memory of this process that it shares with no other."""
    found = {
        line.split(":")[0]: int(line.split()[1])
        for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]
    }
    return (found["Private_Clean"] + found["Private_Dirty"]) // 1024


def events(home: Path) -> dict[str, Any]:
    """Send an event every 0.1 s and decide about it, until asked to stop; the longest wait of one, in seconds."""
    build, longest, number = Build(home), 0.0, 0
    stop = home / "stop"
    while not stop.exists():
        number += 1
        began = time.perf_counter()
        with build.services.store.write() as session:
            build.events.record(session, [event_row(number, clock(home))])
        while not is_done(build, number):
            build.process_events(clock(home))
            time.sleep(0.005)
        if number == WARM:
            (home / "warm").touch()
        if number > WARM:
            longest = max(longest, time.perf_counter() - began)
        time.sleep(0.1)
    return {"events": number, "longest wait s": round(longest, 3)}


def clock(home: Path) -> datetime:
    return moment(int((home / "now").read_text() or NOW))


def event_row(number: int, now: datetime) -> dict[str, Any]:
    body = json.dumps({"id": number, "type": "deal", "amount": number % 200}).encode()
    return {
        "id": f"{number:026}",
        "source": "crm",
        "event_type": "deal",
        "dedupe_key": str(number),
        "method": "POST",
        "content_type": "application/json",
        "body": body,
        "received_at": now,
    }


def is_done(build: Build, number: int) -> bool:
    with build.services.store.read() as session:
        return bool(session.get(build.journal.Event, f"{number:026}").state == "done")


# --- all of it -------------------------------------------------------------------------------------


def measured(build: Path, rows: int, mode: str = "shadow") -> dict[str, Any]:
    """All figures of one build."""
    with tempfile.TemporaryDirectory(prefix="scale-") as directory:
        home = Path(directory) / "home"
        home.mkdir()
        assert _child(build, "prepare", home, rows, mode).wait() == 0
        waiting = _child(build, "events", home, rows, mode)
        while not (home / "warm").exists():
            time.sleep(0.05)
            assert waiting.poll() is None, (home / "events.log").read_text()[-3_000:]
        found: dict[str, Any] = {}
        for part in ("evaluate", "start-again"):
            found |= _told(_child(build, part, home, rows, mode), home, part)
        (home / "stop").touch()
        return found | _told(waiting, home, "events")


def _told(process: "subprocess.Popen[str]", home: Path, what: str) -> dict[str, Any]:
    """What a part prints as its last line."""
    code = process.wait()
    assert code == 0, (home / f"{what}.log").read_text()[-3_000:]
    found: dict[str, Any] = json.loads((home / f"{what}.out").read_text().splitlines()[-1])
    return found


def _child(build: Path, what: str, home: Path, rows: int, mode: str) -> "subprocess.Popen[str]":
    """A part in a process of its own. It writes into files: into a pipe that nobody reads it would stop writing."""
    own = build / ".venv/bin/python"
    command = [
        str(own) if own.exists() else sys.executable,
        "-P",
        str(HERE),
        "--part",
        what,
        "--home",
        str(home),
        "--mode",
        mode,
    ]
    environment = {**os.environ, "PYTHONPATH": str(build), "BRIDGE_LOG": "json", "PYTHONWARNINGS": "ignore"}
    with (home / f"{what}.log").open("w") as log, (home / f"{what}.out").open("w") as out:
        return subprocess.Popen(
            [*command, "--rows", str(rows)], env=environment, text=True, cwd=build, stdout=out, stderr=log
        )


def run(
    rows: tuple[int, ...] = (1_000_000,), beside: Path | None = None, mode: str = "shadow", turns: int = 1
) -> list[dict[str, Any]]:
    """One row per size and build; with another build beside it in turns, of which the better one of each counts."""
    builds = {"this build": HERE.parents[1], **({beside.name: beside} if beside else {})}
    found = []
    for size in rows:
        best: dict[str, dict[str, Any]] = {}
        for _ in range(turns):
            for name, build in builds.items():
                print(f"measuring {name} with {size:,} rows ...", file=sys.stderr)
                one = measured(build, size, mode)
                if name not in best or one["processor s"] < best[name]["processor s"]:
                    best[name] = one
        found += [{"build": name, "rows": size, "mode": mode, **one} for name, one in best.items()]
    return found


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", nargs="+", type=int, default=[1_000_000])
    parser.add_argument("--beside", type=Path)
    parser.add_argument("--mode", default="shadow")
    parser.add_argument("--turns", type=int, default=1)
    parser.add_argument("--keep", action="store_true", help="write the figures to results.json")
    parser.add_argument("--part")
    parser.add_argument("--home", type=Path)
    given = parser.parse_args()
    if given.part == "prepare":
        prepare(given.home, given.rows[0], given.mode)
    elif given.part == "evaluate":
        print(json.dumps(evaluate(given.home)))
    elif given.part == "start-again":
        print(json.dumps(start_again(given.home)))
    elif given.part == "events":
        print(json.dumps(events(given.home)))
    else:
        rows = run(tuple(given.rows), given.beside and given.beside.resolve(), given.mode, given.turns)
        for row in rows:
            print(row)
        if given.keep:
            keep(rows)
    return 0


def keep(rows: list[dict[str, Any]]) -> None:
    """Put the figures beside those of the other benchmarks."""
    found = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    found["evaluations"] = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "rows": rows}
    RESULTS.write_text(json.dumps(found, indent=1, default=str) + "\n")
    draw([row for row in rows if row["build"] == "this build"])


def draw(rows: list[dict[str, Any]]) -> None:
    """What more rows cost, as a picture; nothing for one size."""
    if len(rows) < 2:
        return
    sys.path.append(str(HERE.parents[1]))  # where the other benchmarks are a package
    picture = importlib.import_module("benchmarks.picture")
    series = {
        "ms of processor": [(row["rows"] / 1_000_000, row["processor s"] * 1_000) for row in rows],
        "MB, private": [(row["rows"] / 1_000_000, row["private MB"]) for row in rows],
    }
    PICTURE.write_text(picture.lines("One evaluation of 20 rules over 50,000 pairs", "million rows in 30 days", series))


if __name__ == "__main__":
    sys.exit(main())
