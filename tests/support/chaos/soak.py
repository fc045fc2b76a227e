"""`make soak`: half load for a long time. Memory and latency must stay flat, and no table may outgrow its retention.

Half load: half of the events a second that this machine takes and drains, and half of the requests to Integr8 that the
account allows. It is measured at the beginning.
"""

import json
import math
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from postgresql import started
from sqlalchemy import func, select

from bridge.config import settings
from bridge.operations.retention import apply_retention
from bridge.services.container import Services
from bridge.store.journal import Event, EventState
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run
from bridge.store.tables import METADATA
from chaos import page
from chaos.drawing import Chart, Point, draw
from chaos.rig import WORKERS, Rig, descendants
from chaos.steadiness import FILLED, grown, slope, slowed, uneven, warm
from chaos.stream import Stream

EVERY = 10.0  # seconds between two looks
SATURATED = 20.0  # seconds at full speed, to find out what half load is
PARTNER_EVERY = 0.4  # seconds; a partner is read, created and read again, of 20 requests a second allowed
FORGOTTEN = timedelta(days=900)  # behind every retention
OURS = ("web", *WORKERS, "beat", "valkey")


@dataclass(frozen=True, slots=True)
class Look:
    """One moment."""

    at: float  # seconds since the start
    memory: Mapping[str, float]  # MB for each of our processes, children included, shared pages divided
    sent: int  # events so far
    waiting: int  # events that are not drained yet
    answer_ms: tuple[float, float, float]  # p50, p95, p99 of this interval
    applied_ms: tuple[float, float, float]  # from the arrival of an event to its effect in Integr8
    rows: Mapping[str, int]
    megabytes: Mapping[str, float]  # of files and of Valkey


@dataclass(slots=True)
class Soak:
    """What one soak has measured."""

    database: str
    minutes: float
    capacity: float = 0.0  # events a second, taken and drained
    looks: list[Look] = field(default_factory=list)
    after: dict[str, int] = field(default_factory=dict)  # rows once everything is old enough to be forgotten
    before: dict[str, int] = field(default_factory=dict)  # rows of the empty service
    refused: int = 0
    unfinished: list[str] = field(default_factory=list)

    def series(self, of, name: str) -> list[Point]:
        return [(look.at, getattr(look, of)[name]) for look in self.looks]

    def quantile(self, of: str, place: int) -> list[Point]:
        return [(look.at, getattr(look, of)[place]) for look in self.looks if not math.isnan(getattr(look, of)[place])]

    def problems(self) -> list[str]:
        """Everything that is not flat, one sentence each."""
        work = [(look.at, float(look.sent)) for look in self.looks]
        found = [grown(name, self.series("memory", name)) for name in OURS]
        found += [grown(name, self.series("megabytes", name)) for name in self.looks[0].megabytes if name != "database"]
        found += [
            slowed(f"{name}, p{share}", self.quantile(of, place))
            for of, name in (("answer_ms", "answer"), ("applied_ms", "event to Integr8"))
            for place, share in ((0, 50), (1, 95))
        ]
        found += [uneven(name, self.series("rows", name), work) for name in self.looks[0].rows if name != MIRROR]
        kept = {
            name: number
            for name, number in self.after.items()
            if number > self.before[name] + ALLOWED[name] and name != MIRROR
        }
        return [
            *(one for one in found if one),
            *(f"{name}: {number} rows are left when all is old enough to go" for name, number in kept.items()),
            *self.unfinished,
        ]


#: Rows that may be left when everything is old: what the service says about itself, not what came in.
ALLOWED: Mapping[str, int] = defaultdict(int, slots=8, heartbeats=8, feeds=4, feed_marks=8, live_revisions=8, turns=2)
MIRROR = "entities"  # as many rows as Integr8 has; they come with each reading, not with each event


def soak(rig: Rig, minutes: float) -> Soak:
    found = Soak(rig.database, minutes, before=_rows(rig))
    found.capacity = _capacity(rig)
    _say(f"{rig.database}: takes and drains {found.capacity:.0f} events/s; half of that for {minutes:g} minutes")
    stream = Stream(
        rig.stack.address, rig.secret, "soak", per_second=found.capacity / 2, partner_every=PARTNER_EVERY
    ).start()
    began = time.monotonic()
    seen = datetime.now(UTC)
    while time.monotonic() < began + minutes * 60:
        time.sleep(EVERY)
        rig.boss.revive()
        now = datetime.now(UTC)
        found.looks.append(_look(rig, stream, time.monotonic() - began, seen, now))
        seen = now
        if len(found.looks) % 6 == 0:
            _say(_line(found.looks[-1]))
    stream.stop()
    found.refused = stream.refused
    rig.until(lambda: _waiting(rig) == 0 and not _open_effects(rig), "everything is drained", 300)
    found.unfinished = _unfinished(rig, stream)
    rig.boss.stop()  # a living service writes while it is tidied
    found.after = _rows_when_old(rig)
    return found


