"""Events: every webhook as it was received, written before it is answered. This table is the event journal (inbox)."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import (
    Index,
    LargeBinary,
    Select,
    UniqueConstraint,
    Update,
    bindparam,
    delete,
    func,
    literal,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import Base, Json, UtcDateTime
from bridge.store.lease import Claim, Leased, free

LEASE = timedelta(seconds=60)
MAX_ATTEMPTS = 5  # after so many failures an event is a dead letter


class EventState(StrEnum):
    RECEIVED = "received"  # journalled, waiting to be processed
    DONE = "done"  # every rule that listens has a run
    QUARANTINED = "quarantined"  # does not fit what its source promised; a person decides
    DEAD = "dead"  # failed too often; can be replayed


class Event(Leased, Base):
    __tablename__ = "events"
    __table_args__ = (
        UniqueConstraint("source", "dedupe_key"),
        Index("ix_events_state_received_at", "state", "received_at"),
        Index("ix_events_received_at", "received_at"),
    )

    id: Mapped[str] = mapped_column(primary_key=True)  # ULID: sorts by the time of arrival
    source: Mapped[str]
    event_type: Mapped[str | None]
    delivery_id: Mapped[str | None]  # the sender's own id
    dedupe_key: Mapped[str]
    method: Mapped[str]
    content_type: Mapped[str | None]
    headers: Mapped[dict[str, str]] = mapped_column(Json, default=dict)  # an allow-list of the source, no credentials
    query: Mapped[list[Any]] = mapped_column(Json, default=list)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    remote: Mapped[str | None]
    received_at: Mapped[datetime] = mapped_column(UtcDateTime)
    event_time: Mapped[datetime | None] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(default=EventState.RECEIVED)
    problem: Mapped[str | None]
    faults: Mapped[list[str] | None] = mapped_column(Json)  # values that were dropped because they were wrong
    finished_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    replay_of: Mapped[str | None]
    traceparent: Mapped[str | None]  # names the span of its receipt, where traces are on
    replay_with: Mapped[str | None]  # original | current: the revision to use
    deferred: Mapped[bool | None]  # here again for the rules alone that bridge.store.deferred_events names


def take(session: Session, *, limit: int, now: datetime, sources: Collection[str] | None = None) -> list[Event]:
    """Claim the oldest waiting events for one batch; only of these sources, if some are named."""
    if sources is None:
        return _waiting().take_snapshots(session, limit=limit, now=now)
    return _waiting(of_sources=True).take_snapshots(session, limit=limit, now=now, sources=sorted(sources))


@cache
def _waiting(*, of_sources: bool = False) -> Claim[Event]:
    where = [Event.source.in_(bindparam("sources", expanding=True))] if of_sources else []
    return Claim(Event, Event.state == EventState.RECEIVED, *where, order=[Event.id], length=LEASE)


def waiting_sources(session: Session, now: datetime) -> list[str]:
    """Return the sources of unclaimed events, the one of the oldest event first."""
    waiting = select(Event.source).where(Event.state == EventState.RECEIVED, free(Event, now))
    return list(session.scalars(waiting.group_by(Event.source).order_by(func.min(Event.id))))


def some_wait(session: Session, now: datetime) -> bool:
    """Return whether a batch would find events now."""
    return plain_statements.scalar(session.connection(), _any_waiting(), {"now": now}) is not None


@cache
def _any_waiting() -> Select[str]:
    waiting = (Event.state == EventState.RECEIVED, free(Event, bindparam("now")))
    return select(Event.id).where(*waiting).order_by(Event.id).limit(1)


def count_waiting(session: Session) -> int:
    return int(session.scalar(select(func.count()).where(Event.state == EventState.RECEIVED)) or 0)


def drop_waiting(session: Session, problem: str, now: datetime) -> list[str]:
    """End all waiting events without a decision. Returns their ids, oldest first."""
    gone = session.scalars(
        update(Event)
        .where(Event.state == EventState.RECEIVED)
        .values(
            state=EventState.DONE,
            finished_at=now,
            problem=problem,
            claimed_by=None,
            claimed_until=None,
            fence=Event.fence + 1,
        )
        .returning(Event.id)
        .execution_options(synchronize_session=False)
    )
    return sorted(gone)


def finish(session: Session, events: Sequence[Event], *, now: datetime) -> None:
    """Mark a processed batch. Events whose lease moved on in the meantime stay with their new holder."""
    _release(session, events, state=EventState.DONE, finished_at=now, problem=None)


def refuse(session: Session, event: Event, state: EventState, *, problem: str, now: datetime) -> None:
    """Quarantine one event or mark it dead, with the reason for people."""
    _release(session, [event], state=state, finished_at=now, problem=problem)


def return_untried(session: Session, events: Sequence[Event]) -> None:
    """Return unprocessed events: the claim does not count as an attempt."""
    for event in events:
        event.attempts -= 1
        _release(session, [event], attempts=event.attempts)


def put_off(session: Session, events: Sequence[Event], *, until: datetime, problem: str) -> None:
    """Delay events, because something that they need is down; this does not count as an attempt."""
    for event in events:
        event.attempts -= 1
        _release(session, [event], attempts=event.attempts, claimed_until=until, problem=problem)


def give_back(session: Session, events: Sequence[Event], *, problem: str, now: datetime) -> None:
    """Return events after a failure; those that failed too often become dead letters."""
    for event in events:
        if event.attempts >= MAX_ATTEMPTS:
            refuse(session, event, EventState.DEAD, problem=problem, now=now)
        else:
            _release(session, [event], problem=problem)


def _release(session: Session, events: Sequence[Event], **values: Any) -> None:
    by_fence: dict[int, list[str]] = {}  # nearly always one for a whole batch: the first claim of each
    for event in events:
        by_fence.setdefault(event.fence, []).append(event.id)
    for fence, ids in by_fence.items():
        these = {"these": ids, "mine": fence, **values}
        plain_statements.run(session.connection(), _given_back(frozenset(values)), these)


@cache
def _given_back(names: frozenset[str]) -> Update:
    ours = (Event.id.in_(bindparam("these", expanding=True)), Event.fence == bindparam("mine"))
    free_again: dict[str, Any] = {"claimed_by": None, "claimed_until": None}
    return update(Event).where(*ours).values(free_again | {name: bindparam(name) for name in names})


def forget(session: Session, before: datetime, kept: Select[str]) -> int:
    """Remove events that ended before a moment, except for the `kept` ones.

    Waiting and dead events stay until someone decides.
    """
    old = (Event.state.in_([EventState.DONE]), Event.received_at < before, Event.id.not_in(kept))
    gone = session.execute(delete(Event).where(*old).returning(Event.id))
    return len(gone.all())


def counts(session: Session, states: Collection[str] | None = None) -> dict[str, int]:
    """Return events by state, for the console and the metrics; for single states a million events cost nothing."""
    query = select(Event.state, func.count()).group_by(Event.state)
    rows = session.execute(query if states is None else query.where(Event.state.in_(states)))
    return {row[0]: row[1] for row in rows}


def counts_up_to(session: Session, most: int) -> dict[str, int]:
    """Return events by state, each counted up to `most`: a page for people does not read a million entries."""
    found = {}
    for state in EventState:
        some = select(literal(1)).where(Event.state == state).limit(most).subquery()
        if number := session.scalar(select(func.count()).select_from(some)):
            found[str(state)] = number
    return found
