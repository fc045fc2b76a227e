"""Accept or discard quarantined events and dead letters."""

import hashlib
from datetime import datetime
from urllib.parse import parse_qsl

from sqlalchemy.orm import Session

from bridge.decisions.event_facts import read_event
from bridge.operations.errors import NotThere, Refused
from bridge.services.container import Services
from bridge.sources import SourceError
from bridge.store import audit_log
from bridge.store.journal import Event, EventState

ASIDE = frozenset({EventState.QUARANTINED, EventState.DEAD})
OF_THE_BODY = frozenset({"content-type", "content-encoding", "content-length"})


def settle_aside(
    services: Services,
    event_id: str,
    *,
    accept: bool,
    who: str,
    now: datetime,
    body: bytes | None = None,
    why: str = "",
) -> None:
    """Accept a quarantined or dead event, with a corrected body if one is given, or discard it.

    It stays the same event, so a rule that had a run for it or for its `dedupe` key makes no second one. A correction
    is parsed before it is stored; the audit keeps the SHA-256 of the previous body. Raises NotThere, Refused.
    """
    with services.store.write() as session:
        event = _aside(session, event_id)
        detail = {"was": str(event.state), "problem": event.problem, "why": why}
        if body is not None and accept:
            detail["corrected_from"] = hashlib.sha256(event.body).hexdigest()
            _correct(services, event, body)
        event.state = EventState.RECEIVED if accept else EventState.DONE
        event.finished_at = None if accept else now
        event.problem = None if accept else f"discarded by {who}; before that: {event.problem}"
        event.claimed_by, event.claimed_until, event.attempts = None, None, 0
        what = "accept event" if accept else "discard event"
        audit_log.note(session, who=who, what=what, about=event_id, now=now, detail=detail)
    services.queue.wake("journal.process")


def _aside(session: Session, event_id: str) -> Event:
    event = session.get(Event, event_id)
    if event is None:
        raise NotThere(f"event {event_id}: not found; `integr8-bridge events list` shows them")
    if event.state not in ASIDE:
        raise Refused(f"event {event_id}: is {event.state}, neither quarantined nor dead; replay it instead")
    return event


def _correct(services: Services, event: Event, body: bytes) -> None:
    """Replace the body by a corrected text in the source's format."""
    source = services.sources.get(event.source)
    if source is None:
        raise Refused(f"event {event.id}: source {event.source!r} is no longer in bridge.yaml; add it again first")
    event.headers = {name: value for name, value in event.headers.items() if name.lower() not in OF_THE_BODY}
    if source.format == "query":
        event.query, event.body = [list(pair) for pair in parse_qsl(body.decode("utf-8", "replace").strip())], b""
    else:
        is_form = source.format == "form"
        event.method, event.query, event.body = "POST", [], body
        event.content_type = "application/x-www-form-urlencoded" if is_form else "application/json"
    try:
        reading = read_event(event, source).parsed
    except SourceError as error:
        raise Refused(f"event {event.id}: the corrected body cannot be read: {error}") from error
    if reading.quarantine:
        raise Refused(f"event {event.id}: the corrected body does not match either: {reading.quarantine}")
    event.event_type, event.event_time = reading.event_type, reading.event_time
