"""The scheduler: which rules are due at a moment, and one run of each of them. Every rule fails alone."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy.orm import Session

from bridge.config.rulebook import Rulebook
from bridge.decisions import cron, silence
from bridge.decisions.decide import Cause, Decision, decide, event_facts, failed
from bridge.decisions.event_facts import EventFacts, ReceivedEvent
from bridge.decisions.live_facts import LiveInputs, scope_facts
from bridge.decisions.persist import record
from bridge.decisions.plan_state import PlanContext
from bridge.decisions.records import run_records
from bridge.observability.bulkhead import NOT_ITS_FAULT, Bulkhead
from bridge.store import decision_lock, halts, runs, slots
from bridge.store.engine import Store
from bridge.store.lease import settle
from bridge.store.slots import Slot, SlotState
from rules.model.facts import Facts
from rules.model.revision import Cron, Every, Missed, Revision, Silence
from rules.planning.conflicts import settle as settle_conflicts

log = structlog.get_logger()

AT_ONCE = 50
MOST_MISSED = 24  # slots of one rule that are written down as missed after a pause
JITTER_FROM = timedelta(minutes=2)  # rules that are due more often than this are spread by nothing
GRACE = timedelta(minutes=1)
KIND = "rule"
TRIES = 3  # then a database error while a rule is decided about is that rule's own
ONE_RUN = "one run serves all due times that waited"


# --- due slots -------------------------------------------------------------------------------------


def open_due(store: Store, revisions: Iterable[Revision], now: datetime, bulkhead: Bulkhead) -> int:
    """Write the slots that have come due since the last tick. Returns how many rules have one now.

    A rule whose due times cannot be computed is noted as failing; all others get theirs.
    """
    timed = [revision for revision in revisions if revision.timed]
    newest = {}
    for revision in timed:
        with bulkhead.item("rule", revision.id, "schedule"):
            newest[revision.id] = latest(revision, now)
    bulkhead.keep_only("rule", {revision.id for revision in timed}, "schedule", "decide", "record")
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
    late = now - newest > GRACE
    skip = late and getattr(revision.trigger, "missed", Missed.RUN_ONCE) is Missed.SKIP
    state = SlotState.MISSED if skip else SlotState.DUE
    return [*(((KIND, key, at), SlotState.MISSED) for at in missed), ((KIND, key, newest), state)]


def slot_key(rule_id: str) -> str:
    """The key of a rule's due slots."""
    return f"rule:{rule_id}"


def latest(revision: Revision, now: datetime) -> datetime | None:
    """The newest moment at or before now at which this rule is due."""
    trigger = revision.trigger
    if isinstance(trigger, Every):
        return _grid(revision.id, trigger.interval, now)
    if isinstance(trigger, Silence):
        return _grid(revision.id, max(trigger.duration / 4, timedelta(seconds=5)), now)
    if isinstance(trigger, Cron):
        return cron.latest(trigger.expression, trigger.tz, now)
    return None


