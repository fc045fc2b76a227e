"""After a database restore: find effects that Integr8 may have applied and the database forgot.

Between the copy and now, effects were executed of which the restored ledger knows nothing. So nothing leaves the
service before a person has looked, whatever was under way is read before it is sent, and a request to another server,
whose effect nobody can read, is not sent a second time.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from bridge.store import audit_log, halts, heartbeats, holds, ledger
from bridge.store.journal import Event, EventState
from bridge.store.lease import Leased
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.slots import Slot

UNREADABLE = ("http",)  # verbs whose outcome cannot be asked for
PERHAPS = "restored from a copy: it may have been sent after the copy was made; it is not sent a second time"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoubtfulEffect:
    """An effect that a person has to check before `resume`."""

    newest: datetime | None  # the last sign of life in the copy; what is later is not known here
    events: int  # received and not worked on when the copy was made; rules decide about them again
    effects: int  # under way; Integr8 is read before anything is sent
    given_up: int  # requests to other servers that may have been sent
    plans: int  # waiting for a person, who may have said yes since
    holds: int  # active in the copy; a target that is active by now ends its hold


def distrust(session: Session, *, by: str, why: str, now: datetime) -> DoubtfulEffect:
    """Halt, and mark all open effects as ambiguous. Safe to run again."""
    halts.halt(session, by=by, why=why, now=now)
    given_up = _give_up(session, now)
    in_doubt = _unsettle(session, now)
    for model in (Event, Slot):
        _free(session, model)
    found = DoubtfulEffect(
        newest=max(heartbeats.last_beats(session).values(), default=None),
        events=session.scalar(select(func.count()).where(Event.state == EventState.RECEIVED)) or 0,
        effects=in_doubt,
        given_up=given_up,
        plans=ledger.count_waiting(session),
        holds=holds.count_active(session),
    )
    audit_log.note(session, who=by, what="restore", about="database", now=now, detail={"effects": in_doubt, "why": why})
    return found


def _give_up(session: Session, now: datetime) -> int:
    gone = session.execute(
        update(Effect)
        .where(Effect.verb.in_(UNREADABLE), Effect.state.in_(ledger.OPEN_STATES), _carried_out())
        .values(state=EffectState.FAILED, ended_at=now, error=PERHAPS, claimed_by=None, claimed_until=None)
        .execution_options(synchronize_session=False)
        .returning(Effect.id)
    )
    return len(gone.all())


def _unsettle(session: Session, now: datetime) -> int:
    """Set effects to ambiguous, so that their handlers read first. Later steps wait for these as before.

    The fence increases, so that a worker from before the restore cannot write.
    """
    gone = session.execute(
        update(Effect)
        .where(Effect.state.in_(ledger.OPEN_STATES), Effect.due_at.is_not(None), _carried_out())
        .values(state=EffectState.UNKNOWN, due_at=now, claimed_by=None, claimed_until=None, fence=Effect.fence + 1)
        .execution_options(synchronize_session=False)
        .returning(Effect.id)
    )
    return len(gone.all())


def _carried_out() -> ColumnElement[bool]:
    return Effect.plan_id.in_(select(StoredPlan.id).where(StoredPlan.state == PlanState.READY))


def _free(session: Session, model: type[Leased]) -> None:
    """Release leases of processes that ended long ago."""
    session.execute(
        update(model)
        .where(model.claimed_until.is_not(None))
        .values(claimed_by=None, claimed_until=None)
        .execution_options(synchronize_session=False)
    )
