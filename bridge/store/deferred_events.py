"""Deferred events: rules that were halted decide about them later; all other rules have decided already."""

from collections.abc import Collection, Iterable

from sqlalchemy import Select, delete, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, insert_new
from bridge.store.journal import Event, EventState


class DeferredEvent(Base):
    """A pending decision of one rule about one event.

    At the end of the halt the event returns to the journal for that rule.
    """

    __tablename__ = "deferred_events"

    event_id: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    halt_id: Mapped[int | None] = mapped_column(Key, index=True)


def defer(session: Session, owed: Iterable[tuple[str, str, int]]) -> None:
    """Keep (event, rule, halt) for the end of the halt. A second halt does not replace the first."""
    rows = [{"event_id": event, "rule_id": rule, "halt_id": halt} for event, rule, halt in owed]
    if rows:
        session.execute(insert_new(session, DeferredEvent), rows)


def asked_again(session: Session, events: Iterable[Event]) -> dict[str, frozenset[str]]:
    """Return event → the rules that it is in the journal again for. Events for all rules are absent."""
    ids = [event.id for event in events if event.deferred]
    found: dict[str, set[str]] = {one: set() for one in ids}
    if ids:
        rows = select(DeferredEvent.event_id, DeferredEvent.rule_id)
        free = (DeferredEvent.event_id.in_(ids), DeferredEvent.halt_id.is_(None))
        for event, rule in session.execute(rows.where(*free)):
            found[event].add(rule)
    return {event: frozenset(rules) for event, rules in found.items()}


def settle(session: Session, asked: Iterable[tuple[str, frozenset[str]]]) -> None:
    """Delete the pending decisions of these rules about these events."""
    for event, rules in asked:
        gone = (DeferredEvent.event_id == event, DeferredEvent.rule_id.in_(rules), DeferredEvent.halt_id.is_(None))
        session.execute(delete(DeferredEvent).where(*gone).execution_options(synchronize_session=False))


def release(session: Session, halt_ids: Collection[int]) -> None:
    """Put the events of these halts back into the journal, for the rules with a pending decision."""
    waiting = DeferredEvent.halt_id.in_(halt_ids)
    session.execute(
        update(Event)
        .where(Event.id.in_(select(DeferredEvent.event_id).where(waiting)))
        # A worker that handles the event for another rule at this moment loses it: it is taken again for both.
        .values(state=EventState.RECEIVED, deferred=True, claimed_by=None, claimed_until=None, fence=Event.fence + 1)
        .execution_options(synchronize_session=False)
    )
    free = update(DeferredEvent).where(waiting).values(halt_id=None)
    session.execute(free.execution_options(synchronize_session=False))


def drop(session: Session, halt_ids: Collection[int], why: str) -> list[str]:
    """Delete what waits for these halts. Returns the ids of the events, oldest first; each stores why."""
    waiting = DeferredEvent.halt_id.in_(halt_ids)
    gone = sorted(set(session.scalars(select(DeferredEvent.event_id).where(waiting))))
    session.execute(
        update(Event)
        .where(Event.id.in_(select(DeferredEvent.event_id).where(waiting)))
        .values(problem=why)
        .execution_options(synchronize_session=False)
    )
    session.execute(delete(DeferredEvent).where(waiting).execution_options(synchronize_session=False))
    return gone


def count(session: Session, halt_ids: Collection[int]) -> int:
    """Return how many events wait for the end of these halts."""
    query = select(func.count(func.distinct(DeferredEvent.event_id))).where(DeferredEvent.halt_id.in_(halt_ids))
    return int(session.scalar(query) or 0)


def waiting_ids() -> Select[str]:
    """Return the ids of events with a pending decision, which retention keeps."""
    return select(DeferredEvent.event_id)


def forget_ended(session: Session) -> None:
    """Delete pending decisions about events that were dropped from the journal."""
    ended = select(Event.id).where(Event.deferred.is_(True), Event.state == EventState.DONE)
    gone = (DeferredEvent.halt_id.is_(None), DeferredEvent.event_id.in_(ended))
    session.execute(delete(DeferredEvent).where(*gone).execution_options(synchronize_session=False))


def rules_of(session: Session, event_id: str) -> list[str]:
    """Return the rules with a pending decision about an event."""
    query = select(DeferredEvent.rule_id).where(DeferredEvent.event_id == event_id)
    return list(session.scalars(query.order_by(DeferredEvent.rule_id)))


def copy(session: Session, event_id: str, copy_id: str) -> None:
    """Move pending decisions from an event to its copy."""
    mine = update(DeferredEvent).where(DeferredEvent.event_id == event_id, DeferredEvent.halt_id.is_(None))
    session.execute(mine.values(event_id=copy_id).execution_options(synchronize_session=False))