def _grid(rule_id: str, interval: timedelta, now: datetime) -> datetime:
    """Multiples of the interval since 1970, moved by a share of it that the rule's name decides.

    So a hundred rules that are due every hour are not all due at the full hour.
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
    while len(missed) < MOST_MISSED:
        earlier = latest(revision, at - timedelta(seconds=1))
        if earlier is None or earlier <= before or earlier >= at:
            break
        missed.append(earlier)
        at = earlier
    return missed


# --- runs ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Due:
    """The slots of one rule that are due: the newest is run, the older ones are served by the same run."""

    revision: Revision
    slot: Slot
    older: tuple[Slot, ...]


def run_due(store: Store, inputs: LiveInputs, now: datetime) -> int:
    """Decide about all rules whose slot is due, settle what contradicts itself, record. Returns how many slots ended.

    Nothing while another worker decides or everything is halted; the slots stay due, and the next tick tries again.
    When the batch fails, each rule is decided about by itself, and only those that fail stay undone.
    """
    with store.write() as session:
        fence = decision_lock.acquire(session, now) if halts.why_halted(session) is None else None
        taken = slots.take(session, KIND, limit=AT_ONCE, now=now) if fence is not None else []
        if fence is not None and not taken:
            decision_lock.release(session, fence)
    if fence is None or not taken:
        return 0
    with store.read() as session:
        due, gone = _by_rule(inputs.library.current(session), taken)
    try:
        _run(store, inputs, due, fence, now)
        _close(store, gone, now)
    except NOT_ITS_FAULT:
        _unlock(store)
        raise
    except Exception:
        log.exception("batch of due rules failed", rules=len(due))
        _unlock(store)
        _each_alone(store, inputs, due, gone, now)
    log.info("rules ran", rules=len(due), slots=len(taken))
    return len(taken)


def _unlock(store: Store) -> None:
    """The slots come back with their lease; other rules need not wait for it."""
    with store.write() as session:
        decision_lock.abandon(session)


def _by_rule(book: Rulebook, taken: Sequence[Slot]) -> tuple[list[_Due], list[Slot]]:
    """The due rules, and the slots of rules that are not active any more."""
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


def _run(store: Store, inputs: LiveInputs, due: Sequence[_Due], fence: int, now: datetime) -> None:
    """Decide and record in one go."""
    bulkhead = Bulkhead(store, now)
    decided = []
    for one in due:
        decision = _decision(store, inputs, bulkhead, one, now)
        decided += [decision] if decision is not None else []
    drafts = run_records(settled(decided), now)
    with store.write() as session:
        decision_lock.release(session, fence)
        record(session, drafts, now=now)
        for one in due:
            settle(session, one.slot, state=SlotState.DONE, ended_at=now)
            for older in one.older:
                settle(session, older, state=SlotState.MISSED, ended_at=now, problem=ONE_RUN)


def _close(store: Store, gone: Sequence[Slot], now: datetime) -> None:
    """End the slots of rules that are not active any more."""
    if gone:
        with store.write() as session:
            for slot in gone:
                settle(session, slot, state=SlotState.DONE, ended_at=now)


def _decision(store: Store, inputs: LiveInputs, bulkhead: Bulkhead, due: _Due, now: datetime) -> Decision | None:
    """The decision about one rule; one with an error where the rule or its facts break."""
    try:
        with store.read() as session:
            found = _decide(inputs, session, due, now)
    except Exception as error:
        if isinstance(error, NOT_ITS_FAULT) and due.slot.attempts < TRIES:
            raise
        log.exception("rule failed", rule=due.revision.id)
        found = failed(due.revision, _cause(due, None), error, now)
    with bulkhead.item("rule", due.revision.id, "decide"):
        if found is not None and found.error is not None:
            raise RuleFailed(found.error)
    return found


class RuleFailed(Exception):
    """A run of a rule ended with an error, which its run has too."""


def _each_alone(store: Store, inputs: LiveInputs, due: Sequence[_Due], gone: Sequence[Slot], now: datetime) -> None:
    """After a batch failed: a rule that cannot be recorded must not take its neighbours along."""
    bulkhead = Bulkhead(store, now)
    for one in due:
        with bulkhead.item("rule", one.revision.id, "record"):
            try:
                with store.write() as session:
                    fence = decision_lock.acquire(session, now)
                _run(store, inputs, [one], fence or 0, now)
            except Exception as error:
                _unlock(store)
                with store.write() as session:
                    for slot in (one.slot, *one.older):
                        slots.give_up(session, slot, f"{type(error).__name__}: {error}", now)
                raise
    _close(store, gone, now)


def _decide(inputs: LiveInputs, session: Session, due: _Due, now: datetime) -> Decision | None:
    """One run, unless its cause has made one already, or there is nothing to run for."""
    revision = due.revision
    silent = None
    if isinstance(revision.trigger, Silence):
        silent = silence.heard(session, revision.trigger, inputs.library.listening_since(session, now), now)
        if silent is None:
            return None
    cause = _cause(due, silent)
    if runs.existing(session, revision.id, [cause.key]):
        return None
    facts = _facts(inputs, session, revision, silent, now)
    return decide(session, PlanContext(revision, facts, inputs.accounts.get(revision.account), now), cause=cause)


def _cause(due: _Due, silent: ReceivedEvent | None) -> Cause:
    key = silent.event.dedupe_key if silent else f"slot:{due.slot.at.isoformat()}"
    return Cause(kind=runs.Cause.SLOT, key=key, due_at=due.slot.at)


def _facts(
    inputs: LiveInputs, session: Session, revision: Revision, silent: ReceivedEvent | None, now: datetime
) -> Facts:
    if silent is None:
        return scope_facts(inputs, session, revision, now)
    if revision.scope.per == ("event",):
        return event_facts([silent])
    found = scope_facts(inputs, session, revision, now)
    return EventFacts([silent] * len(found.subjects), found.subjects, found)


def settled(decisions: Sequence[Decision]) -> list[Decision]:
    """The same decisions after rules that want opposite things of one target have been told."""
    planned = [one for one in decisions if one.plan is not None]
    known = {one.revision.id: (one.revision, one.state) for one in planned if one.state is not None}
    plans = settle_conflicts([one.plan for one in planned if one.plan is not None], known)
    by_rule = {plan.rule: plan for plan in plans}
    return [one.with_plan(by_rule[one.revision.id]) if one.plan is not None else one for one in decisions]
