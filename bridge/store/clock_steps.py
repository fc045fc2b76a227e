"""Handle a clock that was set: due work stays due, and a lease lasts as long as intended.

The database's clock is everybody's (`bridge.store.clock`), but somebody may set it. Set back, rows would wait until it
has caught up. Set forward, or with the machine asleep for a while, leases would look ended while their holders are in
the middle of a call. The ticks tell: they come every second, so a long gap between two of them, or one that lies in the
future, is a clock that moved, or a beat that was away.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import structlog
from sqlalchemy import CursorResult, Delete, Update, delete, update
from sqlalchemy.orm import Session

from bridge.store import heartbeats, ledger
from bridge.store.decision_lock import DecisionLock
from bridge.store.lease import Leased
from bridge.store.ledger import Effect, EffectState
from bridge.store.notifications import ChannelHealth, Notice, NoticeState
from bridge.store.slots import Slot, SlotState

log = structlog.get_logger()

MIN_CLOCK_STEP = timedelta(seconds=30)  # less is not a step: a tick may be late
GAP = timedelta(seconds=90)  # between two ticks of a service that is well; longer than any call
MAX_LEASE = timedelta(minutes=3)  # of any lease
SET = "clock set"  # the heartbeat that says when
#: The longest that anything waits because a server asked for it, with a margin: what lies beyond was stored by a
#: version that took such a request without a ceiling, or by a clock that was set.
CEILING = timedelta(hours=1, minutes=5)
NOTICES = timedelta(hours=25)  # messages are tried for days; two tries lie a day apart at most
CUT, CUT_EVERY = "waits cut", timedelta(minutes=1)
NEVER = datetime.min.replace(tzinfo=UTC)


def effects_left_by(session: Session, now: datetime) -> datetime:
    """Return the moment by which the lease of a dead worker's effects has ended, so that others may take them.

    That is `now` while ticks come. If none came for a while it is never: the clock may have jumped, and a request may
    be in progress without a valid lease. The next tick gives those leases their length again.
    """
    last = heartbeats.last_tick(session)
    return now if last is None or now - last <= GAP else NEVER


def mend(session: Session, now: datetime) -> int:
    """Compare the clock with the last tick before this tick is stored, and move what a clock step has displaced.

    Set back: what was due by the clock of the last tick is due now; a lease ends within the longest one. Work planned
    after that tick keeps its moment. Set forward: effects in progress are held for one more lease. Returns how many
    rows were moved.
    """
    beats = heartbeats.last_beats(session)
    last = beats.get(heartbeats.TICK)
    _cut(session, beats.get(CUT), now)
    if last is None or -MIN_CLOCK_STEP <= now - last <= GAP:
        return _latecomers(session, beats.get(SET), now)
    moves = [_hold_on(now)] if now > last else [_untried(now), *_due(now, last), *_leases(now)]
    moved = sum(_run(session, one) for one in moves)
    heartbeats.beat(session, SET, now)
    log.warning("the clock was set, or no tick came", seconds=round((now - last).total_seconds()), rows=moved)
    return moved


def _cut(session: Session, before: datetime | None, now: datetime) -> None:
    """Move everything that waits for a moment beyond the limit: slots, effects, messages, channels."""
    if before is not None and timedelta(0) <= now - before < CUT_EVERY:
        return
    heartbeats.beat(session, CUT, now)
    end, later = now + CEILING, now + NOTICES
    waits = [
        _untried(now),  # by a clock that ran ahead between two ticks, so that no tick could notice it
        update(Slot).where(Slot.state == SlotState.DUE, Slot.claimed_until > end).values(claimed_until=end),
        update(Effect).where(Effect.state.in_(ledger.OPEN_STATES), Effect.due_at > end).values(due_at=end),
        update(Notice).where(Notice.state == NoticeState.WAITING, Notice.due_at > later).values(due_at=later),
        update(ChannelHealth).where(ChannelHealth.open_until > later).values(open_until=later),
    ]
    cut = sum(_run(session, one) for one in waits)
    if cut:
        log.warning("waits beyond the ceiling were cut", rows=cut)


def _latecomers(session: Session, mended: datetime | None, now: datetime) -> int:
    """Return rows that workers with the old time wrote after the correction."""
    if mended is None or not timedelta(0) <= now - mended <= GAP:
        return 0
    return sum(_run(session, one) for one in [_untried(now), *_leases(now)])


def _untried(now: datetime) -> Update:
    """Return the condition for effects without an attempt, which are never scheduled for later."""
    ahead = Effect.due_at > now + MIN_CLOCK_STEP
    return update(Effect).where(Effect.state == EffectState.PLANNED, Effect.attempts == 0, ahead).values(due_at=now)


def _hold_on(now: datetime) -> Update:
    return update(Effect).where(Effect.claimed_until <= now).values(claimed_until=now + ledger.LEASE)


def _due(now: datetime, last: datetime) -> list[Update | Delete]:
    return [
        update(Effect)
        .where(Effect.state.in_(ledger.OPEN_STATES), Effect.due_at > now, Effect.due_at <= last)
        .values(due_at=now),
        update(Notice)
        .where(Notice.state == NoticeState.WAITING, Notice.due_at > now, Notice.due_at <= last)
        .values(due_at=now),
        delete(Slot).where(Slot.state == SlotState.DUE, Slot.at > now),  # opened again when their moment comes
    ]


def _leases(now: datetime) -> list[Update]:
    """Return the new leases. The fence stays, so that a worker may finish its row."""
    end = now + MAX_LEASE
    return [
        *(
            update(model).where(model.claimed_until > end).values(claimed_until=end)
            for model in Leased.__subclasses__()
        ),
        update(DecisionLock).where(DecisionLock.until > end).values(until=end),
    ]


def _run(session: Session, statement: Update | Delete) -> int:
    done = session.execute(statement.execution_options(synchronize_session=False))
    return cast("CursorResult[Any]", done).rowcount
