"""Replay events: send them through the rules again. `quarantine` handles those that wait for a decision."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import or_, select, update
from sqlalchemy.orm import Session

from bridge.operations.errors import NothingSelected, NotThere, Refused
from bridge.operations.quarantine import settle_aside
from bridge.services.container import Services
from bridge.store import audit_log, deferred_events, ids
from bridge.store.journal import Event, EventState
from bridge.store.lease import free
from rules.model.formatting import counted

__all__ = ["cancel", "matching", "replay", "settle_aside"]

With = Literal["original", "current"]
MAX_EVENTS_PER_REPLAY = 10_000  # events of one replay; more belong into several, so that one can be stopped
PER_MINUTE = 600  # so many that the newest webhooks never wait long behind old ones
REPLAY_SPACING = timedelta(seconds=5)  # as often as the sweep looks for events that have come due
PACED = "replay"  # stands where a worker's name would: nobody has it, and it is not to be taken yet


def replay(
    services: Services,
    event_ids: Collection[str],
    *,
    revision: With,
    who: str,
    now: datetime,
    per_minute: int = PER_MINUTE,
) -> list[str]:
    """Put copies of these events into the journal, marked as replays, for the past or the present revision.

    Guards, cooldowns and the ledger apply as always, so that nothing is done twice. The first few are handled at once,
    the others become due bit by bit, so that live events go between them and `cancel` has a use. A dead event is closed
    and replaced by its copy. Returns the copies' ids.

    Raises NothingSelected without any event, NotThere, Refused.
    """
    if not event_ids:
        raise NothingSelected("no event is named or matches, so none was replayed")
    at_once = max(int(per_minute * REPLAY_SPACING.total_seconds() / 60), 1)
    with services.store.write() as session:
        made = [
            _copy(session, event_id, revision, now, wait=REPLAY_SPACING * (number // at_once))
            for number, event_id in enumerate(event_ids)
        ]
        detail = {"events": len(made), "with": revision, "of": list(event_ids)[:20]}
        audit_log.note(session, who=who, what="replay", about=counted(len(made), "event"), now=now, detail=detail)
    services.queue.wake("journal.process")
    return made


def _copy(session: Session, event_id: str, revision: With, now: datetime, *, wait: timedelta) -> str:
    event = session.get(Event, event_id)
    if event is None:
        raise NotThere(f"event {event_id}: not found; `integr8-bridge events list` shows them")
    if event.state == EventState.RECEIVED:
        raise Refused(f"event {event_id}: has not been handled yet, so there is nothing to repeat")
    if event.state == EventState.QUARANTINED:
        raise Refused(f"event {event_id}: is quarantined; `events accept` or `events discard` decides about it")
    made = ids.new()
    session.add(
        Event(
            id=made,
            source=event.source,
            event_type=event.event_type,
            delivery_id=event.delivery_id,
            dedupe_key=f"replay:{made}",
            method=event.method,
            content_type=event.content_type,
            headers=event.headers,
            query=event.query,
            body=event.body,
            remote=event.remote,
            received_at=now,
            event_time=event.event_time,
            faults=event.faults,
            state=EventState.RECEIVED,
            claimed_by=PACED if wait else None,
            claimed_until=now + wait if wait else None,
            replay_of=event.id,
            replay_with=revision,
        )
    )
    if event.deferred and event.state == EventState.DEAD:  # only the rules that have not decided are asked again
        session.flush()
        session.get_one(Event, made).deferred = True
        deferred_events.copy(session, event.id, made)
    if event.state == EventState.DEAD:
        event.state, event.problem = EventState.DONE, f"replayed as {made}; before that: {event.problem}"
    return made


def matching(
    session: Session,
    *,
    source: str | None = None,
    state: str | None = None,
    event_type: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[str]:
    """Return ids of events for a replay by filter, oldest first, without replays.

    Without `state`, handled and dead ones: quarantined events wait for another decision. Raises Refused if there are
    more than one replay accepts.
    """
    query = select(Event.id).where(Event.replay_of.is_(None)).order_by(Event.id).limit(MAX_EVENTS_PER_REPLAY + 1)
    query = query.where(Event.state.in_([state] if state else [EventState.DONE, EventState.DEAD]))
    if source is not None:
        query = query.where(Event.source == source)
    if event_type is not None:
        query = query.where(Event.event_type == event_type)
    if since is not None:
        query = query.where(Event.received_at >= since)
    if until is not None:
        query = query.where(Event.received_at < until)
    found = list(session.scalars(query))
    if len(found) > MAX_EVENTS_PER_REPLAY:
        raise Refused(
            f"replay: more than {MAX_EVENTS_PER_REPLAY} events match; replay them in parts, with a shorter time"
        )
    return found


def cancel(services: Services, *, who: str, now: datetime) -> int:
    """Remove replays that are not yet handled from the journal. Returns how many."""
    with services.store.write() as session:
        gone = session.scalars(
            update(Event)
            .where(
                Event.state == EventState.RECEIVED,
                Event.replay_of.is_not(None),
                or_(Event.claimed_by == PACED, free(Event, now)),
            )
            .values(
                state=EventState.DONE,
                finished_at=now,
                problem="replay cancelled",
                claimed_by=None,
                claimed_until=None,
            )
            .returning(Event.id)
        ).all()
        audit_log.note(session, who=who, what="cancel replay", about=counted(len(gone), "event"), now=now)
    return len(gone)
