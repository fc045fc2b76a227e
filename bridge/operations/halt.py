"""Halt all changes, and resume: what waited is then decided, or dropped with a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy.orm import Session

from bridge.decisions import schedule
from bridge.services.container import Services
from bridge.store import audit_log, halts, journal, ledger, slots
from bridge.store.slots import SlotState
from rules.model import formatting

WaitingEvents = Literal["decide", "drop"]
AUDITED = 1_000  # ids of dropped events in one line of the audit; each event says it as well


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """What waits for the end of a halt."""

    events: int  # received, and not decided about
    runs: int  # of rules, due by the clock
    effects: int  # planned before the halt

    def __str__(self) -> str:
        events, runs = formatting.counted(self.events, "event"), formatting.counted(self.runs, "due run")
        return f"{events}, {runs} and {formatting.counted(self.effects, 'effect')} wait"


@dataclass(frozen=True, slots=True, kw_only=True)
class Resumed:
    """The halt that has ended, what waited, and what was dropped."""

    was_halted: bool
    since: datetime | None = None
    why: str | None = None
    waiting: Waiting = Waiting(events=0, runs=0, effects=0)
    dropped_events: Sequence[str] = ()
    dropped_runs: Sequence[str] = ()  # rule and due time


def waiting(session: Session) -> Waiting:
    """How much waits at this moment."""
    return Waiting(
        events=journal.count_waiting(session),
        runs=slots.count_due(session, schedule.KIND),
        effects=ledger.count_open(session),
    )


def resume(services: Services, *, who: str, now: datetime, events: WaitingEvents = "decide") -> Resumed:
    """End the halt.

    The events and due runs that waited are decided about now, by the rules of now, unless `events` says `drop`: then
    they end without a decision, are listed in the answer and the audit, and the events can be replayed. Effects that
    were planned before the halt go out in either case, each after its own checks.
    """
    with services.store.write() as session:
        counted = waiting(session)
        ended = halts.resume(session, by=who, now=now)
        if ended is None:
            return Resumed(was_halted=False)
        gone: list[str] = []
        passed: list[str] = []
        if events == "drop":
            why = f"dropped at resume by {who}; `events replay` handles it after all"
            gone = journal.drop_waiting(session, why, now)
            missed = slots.close_due(session, schedule.KIND, SlotState.MISSED, f"dropped at resume by {who}", now)
            passed = [f"{key.removeprefix('rule:')} of {at:%Y-%m-%d %H:%M:%S} UTC" for key, at in missed]
            detail = {"events": gone[:AUDITED], "number": len(gone), "runs": passed[:AUDITED]}
            audit_log.note(
                session,
                who=who,
                what="drop waiting",
                about=formatting.counted(len(gone), "event"),
                now=now,
                detail=detail,
            )
    for name in ("journal.process", "rules.run_due", "effects.perform"):
        services.queue.wake(name)
    return Resumed(
        was_halted=True,
        since=ended.since,
        why=ended.why,
        waiting=counted,
        dropped_events=gone,
        dropped_runs=passed,
    )
