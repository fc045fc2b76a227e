"""Latencies: how long events waited for the first call that they caused."""

from collections.abc import Collection
from datetime import datetime
from functools import cache

from sqlalchemy import Select, bindparam, select
from sqlalchemy.orm import Session

from bridge.store import plain_statements
from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run

MAX_EFFECTS_OF_A_CALL = 500  # effects of one call that are looked at; a bulk call of more says nothing else


def received_at(session: Session, effects: Collection[int]) -> list[datetime]:
    """Return when the events behind these effects arrived; without effects that waited for approval, and others."""
    return plain_statements.scalars(session, _received(), {"effects": sorted(effects)[:MAX_EFFECTS_OF_A_CALL]})


@cache
def _received() -> Select[datetime]:
    return (
        select(Event.received_at)
        .join(Run, Run.event_id == Event.id)
        .join(StoredPlan, StoredPlan.run_id == Run.id)
        .join(Effect, Effect.plan_id == StoredPlan.id)
        .where(Effect.id.in_(bindparam("effects", expanding=True)), StoredPlan.decided_at.is_(None))
    )
