"""The scheduler: find the rules that are due, and run each of them once. Every rule fails alone."""

import hashlib
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bridge.config.library import Rulebook
from bridge.decisions import answer_history, cron, silence
from bridge.decisions.account_lock import RoundLost, in_turn
from bridge.decisions.answer_history import Before, Memory
from bridge.decisions.decide import (
    Cause,
    Decision,
    Evaluated,
    evaluate_rule,
    event_facts,
    failure,
    plan_in_order,
    timed_facts,
)
from bridge.decisions.event_facts import ReceivedEvent
from bridge.decisions.inhibitions import with_inhibitions
from bridge.decisions.lease_renewal import renewed
from bridge.decisions.live_facts import LiveInputs
from bridge.decisions.persist import announce, record
from bridge.decisions.plan_state import PlanContext
from bridge.decisions.records import RunRecord, run_records
from bridge.observability.bulkhead import NOT_ITS_FAULT, Bulkhead
from bridge.store import halts, runs, slots
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.engine import Store
from bridge.store.halts import OpenHalts
from bridge.store.lease import LeaseLost, ours, settle
from bridge.store.slots import Slot, SlotState
from rules.model.revision import Cron, Every, Missed, Mode, Revision, Silence
from rules.planning.conflicts import settle as settle_conflicts

log = structlog.get_logger()

AT_ONCE = 50
MAX_MISSED_SLOTS = 24  # slots of one rule that are written down as missed after a pause
JITTER_FROM = timedelta(minutes=2)  # rules that are due more often than this are spread by nothing
MISSED_AFTER = timedelta(minutes=1)
KIND = "rule"
ROUND = 2.0  # processor seconds of evaluating, after which what is ready is recorded; what is left may others take
MAX_DATABASE_TRIES = 3  # then a database error while a rule is decided about is that rule's own
ONE_RUN = "one run serves all due times that waited"


# --- due slots -------------------------------------------------------------------------------------


def open_due(
    store: Store, active: Iterable[Revision], now: datetime, bulkhead: Bulkhead, disabled: Iterable[Revision] = ()
) -> int:
    """Write the slots that have become due since the last tick. Returns how many rules have one now.

    A rule whose due times cannot be computed is noted as failing; all others get theirs. Due times of a calendar while
    its rule is disabled are recorded as missed: enabling the rule again does not run them.
    """
    timed = [revision for revision in active if revision.timed]
    kept = {revision.id for revision in timed}
    timed += [revision for revision in disabled if isinstance(revision.trigger, Cron)]
    newest = {}
    for revision in timed:
        with bulkhead.item("rule", revision.id, "schedule"):
            newest[revision.id] = latest(revision, now)
    bulkhead.keep_only("rule", kept, "schedule", "decide", "record")
    with store.read() as session:
        opened = [row for one in timed for row in _to_open(session, one, newest.get(one.id), now)]
    for state in (SlotState.MISSED, SlotState.DUE):
        rows = [row for row, its in opened if its is state]
        if rows:
            with store.write() as session:
                slots.open_slots(session, rows, state=state)
    return sum(state is SlotState.DUE for _, state in opened)


def _to_open(
    session: Session, revision: Revision, newest: datetime | None, now: datetime
) -> list[tuple[tuple[str, str, datetime], SlotState]]:
    key = slot_key(revision.id)
    before = slots.last(session, key, now)
    if newest is None or (before is not None and newest <= before):
        return []
    missed = _between(revision, before, newest) if before is not None else []
    late = now - newest > MISSED_AFTER
    # What a calendar had due before the rule was there is nothing that it missed; the slot says from when on it counts.
    foreign = before is None and isinstance(revision.trigger, Cron)
    skip = revision.mode is Mode.DISABLED or (late and (foreign or _skips_missed(revision)))
    state = SlotState.MISSED if skip else SlotState.DUE
    return [*(((KIND, key, at), SlotState.MISSED) for at in missed), ((KIND, key, newest), state)]


def _skips_missed(revision: Revision) -> bool:
    return isinstance(revision.trigger, Every | Cron) and revision.trigger.missed is Missed.SKIP


def slot_key(rule_id: str) -> str:
    """Return the key of a rule's due slots."""
    return f"rule:{rule_id}"


