"""Process one batch of events: each rule that matches gets a run for each event. Each event fails alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bridge.config.library import Rulebook
from bridge.decisions.account_lock import RoundLost, in_turn
from bridge.decisions.decide import Decision, Evaluated, evaluate_rule, event_facts, plan_in_order, skip_stale
from bridge.decisions.event_facts import ReceivedEvent, read_event
from bridge.decisions.event_order import OrderFilter
from bridge.decisions.inhibitions import with_inhibitions
from bridge.decisions.lease_renewal import renewed
from bridge.decisions.live_facts import EventInputs, LiveInputs, look_ahead, observe_postbacks
from bridge.decisions.persist import announce, record
from bridge.decisions.plan_state import PlanContext
from bridge.decisions.records import RunRecord, run_records
from bridge.decisions.rule_matching import RuleMatch, facts_for, match_rules
from bridge.observability.bulkhead import NOT_ITS_FAULT, sentence
from bridge.sources import Source, SourceError
from bridge.store import decision_lock, deferred_events, halts, journal, order_marks, runs
from bridge.store.engine import Store
from bridge.store.journal import Event, EventState
from bridge.store.lease import LeaseLost
from bridge.store.observations_away import ObservationsAway
from rules.model.plan import Outcome
from rules.model.revision import Mode, Webhook

log = structlog.get_logger()

MAX_EVENTS_PER_BATCH = 500
AWAY_FOR = timedelta(minutes=1)  # an event waits so long where what is known of its conversion cannot be read


@dataclass(frozen=True, slots=True)
class BatchResult:
    events: int
    more: bool = True  # events may wait by now


class StepFailed(Exception):
    """One step of handling events raised. The text names the step and the error."""

    def __init__(self, step: str, error: Exception) -> None:
        super().__init__(f"step {step!r}: {sentence(error)}")


@contextmanager
def _step(name: str) -> Iterator[None]:
    try:
        yield
    except (*NOT_ITS_FAULT, StepFailed, ObservationsAway):
        raise
    except Exception as error:
        raise StepFailed(name, error) from error


@dataclass(frozen=True, slots=True)
class Lane:
    """Events that one worker decides about at a time, in order of arrival.

    Accounts whose rules share no source have separate lanes and do not wait for each other. `sources` None: all of
    them.
    """

    name: str
    sources: frozenset[str] | None = None


def lanes(book: Rulebook) -> list[Lane]:
    """Return the lanes of these rules. A source without a listening rule is in none of them."""
    groups: list[tuple[set[str], set[str]]] = []  # accounts, and the sources that their rules listen to
    for revision in book.active():
        if isinstance(revision.trigger, Webhook):
            accounts, sources = {revision.account}, {revision.trigger.source}
            for group in [one for one in groups if one[0] & accounts or one[1] & sources]:
                accounts |= group[0]
                sources |= group[1]
                groups.remove(group)
            groups.append((accounts, sources))
    return [Lane(f"{decision_lock.EVENTS}:{'+'.join(sorted(one))}", frozenset(its)) for one, its in groups]


def process_batch(store: Store, inputs: EventInputs, now: datetime) -> BatchResult:
    """Decide about up to BATCH waiting events, and record the decisions.

    It returns at once if another worker decides about events (that worker continues until the journal is empty), and if
    everything is halted: then events wait. If single rules are halted, the others decide, and the events are kept for
    the end of the halt. If a step fails for the batch, it is repeated for each event alone. An event that raises again
    is given back, and becomes a dead letter after its last try.
    """
    for lane in _lanes_with_work(store, inputs, now):
        found = _process(store, inputs, lane, now)
        if found.events:
            return found
    return BatchResult(0, more=False)


def _lanes_with_work(store: Store, inputs: EventInputs, now: datetime) -> list[Lane]:
    """Return the lanes with waiting events, that of the oldest event first. With one account there is one lane."""
    if len(inputs.live.accounts) < 2:
        return [Lane(decision_lock.EVENTS)]
    with store.read() as session:
        every = lanes(inputs.live.library.current(session))
        waiting = journal.waiting_sources(session, now)
    unheard = frozenset(waiting).difference(*(lane.sources or () for lane in every))
    if unheard:
        every.append(Lane(f"{decision_lock.EVENTS}:", unheard))
    found = (lane for source in waiting for lane in every if source in (lane.sources or ()))
    return list(dict.fromkeys(found))


def _process(store: Store, inputs: EventInputs, lane: Lane, now: datetime) -> BatchResult:
    with store.write(durable=False) as session:
        halted = halts.why_halted(session) is not None
        fence = None if halted else decision_lock.acquire(session, now, lane.name)
        events = (
            journal.take(session, limit=MAX_EVENTS_PER_BATCH, now=now, sources=lane.sources)
            if fence is not None
            else []
        )
        if fence is not None and not events:
            decision_lock.release(session, fence, lane.name)
    if fence is None or not events:
        return BatchResult(0, more=False)
    with _hold(store, lane, fence, now):
        received = _observed(store, inputs, _read(store, inputs.sources, events, now), now)
        try:
            return _handle(store, inputs, received, Turn(lane, fence), now)
        except StepFailed as error:
            log.exception("batch failed", events=len(events), why=str(error))
        except NOT_ITS_FAULT as error:
            log.warning("batch not recorded", events=len(events), why=sentence(error))
    return _one_by_one(store, inputs, received, lane, now)


@dataclass(frozen=True, slots=True)
class Turn:
    """The lock with which this worker decides about the events of a lane."""

    lane: Lane
    fence: int

    def confirm(self, session: Session, now: datetime) -> None:
        """Check that the lock is still ours. Raises RoundLost."""
        try:
            decision_lock.renew(session, self.fence, self.lane.name, now + decision_lock.LEASE)
        except LeaseLost as error:
            raise RoundLost(str(error)) from error

    def end(self, session: Session) -> None:
        """Release the lock in the transaction that finishes the events. Raises RoundLost if it is no longer ours."""
        try:
            decision_lock.release(session, self.fence, self.lane.name)
        except LeaseLost as error:
            raise RoundLost(str(error)) from error


def _hold(store: Store, lane: Lane, fence: int, now: datetime) -> AbstractContextManager[None]:
    """Renew the lock, because evaluating may take longer than a lease."""

    def hold(session: Session, until: datetime) -> None:
        decision_lock.renew(session, fence, lane.name, until)

    return renewed(store, now, hold, decision_lock.LEASE)


def _read(store: Store, sources: Mapping[str, Source], events: Sequence[Event], now: datetime) -> list[ReceivedEvent]:
    """Return the readable events.

    An event that the settings of its source no longer match becomes a dead letter at once.
    """
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
    """Record the conversions of postbacks before rules decide, so that each counts in the windows of the rules."""
    try:
        _observe(store, inputs, received, now)
    except ObservationsAway as error:
        log.warning("batch not observed", events=len(received), why=str(error))
    except StepFailed as error:
        log.exception("batch failed", events=len(received), why=str(error))
    else:
        return list(received)
    good = []
    for one in received:
        try:
            _observe(store, inputs, [one], now)
        except ObservationsAway as error:
            with store.write() as session:
                journal.put_off(session, [one.event], until=now + AWAY_FOR, problem=f"waits for observations: {error}")
        except StepFailed as error:
            _give_back(store, one.event, error, now)
        else:
            good.append(one)
    return good


def _observe(store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], now: datetime) -> None:
    with _step("observe"):
        look_ahead(store, inputs, received, now)
        with store.write() as session:
            observe_postbacks(session, inputs, received, now)


def _one_by_one(
    store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], lane: Lane, now: datetime
) -> BatchResult:
    """Process each event alone after a batch failed, so that one bad event does not fail its neighbours."""
    _unlock(store, lane)
    for number, one in enumerate(received):
        with store.write() as session:
            fence = decision_lock.acquire(session, now, lane.name)
        if fence is None:  # another worker decides by now; it takes these as well
            with store.write() as session:
                journal.return_untried(session, [left.event for left in received[number:]])
            return BatchResult(number)
        try:
            with _hold(store, lane, fence, now):
                _handle(store, inputs, [one], Turn(lane, fence), now)
        except StepFailed as error:
            _unlock(store, lane)
            _give_back(store, one.event, error, now)
        except NOT_ITS_FAULT as error:
            _unlock(store, lane)
            if one.event.attempts < journal.MAX_ATTEMPTS:
                raise
            _give_back(store, one.event, error, now)  # the database is there for all others
    return BatchResult(len(received))


def _unlock(store: Store, lane: Lane) -> None:
    with store.write() as session:
        decision_lock.abandon(session, lane.name)


Owed = tuple[str, str, int]  # event, rule, halt: a decision that waits for the end of a halt


@dataclass(slots=True, eq=False)
class _Part:
    """The decisions of one account's rules about a batch."""

    account: str
    order: OrderFilter
    evaluated: list[Evaluated] = field(default_factory=list)
    stale: list[Decision] = field(default_factory=list)
    halted: list[Owed] = field(default_factory=list)  # by rules that were not even asked
    held_back: list[Owed] = field(default_factory=list)  # by rules whose plan a halt stopped


