"""After the clock was set back: what was due stays due, and leases end when they would have ended.

All moments are written by the clock of the process that writes. Where that clock ran ahead, rows were put off until a
time that is far away by the clock of now, and would stand still until then.
"""

from datetime import datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, Delete, Update, delete, update
from sqlalchemy.orm import Session

from bridge.store import ledger, upkeep
from bridge.store.deciding import Turn
from bridge.store.lease import Leased
from bridge.store.ledger import Effect, EffectState
from bridge.store.notices import Notice, NoticeState
from bridge.store.slots import Slot, SlotState

log = structlog.get_logger()

STEP = timedelta(seconds=30)  # less is the jitter of machines beside each other
LONGEST = timedelta(minutes=3)  # of any lease


def mend(session: Session, now: datetime) -> int:
    """Compare the clock with the last tick, and bring forward what would wait for the difference.

    What was due by the clock of the last tick is due now; a lease ends within the longest one. What was meant for later
    than that tick keeps its moment. An effect that nobody has tried yet is never meant for later, so one that is was
    written by a worker whose clock is ahead of the others. Returns how many rows were moved.
    """
    untried = _run(session, _untried(now))
    last = upkeep.heartbeats(session).get("tick")
    if last is None or last <= now + STEP:
        return untried
    moved = untried + sum(_run(session, one) for one in [*_due(now, last), *_leases(now)])
    log.warning("the clock was set back", seconds=round((last - now).total_seconds()), rows=moved)
    return moved


def _untried(now: datetime) -> Update:
    ahead = Effect.due_at > now + STEP
    return update(Effect).where(Effect.state == EffectState.PLANNED, Effect.attempts == 0, ahead).values(due_at=now)


def _due(now: datetime, last: datetime) -> list[Update | Delete]:
    return [
        update(Effect)
        .where(Effect.state.in_(ledger.OPEN), Effect.due_at > now, Effect.due_at <= last)
        .values(due_at=now),
        update(Notice)
        .where(Notice.state == NoticeState.WAITING, Notice.due_at > now, Notice.due_at <= last)
        .values(due_at=now),
        delete(Slot).where(Slot.state == SlotState.DUE, Slot.at > now),  # opened again when their moment comes
    ]


def _leases(now: datetime) -> list[Update]:
    """The fence stays: whoever still works on a row may finish it."""
    end = now + LONGEST
    return [
        *(
            update(model).where(model.claimed_until > end).values(claimed_until=end)
            for model in Leased.__subclasses__()
        ),
        update(Turn).where(Turn.until > end).values(until=end),
    ]


def _run(session: Session, statement: Update | Delete) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
