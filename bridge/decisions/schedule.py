"""Rules that look at a certain time: which slots are due, and one tick over all of them."""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from cronsim import CronSim
from sqlalchemy.orm import Session

from bridge.decisions import silence
from bridge.decisions.decide import Cause, Decision, decide, event_facts
from bridge.decisions.event_facts import EventFacts, Happening
from bridge.decisions.live_facts import scope_facts
from bridge.decisions.persist import record
from bridge.decisions.records import drafted
from bridge.services.container import Services
from bridge.store import decision_lock, runs, slots
from bridge.store.lease import settle
from bridge.store.slots import Slot, SlotState
from rules.model.facts import Facts
from rules.model.revision import Cron, Every, Missed, Revision, Silence
from rules.planning.conflicts import settle as settle_conflicts

log = structlog.get_logger()

AT_ONCE = 50
MOST_MISSED = 24  # slots of one rule that are written down as missed after a pause
JITTER_FROM = timedelta(minutes=2)  # rules that look more often than this are spread by nothing
GRACE = timedelta(minutes=1)
KIND = "rule"


def open_due(session: Session, revisions: Iterable[Revision], now: datetime) -> int:
    """Write the slots that have come due since the last look. Returns how many rules have one now."""
    opened = 0
    for revision in revisions:
        if revision.timed:
            opened += _open(session, revision, now)
    return opened


def _open(session: Session, revision: Revision, now: datetime) -> bool:
    key = f"rule:{revision.id}"
    newest = latest(revision, now)
    before = slots.last(session, key, now)
    if newest is None or (before is not None and newest <= before):
        return False
    missed = _between(revision, before, newest) if before is not None else []
    slots.open_slots(session, [(KIND, key, at) for at in missed], state=SlotState.MISSED)
    late = now - newest > GRACE
    skip = late and getattr(revision.trigger, "missed", Missed.RUN_ONCE) is Missed.SKIP
    slots.open_slots(session, [(KIND, key, newest)], state=SlotState.MISSED if skip else SlotState.DUE)
    return not skip


def latest(revision: Revision, now: datetime) -> datetime | None:
    """The newest moment at or before now at which this rule should look."""
    trigger = revision.trigger
    if isinstance(trigger, Every):
        return _grid(revision.id, trigger.interval, now)
    if isinstance(trigger, Silence):
        return _grid(revision.id, max(trigger.duration / 4, timedelta(seconds=5)), now)
    if isinstance(trigger, Cron):
        return _cron_before(trigger, now)
    return None


def _grid(rule_id: str, interval: timedelta, now: datetime) -> datetime:
    """Multiples of the interval since 1970, moved by a share of it that the rule's name decides.

    So a hundred rules that look every hour do not all look at the full hour.
    """
    seconds = interval.total_seconds()
    shift = 0.0
    if interval >= JITTER_FROM:
        share = int.from_bytes(hashlib.sha256(rule_id.encode()).digest()[:4]) / 2**32
        shift = share * min(seconds / 4, 300)
    steps = (now.timestamp() - shift) // seconds
    return datetime.fromtimestamp(steps * seconds + shift, UTC)


def _cron_before(trigger: Cron, now: datetime) -> datetime | None:
    local = now.astimezone(ZoneInfo(trigger.tz)) + timedelta(seconds=1)
    found = next(CronSim(trigger.expression, local, reverse=True), None)
    return None if found is None else found.astimezone(UTC)


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


def run_due(services: Services, now: datetime) -> int:
    """Decide about all rules whose slot is due, settle what contradicts itself, record. Returns how many ran.

    Nothing while another worker decides; the slots stay due, and the next tick asks again.
    """
    with services.store.write() as session:
        turn = decision_lock.take(session, now)
        taken = slots.take(session, KIND, limit=AT_ONCE, now=now) if turn is not None else []
        if turn is not None and not taken:
            decision_lock.give(session, turn)
    if turn is None or not taken:
        return 0
    try:
        drafts = drafted(settled(_decisions(services, taken, now)), now)
    except Exception:
        with services.store.write() as session:
            decision_lock.end(session)  # the slots come back with their lease, other rules need not wait for it
        raise
    with services.store.write() as session:
        decision_lock.give(session, turn)
        record(session, drafts, now=now)
        for slot in taken:
            settle(session, slot, state=SlotState.DONE, ended_at=now)
    log.info("rules ran", rules=len(drafts), slots=len(taken))
    return len(taken)


def _decisions(services: Services, taken: Sequence[Slot], now: datetime) -> list[Decision]:
    with services.store.read() as session:
        book = services.library.current(session)
        wanted = {f"rule:{one.id}": one for one in book.active()}
        decided = [_decide(services, session, wanted[slot.key], slot, now) for slot in taken if slot.key in wanted]
    return [one for one in decided if one is not None]


def _decide(services: Services, session: Session, revision: Revision, slot: Slot, now: datetime) -> Decision | None:
    """One run, unless its cause has made one already, or there is nothing to run for."""
    account = services.settings.accounts.get(revision.account)
    silent = None
    if isinstance(revision.trigger, Silence):
        silent = silence.heard(session, revision.trigger, services.library.listening_since(session, now), now)
        if silent is None:
            return None
    key = silent.event.dedupe_key if silent else f"slot:{slot.at.isoformat()}"
    if runs.existing(session, revision.id, [key]):
        return None
    facts = _facts(services, session, revision, silent, now)
    return decide(
        session, revision, facts, account, cause=Cause(kind=runs.Cause.SLOT, key=key, due_at=slot.at), now=now
    )


def _facts(services: Services, session: Session, revision: Revision, silent: Happening | None, now: datetime) -> Facts:
    if silent is None:
        return scope_facts(services, session, revision, now)
    if revision.scope.per == ("event",):
        return event_facts([silent])
    found = scope_facts(services, session, revision, now)
    return EventFacts([silent] * len(found.subjects), found.subjects, found)


def settled(decisions: Sequence[Decision]) -> list[Decision]:
    """The same decisions after rules that want opposite things of one target have been told."""
    planned = [one for one in decisions if one.plan is not None]
    known = {one.revision.id: (one.revision, one.state) for one in planned if one.state is not None}
    plans = settle_conflicts([one.plan for one in planned if one.plan is not None], known)
    by_rule = {plan.rule: plan for plan in plans}
    return [one.with_plan(by_rule[one.revision.id]) if one.plan is not None else one for one in decisions]
