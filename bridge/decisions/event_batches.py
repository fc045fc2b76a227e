"""One batch of the journal: every rule that listens gets a run for each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from bridge.config.rulebook import Rulebook
from bridge.decisions.decide import Decision, decide_events, pass_over
from bridge.decisions.event_facts import Happening, read_again
from bridge.decisions.event_order import Order
from bridge.decisions.live_facts import observe_postbacks
from bridge.decisions.matching import Listener, facts_for, listeners
from bridge.decisions.persist import record
from bridge.decisions.records import drafted
from bridge.services.container import Services
from bridge.sources import SourceError
from bridge.store import decision_lock, journal, runs
from bridge.store.journal import Event, EventState
from rules.model.plan import Outcome

log = structlog.get_logger()

BATCH = 500


@dataclass(frozen=True, slots=True)
class Drained:
    events: int
    effects_due: bool
    more: bool = True  # events may wait by now


def drain(services: Services, now: datetime) -> Drained:
    """Decide about up to BATCH waiting events, and record it.

    Nothing while another worker decides: it goes on until the journal is empty. When recording fails the events
    are given back; one that fails alone too often becomes a dead letter.
    """
    with services.store.write() as session:
        turn = decision_lock.take(session, now)
        events = journal.take(session, limit=BATCH, now=now) if turn is not None else []
        readable, unreadable = _read(services, events)
        observe_postbacks(services, session, readable, now)  # first: a postback counts in the windows that judge it
        if turn is not None and not events:
            decision_lock.give(session, turn)
    if turn is None or not events:
        return Drained(0, effects_due=False, more=False)
    for event, problem in unreadable:
        _put_aside(services, event, problem, now)
    try:
        return _handle(services, readable, turn, now)
    except Exception:
        log.exception("batch failed", events=len(events))
        return _one_by_one(services, readable, now)


def _put_aside(services: Services, event: Event, problem: str, now: datetime) -> None:
    with services.store.write() as session:
        journal.refuse(session, event, EventState.DEAD, problem=problem, now=now)


def _one_by_one(services: Services, happenings: Sequence[Happening], now: datetime) -> Drained:
    """After a batch failed, each event for itself: a poison event must not take its neighbours along."""
    due = False
    with services.store.write() as session:
        decision_lock.end(session)
    for one in happenings:
        try:
            with services.store.write() as session:
                turn = decision_lock.take(session, now)
            due |= _handle(services, [one], turn or 0, now).effects_due  # without a turn the write is refused
        except Exception as error:
            log.exception("event failed", event_id=one.event.id)
            with services.store.write() as session:
                decision_lock.end(session)
                journal.give_back(session, [one.event], problem=f"{type(error).__name__}: {error}", now=now)
    return Drained(len(happenings), effects_due=due)


def _handle(services: Services, happenings: Sequence[Happening], turn: int, now: datetime) -> Drained:
    """Decide on a reading transaction, write in a short one: webhooks are journalled meanwhile."""
    with services.store.read() as session:
        order = Order(services, session, now)
        decisions = _decide(order, services.library.current(session), happenings)
    drafts = drafted(decisions, now)
    with services.store.write() as session:
        decision_lock.give(session, turn)
        record(session, drafts, now=now)
        journal.finish(session, [one.event for one in happenings], now=now)
        order.write(session)
        more = journal.some_wait(session, now)  # whoever found our turn taken relies on us to look
    due = any(one.plan is not None and (one.plan.outcome is Outcome.READY or one.plan.releases) for one in decisions)
    effects = sum(_wanted(one) for one in decisions)
    log.info("events drained", events=len(happenings), runs=len(decisions), effects=effects)
    return Drained(len(happenings), effects_due=due, more=more)


def _wanted(decision: Decision) -> int:
    return len(decision.plan.effects) if decision.plan and decision.plan.outcome is Outcome.READY else 0


def _read(services: Services, events: Sequence[Event]) -> tuple[list[Happening], list[tuple[Event, str]]]:
    readable, unreadable = [], []
    for event in events:
        source = services.sources.get(event.source)
        if source is None:
            unreadable.append(
                (event, f"source {event.source!r} is not in bridge.yaml any more; put it back and replay")
            )
            continue
        try:
            readable.append(read_again(event, source))
        except SourceError as error:
            unreadable.append((event, str(error)))
    return readable, unreadable


def _decide(order: Order, book: Rulebook, happenings: Sequence[Happening]) -> list[Decision]:
    services, session, now = order.services, order.session, order.now
    order.look(happenings)
    decisions: list[Decision] = []
    for listener in listeners(services, session, book, happenings, now):
        known = runs.existing(session, listener.revision.id, [cause.key for cause in listener.causes])
        fresh, late, why = order.part(listener.without(known))
        if fresh.happenings:
            decisions += _ask(services, session, fresh, now)
        if late.happenings:
            late, facts = facts_for(services, session, late, now)
            decisions += pass_over(late.revision, facts, late.causes, why, now)
    return decisions


def _ask(services: Services, session: Session, listener: Listener, now: datetime) -> list[Decision]:
    listener, facts = facts_for(services, session, listener, now)
    revision = listener.revision
    account = services.settings.accounts.get(revision.account)
    return decide_events(session, revision, facts, account, causes=listener.causes, now=now)