def _handle(
    store: Store, inputs: EventInputs, received: Sequence[ReceivedEvent], turn: Turn, now: datetime
) -> BatchResult:
    """Decide account by account, and write in short transactions so that webhooks can be journalled meanwhile.

    The events are finished with the last account. If an earlier account fails, the events are taken again, and rules
    that already have a run for them are not evaluated twice.
    """
    with _step("decide"), store.read() as session:
        again = deferred_events.asked_again(session, [one.event for one in received])
        received = [replace(one, only=again.get(one.event.id)) for one in received] if again else received
        parts = _parts(inputs, session, inputs.live.library.current(session), received, now)
    every = tuple(parts)
    last = parts.pop() if parts else None
    decided: list[Decision] = []
    for part in parts:
        decided += _conclude(store, inputs, part, now, lambda session: turn.confirm(session, now))
    late = {event: why for part in parts for event, why in part.order.late.items()}
    more = False

    def finish(session: Session) -> None:
        nonlocal more
        turn.end(session)
        journal.finish(session, [one.event for one in received], now=now)
        order_marks.say_why(session, late)
        deferred_events.settle(session, again.items())
        deferred_events.defer(session, [owed for part in every for owed in (*part.halted, *part.held_back)])
        more = journal.some_wait(session, now)  # whoever found our lock taken relies on us to look

    if last is None:
        with _step("record"), store.write() as session:
            finish(session)
    else:
        decided += _conclude(store, inputs, last, now, finish)
    effects = sum(_wanted(one) for one in decided)
    log.info("events processed", events=len(received), runs=len(decided), effects=effects)
    return BatchResult(len(received), more=more)