def keys_in(scope: AccountScope, book: Rulebook) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Return which due slots to take: keys to choose from, None for all, and keys to leave out.

    A slot whose rule is gone belongs to those who take all but some.
    """
    if scope.only is not None:
        return frozenset(slot_key(one.id) for one in book.revisions.values() if scope.covers(one.account)), frozenset()
    return None, frozenset(slot_key(one.id) for one in book.revisions.values() if not scope.covers(one.account))


def halted_keys(halted: OpenHalts, book: Rulebook) -> frozenset[str]:
    """Return the keys of rules that are halted by themselves or through their account."""
    of_accounts = {one.id for one in book.revisions.values() if one.account in halted.accounts}
    return frozenset(slot_key(rule) for rule in halted.rules | of_accounts)


def latest(revision: Revision, now: datetime) -> datetime | None:
    """Return the newest moment at or before now at which this rule is due."""
    trigger = revision.trigger
    if isinstance(trigger, Every):
        return _grid(revision.id, trigger.interval, now)
    if isinstance(trigger, Silence):
        return _grid(revision.id, max(trigger.duration / 4, timedelta(seconds=5)), now)
    if isinstance(trigger, Cron):
        return cron.latest(trigger.expression, trigger.tz, now)
    return None


def _grid(rule_id: str, interval: timedelta, now: datetime) -> datetime:
    """Return multiples of the interval since 1970, shifted by a part of it that depends on the rule's name.

    So a hundred hourly rules are not all due at the full hour.
    """
    seconds = interval.total_seconds()
    shift = 0.0
    if interval >= JITTER_FROM:
        share = int.from_bytes(hashlib.sha256(rule_id.encode()).digest()[:4]) / 2**32
        shift = share * min(seconds / 4, 300)
    steps = (now.timestamp() - shift) // seconds
    return datetime.fromtimestamp(steps * seconds + shift, UTC)


def _between(revision: Revision, before: datetime, newest: datetime) -> list[datetime]:
    missed: list[datetime] = []
    at = newest
    while len(missed) < MAX_MISSED_SLOTS:
        earlier = latest(revision, at - timedelta(seconds=1))
        if earlier is None or earlier <= before or earlier >= at:
            break
        missed.append(earlier)
        at = earlier
    return missed


# --- runs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Due:
    """The due slots of one rule: the newest is run, and the same run serves the older ones."""

    revision: Revision
    slot: Slot
    older: tuple[Slot, ...]

    @property
    def slots(self) -> tuple[Slot, ...]:
        return (self.slot, *self.older)


@dataclass(frozen=True, slots=True, eq=False)
class _Ready:
    """A due rule that was evaluated. None: there is nothing to run, and its slots only end."""

    due: _Due
    evaluated: Evaluated | None


def run_due(store: Store, inputs: LiveInputs, now: datetime, scope: AccountScope = EVERYONE) -> int:
    """Decide about rules whose slot is due. Returns how many slots ended; 0: no slot is left that is not in progress.

    It does nothing while everything is halted, and skips rules that are halted themselves or by their account: the
    slots stay due, and the next tick tries again. Evaluating takes no lock. Quick rules are planned and recorded
    together, account by account. A rule that was slow the last time is evaluated after the others, and other workers
    take whatever else is due by then.
    """
    with store.write() as session:
        halted = halts.open_halts(session)
        book = inputs.library.current(session) if halted or not scope.everyone else Rulebook(revisions={})
        only, but = keys_in(scope, book)
        but |= halted_keys(halted, book)
        taken = (
            []
            if halted.everything
            else slots.take(session, KIND, limit=AT_ONCE, now=now, alone=True, but=but, only=only)
        )
    if not taken:
        return 0
    with store.read() as session:
        due, gone = _by_rule(inputs.library.current(session), taken)
    _close(store, gone, now)

    def hold(session: Session, until: datetime) -> None:
        slots.renew(session, taken, until)

    with renewed(store, now, hold, slots.LEASE):
        ready, left = _evaluate(store, replace(inputs, round=object(), inhibitors={}), due, now)
        if left:
            with store.write() as session:
                slots.return_untried(session, [slot for one in left for slot in one.slots])
        _record(store, inputs.answers, ready, now)
    for account, integration in {(one.due.revision.account, one.due.revision.integration) for one in ready}:
        data = inputs.data(account, integration)
        data.end_round()
        with Bulkhead(store, now).item("service", "observations", "read"):
            data.keep_sums(now)
            data.say_away()
    ended = len(gone) + sum(len(one.due.slots) for one in ready)
    log.info("rules ran", rules=len(ready), slots=ended)
    return ended


def _by_rule(book: Rulebook, taken: Sequence[Slot]) -> tuple[list[_Due], list[Slot]]:
    """Return the due rules, and the slots of rules that are no longer active."""
    wanted = {slot_key(one.id): one for one in book.active()}
    slots_of: dict[str, list[Slot]] = {}
    for slot in taken:
        slots_of.setdefault(slot.key, []).append(slot)
    due, gone = [], []
    for key, members in slots_of.items():
        *older, newest = sorted(members, key=lambda slot: slot.at)
        if key in wanted:
            due.append(_Due(wanted[key], newest, tuple(older)))
        else:
            gone += members
    return due, gone


def _close(store: Store, gone: Sequence[Slot], now: datetime) -> None:
    """End the slots of rules that are no longer active."""
    if gone:
        with store.write() as session:
            for slot in gone:
                settle(session, slot, state=SlotState.DONE, ended_at=now)


# --- evaluating, without a lock --------------------------------------------------------------------


def _evaluate(store: Store, inputs: LiveInputs, due: Sequence[_Due], now: datetime) -> tuple[list[_Ready], list[_Due]]:
    """Evaluate these rules, the quick ones first; returns those that are left after ROUND seconds."""
    bulkhead = Bulkhead(store, now)
    waiting = sorted(due, key=lambda one: inputs.seconds.get(one.revision.id, 0.0))
    ready: list[_Ready] = []
    spent = 0.0
    for number, one in enumerate(waiting):
        if ready and spent + inputs.seconds.get(one.revision.id, 0.0) > ROUND:
            return ready, waiting[number:]
        began = time.thread_time()  # of the processor: on a busy machine every rule takes longer
        ready.append(_Ready(one, _evaluated(store, inputs, bulkhead, one, now)))
        inputs.seconds[one.revision.id] = took = time.thread_time() - began
        spent += took
    return ready, []


def _evaluated(store: Store, inputs: LiveInputs, bulkhead: Bulkhead, due: _Due, now: datetime) -> Evaluated | None:
    """Return the evaluation of one rule; one with an error if the rule or its facts raise."""
    try:
        with store.read() as session:
            found = _asked(inputs, session, due, now)
    except Exception as error:
        if isinstance(error, NOT_ITS_FAULT) and due.slot.attempts < MAX_DATABASE_TRIES:
            raise
        log.exception("rule failed", rule=due.revision.id)
        nothing = PlanContext(due.revision, event_facts([]), inputs.accounts.get(due.revision.account), now)
        found = Evaluated(nothing, (_cause(due, None),), None, error)
    with bulkhead.item("rule", due.revision.id, "decide"):
        if found is not None and found.error is not None:
            raise RuleFailed(failure(found.error))
    return found


class RuleFailed(Exception):
    """A run of a rule ended with an error, which its run records too."""


def _asked(inputs: LiveInputs, session: Session, due: _Due, now: datetime) -> Evaluated | None:
    """Evaluate one rule, unless its cause has a run already, or there is nothing to run."""
    revision = due.revision
    silent = None
    if isinstance(revision.trigger, Silence):
        silent = silence.heard(session, revision.trigger, inputs.library.listening_since(session, now), now)
        if silent is None:
            return None
    cause = _cause(due, silent)
    if runs.existing(session, revision.id, [cause.key]):
        return None
    facts = timed_facts(inputs, session, revision, silent, now)
    context = PlanContext(revision, facts, inputs.accounts.get(revision.account), now)
    return with_inhibitions(inputs, session, evaluate_rule(context, causes=[cause]))


# --- planning and recording, account by account ----------------------------------------------------


def _record(store: Store, memory: Memory, ready: Sequence[_Ready], now: datetime) -> None:
    """Plan and record the evaluations. If an account's rules fail together, each is recorded alone."""
    of_account: dict[str, list[_Ready]] = {}
    for one in ready:
        of_account.setdefault(one.due.revision.account, []).append(one)
    lost: Exception | None = None
    for account, members in of_account.items():
        try:
            _in_turn(store, memory, account, members, now)
        except NOT_ITS_FAULT as error:  # its slots come back with their lease; the other accounts have theirs
            lost = error
        except Exception:
            log.exception("batch of due rules failed", account=account, rules=len(members))
            _each_alone(store, memory, account, members, now)
    if lost is not None:
        raise lost


