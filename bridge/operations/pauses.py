"""Describe the pause of an item: its start, its end, its rule and its run."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.store.holds import Hold, HoldState
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """A pause. `run_id` and `decided_at` belong to the run that wanted it; None if that is no longer kept."""

    hold_id: int
    rule: str
    subject: str
    since: datetime
    until: datetime | None
    run_id: int | None
    decided_at: datetime | None
    reason: str


def active_pauses(
    session: Session, subject: str, *, account: str | None = None, rule: str | None = None
) -> list[Pause]:
    """Return what a rule, or the rules of an account, keep paused because of this subject, such as `offer=42`."""
    query = (
        select(Hold, Effect.reason, Run.id, Run.started_at)
        .outerjoin(Effect, Effect.id == Hold.effect_id)
        .outerjoin(StoredPlan, StoredPlan.id == Effect.plan_id)
        .outerjoin(Run, Run.id == StoredPlan.run_id)
        .where(Hold.subject == subject, Hold.state == HoldState.ACTIVE)
        .order_by(Hold.id)
    )
    if account is not None:
        query = query.where(Hold.account == account)
    if rule is not None:
        query = query.where(Hold.rule_id == rule)
    return [
        Pause(
            hold_id=hold.id,
            rule=hold.rule_id,
            subject=hold.subject,
            since=hold.since,
            until=hold.until,
            run_id=run_id,
            decided_at=decided_at,
            reason=reason or "",
        )
        for hold, reason, run_id, decided_at in session.execute(query)
    ]
