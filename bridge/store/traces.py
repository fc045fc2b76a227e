"""Store the trace of an event, a run or an effect. Queried only where tracing is on."""

from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run


def of_events(session: Session, ids: Collection[str]) -> dict[str, str]:
    """Return event → traceparent, if it has one."""
    rows = session.execute(select(Event.id, Event.traceparent).where(Event.id.in_(ids), Event.traceparent.is_not(None)))
    return {event: traceparent for event, traceparent in rows if traceparent is not None}


def of_effects(session: Session, ids: Collection[int]) -> list[str]:
    """Return the traceparents of the runs behind these effects, each once, the oldest run first."""
    query = (
        select(Run.traceparent, Run.id)
        .join(StoredPlan, StoredPlan.run_id == Run.id)
        .join(Effect, Effect.plan_id == StoredPlan.id)
        .where(Effect.id.in_(ids), Run.traceparent.is_not(None))
        .distinct()
        .order_by(Run.id)
    )
    return [traceparent for traceparent, _ in session.execute(query) if traceparent is not None]