def _in_turn(store: Store, memory: Memory, account: str, members: Sequence[_Ready], now: datetime) -> None:
    evaluated = [one.evaluated for one in members if one.evaluated is not None]
    taken = [slot for one in members for slot in one.due.slots]
    before: dict[str, Before] = {}
    recorded: list[RunRecord] = []
    halted: set[str] = set()  # rules whose halt began after their slots were taken: their runs wait for its end

    def plan(session: Session) -> list[Decision]:
        nonlocal before, halted
        halted = _halted(session, evaluated)
        items = {one.revision.id: one.evaluation.subjects for one in evaluated if one.evaluation is not None}
        before = answer_history.load(session, memory, [one.revision.id for one in evaluated], items)
        known = {one.revision.id: runs.existing(session, one.revision.id, [one.causes[0].key]) for one in evaluated}
        fresh = [one for one in evaluated if not known[one.revision.id] and one.revision.id not in halted]
        return without_conflicts(_planned(session, fresh))

    def prepare(decisions: Sequence[Decision]) -> list[RunRecord]:
        recorded[:] = run_records(decisions, now, before)
        return recorded

    def write(session: Session, records: Sequence[RunRecord]) -> None:
        mine = ours(session, Slot, {slot.id: slot.fence for slot in taken})
        if len(mine) < len(taken):
            raise RoundLost("another worker has taken over these rules")
        record(session, records, now=now)
        for one in members:
            if one.due.revision.id in halted:
                slots.return_untried(session, one.due.slots)
                continue
            settle(session, one.due.slot, state=SlotState.DONE, ended_at=now)
            for older in one.due.older:
                settle(session, older, state=SlotState.MISSED, ended_at=now, problem=ONE_RUN)

    shadow = all(one.revision.mode is Mode.SHADOW for one in evaluated)
    in_turn(store, account, now, shadow=shadow, plan=plan, prepare=prepare, write=write)
    announce(recorded)
    for made in recorded:
        if made.change is not None:
            memory[made.run["rule_id"]] = answer_history.numbered(made.change.after, made.run["id"])