def _capacity(rig: Rig) -> float:
    """Events a second from the first one sent to the last one drained, at full speed."""
    began = time.monotonic()
    stream = Stream(rig.stack.address, rig.secret, "full", per_second=0, partner_every=0).start()
    time.sleep(SATURATED)
    stream.stop()
    rig.until(lambda: _waiting(rig) == 0, "the backlog is drained", 600)
    return stream.sent / (time.monotonic() - began)


def _look(rig: Rig, stream: Stream, at: float, since: datetime, now: datetime) -> Look:
    return Look(
        at=round(at, 1),
        memory={name: _memory(rig.boss.pids()[name]) for name in OURS},
        sent=stream.sent,
        waiting=_waiting(rig),
        answer_ms=_quantiles([1000 * one for one in stream.taken()]),
        applied_ms=_quantiles(_applied(rig, since, now)),
        rows=_rows(rig),
        megabytes=_megabytes(rig),
    )


def _memory(pid: int) -> float:
    """MB of a process and its children. Pss divides what they share, so that nothing is counted twice."""
    kilobytes = 0
    for one in (pid, *descendants(pid)):
        try:
            text = Path(f"/proc/{one}/smaps_rollup").read_text()
        except OSError:
            continue
        kilobytes += int(text.split("\nPss:")[1].split()[0])
    return round(kilobytes / 1024, 2)


def _megabytes(rig: Rig) -> dict[str, float]:
    with rig.redis() as client:
        found = {"valkey's own data": client.info("memory")["used_memory"] / 1e6}
    if rig.database == "sqlite":
        path = Path(rig.database_url.removeprefix("sqlite:///"))
        found["database"] = path.stat().st_size / 1e6
        found["write-ahead log"] = path.with_name(path.name + "-wal").stat().st_size / 1e6
    return found


def _quantiles(values: list[float]) -> tuple[float, float, float]:
    if not values:
        return (math.nan, math.nan, math.nan)
    ordered = sorted(values)
    return tuple(round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 2) for share in (0.5, 0.95, 0.99))


def _applied(rig: Rig, since: datetime, now: datetime) -> list[float]:
    """Milliseconds from the arrival of each event to the end of its effect, for effects that ended lately."""
    query = (
        select(Effect.ended_at, Event.received_at)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .join(Run, Run.id == StoredPlan.run_id)
        .join(Event, Event.id == Run.event_id)
        .where(Effect.ended_at >= since, Effect.ended_at < now)
    )
    with rig.store.read() as session:
        return [(ended - received).total_seconds() * 1000 for ended, received in session.execute(query)]


def _waiting(rig: Rig) -> int:
    with rig.store.read() as session:
        return session.scalar(select(func.count()).where(Event.state == EventState.RECEIVED))


def _open_effects(rig: Rig) -> int:
    with rig.store.read() as session:
        return session.scalar(select(func.count()).where(Effect.ended_at.is_(None)))


def _rows(rig: Rig) -> dict[str, int]:
    with rig.store.read() as session:
        return {table.name: session.scalar(select(func.count()).select_from(table)) for table in METADATA.sorted_tables}


def _unfinished(rig: Rig, stream: Stream) -> list[str]:
    with rig.store.read() as session:
        done = session.scalar(select(func.count()).where(Event.state == EventState.DONE, Event.event_type.is_not(None)))
        states = dict(session.execute(select(Effect.state, func.count()).group_by(Effect.state)).all())
    living = [one["email"] for one in rig.integr8.get("/_sim/state").json()["publishers"]]
    found = [] if done >= stream.sent else [f"{stream.sent} events were answered, {done} are done"]
    if set(states) - {"applied", "skipped"}:
        found.append(f"effects ended as {states}")
    missing = stream.partners - set(living)
    if missing or len(living) != len(set(living)):
        found.append(
            f"{len(missing)} partners are missing at Integr8; {len(living) - len(set(living))} are there twice"
        )
    return found


def _rows_when_old(rig: Rig) -> dict[str, int]:
    """What retention leaves of it all, once its time has come."""
    services = Services(settings.load(rig.home))
    try:
        apply_retention(services, datetime.now(UTC) + FORGOTTEN)
    finally:
        services.close()
    return _rows(rig)


# --- telling ---------------------------------------------------------------------------------------