def _conclude(
    store: Store, inputs: EventInputs, part: _Part, now: datetime, also: Callable[[Session], None]
) -> list[Decision]:
    """Plan and record the evaluations of an account; `also` runs in the transaction that records them."""
    decided: list[Decision] = []
    recorded: list[RunRecord] = []

    def plan(session: Session) -> list[Decision]:
        with _step("decide"):
            planned = plan_in_order(session, part.evaluated)
            part.held_back = held_back(session, planned)
            waiting = {(rule, event) for event, rule, _ in part.held_back}
            decided[:] = [one for one in planned if (one.revision.id, one.cause.event_id) not in waiting] + part.stale
            return decided

    def prepare(decisions: Sequence[Decision]) -> list[RunRecord]:
        with _step("record"):
            recorded[:] = run_records(decisions, now)
            return recorded

    def write(session: Session, records: Sequence[RunRecord]) -> None:
        with _step("record"):
            record(session, records, now=now)
            also(session)
            part.order.write(session)

    shadow = all(one.revision.mode is Mode.SHADOW for one in part.evaluated)
    in_turn(store, part.account, now, shadow=shadow, plan=plan, prepare=prepare, write=write)
    if any(map(_has_effects_due, decided)):
        inputs.wake_effects()
    announce(recorded)
    return decided


