"""One batch of the event journal: every rule that matches gets a run for each event. Every event fails alone."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy.orm import Session

from bridge.config.rulebook import Rulebook
from bridge.decisions.decide import Decision, decide_events, skip_stale
from bridge.decisions.event_facts import ReceivedEvent, read_event
from bridge.decisions.event_order import OrderFilter
from bridge.decisions.live_facts import EventInputs, LiveInputs, observe_postbacks
from bridge.decisions.matching import RuleMatch, facts_for, match_rules
from bridge.decisions.persist import record
from bridge.decisions.plan_state import PlanContext
from bridge.decisions.records import run_records
from bridge.observability.bulkhead import NOT_ITS_FAULT, sentence
from bridge.sources import Source, SourceError
from bridge.store import decision_lock, halts, journal, runs
from bridge.store.engine import Store
from bridge.store.journal import Event, EventState
from rules.model.plan import Outcome

log = structlog.get_logger()

BATCH = 500


@dataclass(frozen=True, slots=True)
class BatchResult:
    events: int
    effects_due: bool
    more: bool = True  # events may wait by now


class StepFailed(Exception):
    """One step of handling events raised. The text names the step and what it raised."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"step {step!r}: {sentence(error)}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except (*NOT_ITS_FAULT, StepFailed):
        raise
    except Exception as error:
        raise StepFailed(name, error) from error


def process_batch(store: Store, inputs: EventInputs, now: datetime) -> BatchResult:
    """Decide about up to BATCH waiting events, and record it.

    Nothing while another worker decides, which goes on until the journal is empty, and nothing while everything is
    halted: then events wait. When a step fails for the batch, it is repeated for each event alone; an event that
    raises again is given back, and becomes a dead letter after its tries.
    """
    with store.write() as session:
        fence = decision_lock.acquire(session, now) if halts.why_halted(session) is None else None
        events = journal.take(session, limit=BATCH, now=now) if fence is not None else []
        if fence is not None and not events:
            decision_lock.release(session, fence)
    if fence is None or not events:
        return BatchResult(0, effects_due=False, more=False)
    received = _observed(store, inputs, _read(store, inputs.sources, events, now), now)
    try:
        return _handle(store, inputs, received, fence, now)
    except StepFailed as error:
        log.exception("batch failed", events=len(events), why=str(error))
    except NOT_ITS_FAULT as error:
        log.warning("batch not recorded", events=len(events), why=sentence(error))
    return _one_by_one(store, inputs, received, now)


def _read(store: Store, sources: Mapping[str, Source], events: Sequence[Event], now: datetime) -> list[ReceivedEvent]:
    """The events that can be read. What its source's settings no longer fit is a dead letter at once."""
    readable = []
    for event in events:
        source = sources.get(event.source)
        if source is None:
            gone = f"source {event.source!r} is not in bridge.yaml any more; put it back and replay"
            _refuse(store, event, gone, now)
            continue
        try:
            readable.append(read_event(event, source))
        except SourceError as error:
            _refuse(store, event, str(error), now)
        except Exception as error:  # noqa: BLE001 - whatever it is, it stays with its event
            _give_back(store, event, StepFailed("read", error), now)
    return readable


def _refuse(store: Store, event: Event, problem: str, now: datetime) -> None:
    with store.write() as session:
        journal.refuse(session, event, EventState.DEAD, problem=problem, now=now)


def _give_back(store: Store, event: Event, error: Exception, now: datetime) -> None:
    log.error("event failed", event_id=event.id, source=event.source, attempts=event.attempts, why=str(error))
    with store.write() as session:
        journal.give_back(session, [event], problem=str(error), now=now)


def _observed(
    store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], now: datetime
) -> list[ReceivedEvent]:
    """Record the conversions of postbacks before rules decide, so that each counts in the windows that judge it."""
    try:
        _observe(store, inputs, received, now)
    except StepFailed as error:
        log.exception("batch failed", events=len(received), why=str(error))
    else:
        return list(received)
    good = []
    for one in received:
        try:
            _observe(store, inputs, [one], now)
        except StepFailed as error:
            _give_back(store, one.event, error, now)
        else:
            good.append(one)
    return good


def _observe(store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], now: datetime) -> None:
    with _step("observe"), store.write() as session:
        observe_postbacks(session, inputs, received, now)


def _one_by_one(store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], now: datetime) -> BatchResult:
    """After a batch failed, each event for itself: a poison event must not take its neighbours along."""
    due = False
    _unlock(store)
    for number, one in enumerate(received):
        with store.write() as session:
            fence = decision_lock.acquire(session, now)
        if fence is None:  # another worker decides by now; it takes these as well
            with store.write() as session:
                journal.return_untried(session, [left.event for left in received[number:]])
            return BatchResult(number, effects_due=due)
        try:
            due |= _handle(store, inputs, [one], fence, now).effects_due
        except StepFailed as error:
            _unlock(store)
            _give_back(store, one.event, error, now)
        except NOT_ITS_FAULT as error:
            _unlock(store)
            if one.event.attempts < journal.MAX_ATTEMPTS:
                raise
            _give_back(store, one.event, error, now)  # the database is there for all others
    return BatchResult(len(received), effects_due=due)


def _unlock(store: Store) -> None:
    with store.write() as session:
        decision_lock.abandon(session)


def _handle(
    store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], fence: int, now: datetime
) -> BatchResult:
    """Decide on a reading transaction, write in a short one: webhooks are journalled meanwhile."""
    with _step("decide"), store.read() as session:
        order = OrderFilter(session, inputs.sources, now)
        decisions = _decide(inputs.live, order, inputs.live.library.current(session), received)
    with _step("record"):
        records = run_records(decisions, now)
        with store.write() as session:
            decision_lock.release(session, fence)
            record(session, records, now=now)
            journal.finish(session, [one.event for one in received], now=now)
            order.write(session)
            more = journal.some_wait(session, now)  # whoever found our lock taken relies on us to look
    due = any(one.plan is not None and (one.plan.outcome is Outcome.READY or one.plan.releases) for one in decisions)
    effects = sum(_wanted(one) for one in decisions)
    log.info("events processed", events=len(received), runs=len(decisions), effects=effects)
    return BatchResult(len(received), effects_due=due, more=more)


def _wanted(decision: Decision) -> int:
    return len(decision.plan.effects) if decision.plan and decision.plan.outcome is Outcome.READY else 0


def _decide(live: LiveInputs, order: OrderFilter, book: Rulebook, received: Sequence[ReceivedEvent]) -> list[Decision]:
    session, now = order.session, order.now
    order.observe(received)
    decisions: list[Decision] = []
    for match in match_rules(live.library, session, book, received, now):
        known = runs.existing(session, match.revision.id, [cause.key for cause in match.causes])
        fresh, late, why = order.split(match.without(known))
        if fresh.received:
            decisions += _ask(live, session, fresh, now)
        if late.received:
            late, facts = facts_for(live, session, late, now)
            decisions += skip_stale(late.revision, facts, late.causes, why, now)
    return decisions


def _ask(live: LiveInputs, session: Session, match: RuleMatch, now: datetime) -> list[Decision]:
    match, facts = facts_for(live, session, match, now)
    account = live.accounts.get(match.revision.account)
    return decide_events(session, PlanContext(match.revision, facts, account, now), causes=match.causes)
