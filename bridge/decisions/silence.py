"""Detect sources that have been silent for too long. Each silence becomes one event."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.decisions.event_facts import ReceivedEvent
from bridge.sources import ParsedEvent
from bridge.store.journal import Event
from rules.model.revision import Silence


def heard(session: Session, trigger: Silence, listening_since: datetime, now: datetime) -> ReceivedEvent | None:
    """Return the silence if it has lasted long enough; None otherwise.

    A source that never sent anything is silent since we began to listen. The body has `last_event_at` (or nothing) and
    `minutes`, so that a rule can say `body.minutes >= 60`.
    """
    query = select(func.max(Event.received_at)).where(Event.source == trigger.source)
    if trigger.event is not None:
        query = query.where(Event.event_type == trigger.event)
    last = session.scalar(query)
    since = last or listening_since
    if now - since < trigger.duration:
        return None
    key = f"silence-{trigger.source}-{since.isoformat()}"
    event = Event(
        id=key, source=trigger.source, event_type="silence", dedupe_key=key, method="", body=b"", received_at=since
    )
    body = {"source": trigger.source, "minutes": int((now - since).total_seconds() // 60)}
    if last is not None:
        body["last_event_at"] = last.isoformat()
    return ReceivedEvent(event, ParsedEvent(body=body, event_type="silence", dedupe_key=key))