def _has_effects_due(decision: Decision) -> bool:
    plan = decision.plan
    return plan is not None and (plan.outcome is Outcome.READY or bool(plan.releases))


def held_back(session: Session, planned: Sequence[Decision]) -> list[Owed]:
    """Return what a halt stopped: one that covers only some of a rule's targets, or began after the evaluation."""
    stopped = [one for one in planned if one.plan is not None and any(stop.guard == "halt" for stop in one.plan.stops)]
    if not stopped:
        return []
    halted, owed = halts.open_halts(session), []
    for one in stopped:
        account = one.revision.account
        covering = halted.covering(one.revision.id, account)
        found = [covering] if covering is not None else halted.advertisers(account)
        if not found:
            raise LeaseLost("a halt ended while rules were planned")  # plan again, without it
        if one.cause.event_id is not None:
            owed.append((one.cause.event_id, one.revision.id, found[0].id))
    return owed


def _wanted(decision: Decision) -> int:
    return len(decision.plan.effects) if decision.plan and decision.plan.outcome is Outcome.READY else 0


def _parts(
    inputs: EventInputs, session: Session, book: Rulebook, received: Sequence[ReceivedEvent], now: datetime
) -> list[_Part]:
    """Evaluate the rules that these events concern, except halted ones."""
    live, open_halts = inputs.live, halts.open_halts(session)
    parts: dict[str, _Part] = {}
    for match in match_rules(live.library, session, book, received, now):
        part = parts.get(match.revision.account)
        if part is None:
            part = parts[match.revision.account] = _Part(match.revision.account, _order(inputs, session, match, now))
            part.order.observe(received)
        known = runs.existing(session, match.revision.id, [cause.key for cause in match.causes])
        fresh, late, why = part.order.split(match.without(known))
        halt = open_halts.covering(match.revision.id, match.revision.account)
        if halt is not None:
            part.halted += [(one.event.id, match.revision.id, halt.id) for one in fresh.received]
        elif fresh.received:
            part.evaluated.append(_ask(live, session, fresh, now))
        if late.received:
            late, facts = facts_for(live, session, late, now)
            part.stale += skip_stale(late.revision, facts, late.causes, why, now)
    for match in match_rules(live.library, session, Rulebook(revisions=book.unusable), received, now):
        account = match.revision.account
        part = parts.setdefault(account, _Part(account, _order(inputs, session, match, now)))
        known = runs.existing(session, match.revision.id, [cause.key for cause in match.causes])
        part.evaluated.append(_refused(match.without(known), now))
    return list(parts.values())


class RuleUnusable(Exception):
    """A rule that listens to an event could not be evaluated: it uses a name that bridge.yaml no longer has."""


def _refused(match: RuleMatch, now: datetime) -> Evaluated:
    """Return a failed run for each event, so that undecided events are visible and can be replayed."""
    error = RuleUnusable("the rule does not load beside bridge.yaml as it is; `check` says why; fix it, then replay")
    return Evaluated(PlanContext(match.revision, event_facts([]), None, now), match.causes, None, error)


def _order(inputs: EventInputs, session: Session, match: RuleMatch, now: datetime) -> OrderFilter:
    """Return the order filter.

    With several accounts each has its own, because one may fail where the other does not.
    """
    several = len(inputs.live.accounts) > 1
    return OrderFilter(session, inputs.sources, now, match.revision.account if several else None)


def _ask(live: LiveInputs, session: Session, match: RuleMatch, now: datetime) -> Evaluated:
    match, facts = facts_for(live, session, match, now)
    context = PlanContext(match.revision, facts, live.accounts.get(match.revision.account), now)
    return with_inhibitions(live, session, evaluate_rule(context, causes=match.causes, per_event=True))