def _line(look: Look) -> str:
    memory = " ".join(f"{name} {size:.0f}" for name, size in look.memory.items())
    return (
        f"{look.at / 60:5.1f} min  {look.sent} events, {look.waiting} waiting; answer p50 {look.answer_ms[0]:.1f} "
        f"p99 {look.answer_ms[2]:.1f} ms; applied p50 {look.applied_ms[0]:.0f} ms; MB: {memory}"
    )


def picture(found: Soak) -> str:
    rows = {name: self for name in ("events", "runs", "effects", "calls") if (self := found.series("rows", name))}
    return draw(
        [
            Chart("memory, MB (process with its children)", {name: found.series("memory", name) for name in OURS}),
            Chart(
                "webhook answered, ms",
                {f"p{share}": found.quantile("answer_ms", place) for place, share in enumerate((50, 95, 99))},
            ),
            Chart(
                "event to effect in Integr8, ms",
                {f"p{share}": found.quantile("applied_ms", place) for place, share in enumerate((50, 95, 99))},
            ),
            Chart("rows", rows),
        ]
    )


def words(found: Soak, problems: list[str], image: str) -> str:
    """The section of the page."""
    last = found.looks[-1]
    opening = (
        f"{found.minutes:g} minutes on {found.database} at {found.capacity / 2:.0f} events/s, half of the "
        f"{found.capacity:.0f} that this machine takes and drains, and {1 / PARTNER_EVERY:g} partner events a second: "
        f"{last.sent} webhooks, {last.rows['effects']} effects, {found.refused} sendings that had to be repeated."
    )
    lines = [
        opening,
        "",
        "| measured | at the start | in the middle | at the end | slope |",
        "|---|---:|---:|---:|---:|",
        *(_row(f"memory of {name}", found.series("memory", name), "MB") for name in OURS),
        *(_row(name, found.series("megabytes", name), "MB") for name in last.megabytes),
        *(
            _row(f"{name}, p{share}", found.quantile(of, place), "ms")
            for of, name in (("answer_ms", "webhook answered"), ("applied_ms", "event to Integr8"))
            for place, share in enumerate((50, 95, 99))
        ),
    ]
    kept = ", ".join(
        f"{number} {name}" for name, number in found.after.items() if number and number != found.before[name]
    )
    closing = (
        f"Start and end are medians of a tenth of the time each; the slope is that of Theil and Sen in the second "
        f"half. Retention, run with a clock {FORGOTTEN.days} days ahead, left of {sum(last.rows.values())} rows: "
        f"{kept or 'what was there before'}."
    )
    lines += [
        "",
        closing,
        "",
        *([f"Not flat: {one}." for one in problems] or ["Everything stayed flat."]),
        "",
        f"![Memory, latency and rows during the soak]({image})",
    ]
    return "\n".join(lines) + "\n"


def _row(name: str, points: list[Point], unit: str) -> str:
    values = [value for _, value in points]
    tenth = max(1, len(values) // 10)
    middle = len(values) // 2
    parts = (values[:tenth], values[middle : middle + tenth], values[-tenth:])
    shown = " | ".join(f"{median(part):.1f}" for part in parts)
    return f"| {name}, {unit} | {shown} | {slope(warm(points, FILLED)) * 3600:+.1f} {unit}/h |"


def _say(text: str) -> None:
    sys.stderr.write(f"{datetime.now(UTC):%H:%M:%S} {text}\n")
    sys.stderr.flush()


@contextmanager
def _postgres(directory: Path) -> Iterator[str]:
    """A server of its own for as long as the soak lasts."""
    server = started(directory / "postgres")
    try:
        yield server.get_uri("postgres").replace("postgresql://", "postgresql+psycopg://")
    finally:
        server.cleanup()


def main(target: Path, database: str, minutes: float) -> int:
    with tempfile.TemporaryDirectory(prefix="soak-") as directory, ExitStack() as running:
        url = running.enter_context(_postgres(Path(directory))) if database == "postgresql" else None
        rig = Rig(Path(directory) / "home", url)
        rig.database = database
        try:
            found = soak(rig, minutes)
        finally:
            rig.close()
    problems = found.problems()
    build = Path("build/soak")
    build.mkdir(parents=True, exist_ok=True)
    (build / f"{database}.json").write_text(json.dumps(asdict(found), indent=1))
    image = target.parent / "images" / f"soak-{database}.svg"
    image.write_text(picture(found))
    page.put(target, f"soak {database}", words(found, problems, f"images/{image.name}"))
    for one in problems:
        _say(f"not flat: {one}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2], float(os.environ.get("SOAK_MINUTES", "30"))))
