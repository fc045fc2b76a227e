"""Cancel planned effects of a run that have not been executed yet. Undo uses this."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bridge.operations.selection import Selection
from bridge.store import ledger
from bridge.store.holds import Hold, HoldState
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from rules.model.plan import Target
from rules.model.state import target_of

UNDER_WAY = (EffectState.CLAIMED, EffectState.SENT, EffectState.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The cancelled effects, and those that a worker is executing at this moment."""

    effects: Sequence[Effect] = ()
    under_way: Sequence[Effect] = ()


def cancel_planned(
    session: Session, plan_ids: Collection[int], *, why: str, now: datetime, selection: Selection
) -> Cancelled:
    """Skip the planned effects of proceeding plans.

    An effect in progress is finished by its worker, and listed here.
    """
    rows = session.scalars(
        select(Effect)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.plan_id.in_(plan_ids),
            StoredPlan.state == PlanState.READY,
            Effect.state.in_([EffectState.PLANNED, *UNDER_WAY]),
        )
        .order_by(Effect.id)
    )
    meant = [row for row in rows if target(row) in selection]
    return _skip(session, meant, why, now)


def cancel_subject(session: Session, plan_id: int, subject: str, *, why: str, now: datetime) -> Cancelled:
    """Cancel the planned steps of one subject."""
    rows = [row for row in ledger.effects_of(session, plan_id) if row.subject == subject]
    return _skip(session, [row for row in rows if row.state in {EffectState.PLANNED, *UNDER_WAY}], why, now)


def target(row: Effect) -> Target:
    return target_of(row.kind, row.target_id, account=row.account, integration=row.integration)


def _skip(session: Session, rows: Sequence[Effect], why: str, now: datetime) -> Cancelled:
    planned = [row.id for row in rows if row.state == EffectState.PLANNED]
    gone = set(
        session.scalars(
            update(Effect)
            .where(Effect.id.in_(planned), Effect.state == EffectState.PLANNED)  # a worker may have been quicker
            .values(state=EffectState.SKIPPED, ended_at=now, error=why)
            .returning(Effect.id)
            .execution_options(synchronize_session=False)
        )
    )
    done = [row for row in rows if row.id in gone]
    for row in done:
        session.refresh(row)
        _keep_held(session, row)
    ledger.close_finished(session, {row.plan_id for row in done}, now)
    return Cancelled(done, [row for row in rows if row.id not in gone])


def _keep_held(session: Session, row: Effect) -> None:
    """Keep the target of a cancelled release held, until a person decides otherwise."""
    hold = session.get(Hold, row.releases) if row.releases is not None else None
    if hold is not None and hold.state == HoldState.RELEASED:
        hold.state, hold.until = HoldState.ACTIVE, None
        hold.ended_at = hold.ended_by = hold.ended_why = None
