"""Send events through the rules again, and decide about those that were put aside."""

from collections.abc import Collection
from datetime import datetime
from typing import Literal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bridge import ulid
from bridge.operations.errors import NotThere, Refused
from bridge.store import upkeep
from bridge.store.journal import Event, EventState
from bridge.wiring import House

With = Literal["original", "current"]
MOST = 10_000  # events of one replay; more belong into several, so that one can be stopped


def replay(house: House, event_ids: Collection[str], *, revision: With, who: str, now: datetime) -> list[str]:
    """Put copies of these events into the journal, marked as replays, for the revision of then or of now.

    Guards, cool-downs and the ledger apply as always, so what is so already is not done twice. The rate budget
    paces what follows. Returns the copies' ids. Raises NotThere, Refused.
    """
    with house.store.write() as session:
        made = [_copy(session, event_id, revision, now) for event_id in event_ids]
        detail = {"events": len(made), "with": revision}
        upkeep.note(session, who=who, what="replay", about=f"{len(made)} events", now=now, detail=detail)
    house.queue.nudge("journal.drain")
    return made


def _copy(session: Session, event_id: str, revision: With, now: datetime) -> str:
    event = session.get(Event, event_id)
    if event is None:
        raise NotThere(f"event {event_id}: there is none; `integr8-bridge events list` shows them")
    if event.state == EventState.RECEIVED:
        raise Refused(f"event {event_id}: has not been handled yet, so there is nothing to repeat")
    made = ulid.new()
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
            state=EventState.RECEIVED,
            replay_of=event.id,
            replay_with=revision,
        )
    )
    return made


def matching(
    session: Session, *, source: str | None = None, state: str | None = None, since: datetime | None = None
) -> list[str]:
    """Ids of events for a replay by filter, oldest first, without replays themselves."""
    query = select(Event.id).where(Event.replay_of.is_(None)).order_by(Event.id).limit(MOST)
    if source is not None:
        query = query.where(Event.source == source)
    if state is not None:
        query = query.where(Event.state == state)
    if since is not None:
        query = query.where(Event.received_at >= since)
    return list(session.scalars(query))


def cancel(house: House, *, who: str, now: datetime) -> int:
    """Take replays that have not been handled yet out of the journal. Returns how many."""
    with house.store.write() as session:
        gone = session.scalars(
            update(Event)
            .where(Event.state == EventState.RECEIVED, Event.replay_of.is_not(None))
            .values(state=EventState.DONE, finished_at=now, problem="replay cancelled")
            .returning(Event.id)
        ).all()
        upkeep.note(session, who=who, what="cancel replay", about=f"{len(gone)} events", now=now)
    return len(gone)


def settle_aside(
    house: House, event_id: str, *, accept: bool, who: str, now: datetime, body: bytes | None = None
) -> None:
    """Decide about a quarantined or dead event: handle it (with a corrected body, if one is given) or discard it.

    Raises NotThere, Refused.
    """
    with house.store.write() as session:
        event = session.get(Event, event_id)
        if event is None:
            raise NotThere(f"event {event_id}: there is none; `integr8-bridge events list` shows them")
        if event.state not in {EventState.QUARANTINED, EventState.DEAD}:
            raise Refused(f"event {event_id}: is {event.state}, not put aside; replay it instead")
        if accept:
            event.state, event.finished_at, event.attempts = EventState.RECEIVED, None, 0
            event.claimed_by = event.claimed_until = event.problem = None
            if body is not None:
                event.body, event.content_type = body, "application/json"
        else:
            event.state, event.finished_at = EventState.DONE, now
        what = "accept event" if accept else "discard event"
        upkeep.note(session, who=who, what=what, about=event_id, now=now, detail={"corrected": body is not None})
    house.queue.nudge("journal.drain")