def _halted(session: Session, evaluated: Sequence[Evaluated]) -> set[str]:
    """Return those rules that are halted by now."""
    found = halts.open_halts(session)
    return {one.revision.id for one in evaluated if found.covering(one.revision.id, one.revision.account) is not None}


def _planned(session: Session, fresh: Sequence[Evaluated]) -> list[Decision]:
    """Return plans of rules that were not halted a moment ago.

    Raises LeaseLost if one is by now; the caller plans again.
    """
    planned = plan_in_order(session, fresh)
    if any(one.state is not None and one.state.halt is not None for one in planned):
        raise LeaseLost("a halt began while rules were planned")
    return planned


def _each_alone(store: Store, memory: Memory, account: str, members: Sequence[_Ready], now: datetime) -> None:
    """Record each rule alone after a batch failed, so that one rule does not fail its neighbours."""
    bulkhead = Bulkhead(store, now)
    for one in members:
        with bulkhead.item("rule", one.due.revision.id, "record"):
            try:
                _in_turn(store, memory, account, [one], now)
            except NOT_ITS_FAULT:
                raise
            except Exception as error:
                with store.write() as session:
                    for slot in one.due.slots:
                        slots.give_up(session, slot, f"{type(error).__name__}: {error}", now)
                raise


def _cause(due: _Due, silent: ReceivedEvent | None) -> Cause:
    key = silent.event.dedupe_key if silent else f"slot:{due.slot.at.isoformat()}"
    return Cause(kind=runs.Cause.SLOT, key=key, due_at=due.slot.at)


def without_conflicts(decisions: Sequence[Decision]) -> list[Decision]:
    """Return the same decisions after notifying rules that want opposite things of one target."""
    planned = [one for one in decisions if one.plan is not None]
    known = {one.revision.id: (one.revision, one.state) for one in planned if one.state is not None}
    plans = settle_conflicts([one.plan for one in planned if one.plan is not None], known)
    by_rule = {plan.rule: plan for plan in plans}
    return [one.with_plan(by_rule[one.revision.id]) if one.plan is not None else one for one in decisions]
