"""Convert ledger rows to the values that `rules` decides on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bridge.decisions import subjects
from bridge.decisions.decide import event_facts, facts_of_events
from bridge.decisions.event_facts import EventFacts, ReceivedEvent, read_event
from bridge.decisions.live_facts import facts_for_subjects, scope_facts
from bridge.decisions.plan_state import PlanContext
from bridge.decisions.rule_matching import subjects_named
from bridge.operations.decide import live_inputs
from bridge.operations.errors import Refused
from bridge.operations.selection import EVERYTHING, Choice, Everything, Named, Selection, check_part_of, find, only
from bridge.services.container import Services
from bridge.sources import SourceError
from bridge.store import entities
from bridge.store.exact_json import thaw
from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run
from rules.model.facts import Facts
from rules.model.plan import Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.revision import HoldFor, Revision
from rules.model.state import target_of


def effect_of(row: Effect) -> PlannedEffect:
    """Return a row as the planned effect."""
    hold = row.hold
    seconds = hold.get("seconds") if hold else None
    return PlannedEffect(
        step=row.step,
        verb=row.verb,
        target=target_of(row.kind, row.target_id, account=row.account, integration=row.integration),
        subject=subjects.load(row.subject),
        wanted=thaw(row.wanted),
        key=thaw(row.key),
        prior=None if row.prior is None else thaw(row.prior),
        after=tuple(row.after),
        hold=HoldFor(hold["kind"], timedelta(seconds=seconds) if seconds is not None else None) if hold else None,
        hold_until=datetime.fromisoformat(hold["until"]) if hold and hold.get("until") else None,
        hold_count=hold.get("count", 1) if hold else 1,
        urgent=row.urgent,
        money_24h=row.money_24h,
        reason=row.reason,
    )


def chosen(session: Session, revision: Revision, choice: Choice, known: Collection[Target], what: str) -> Selection:
    """Return which targets of a run or a plan a person means. Raises NothingSelected for targets outside it."""
    if isinstance(choice, Everything):
        return EVERYTHING
    if isinstance(choice, Named):
        return find(choice, every_id(session, known), what)
    where = {"account": revision.account, "integration": revision.integration}
    found = only(target_of(one.kind, one.id, **where) for one in choice.targets)
    check_part_of(found, known, what)
    return found


def every_id(session: Session, targets: Collection[Target]) -> Mapping[Target, set[str]]:
    """Return both ids of each target, as far as known, and the one that it is planned by."""
    wanted = sorted({one.id for one in targets})
    pairs = entities.both_ids(session, wanted)
    return {one: {one.id, *pairs.get((one.account, one.kind, one.id), ())} for one in targets}


def plan_of(stored: StoredPlan, effects: Sequence[Effect], revision: Revision) -> Plan:
    """Return a waiting plan as it was shown."""
    return Plan(
        rule=stored.rule_id,
        revision=revision.hash,
        outcome=Outcome.WAITING,
        effects=tuple(effect_of(row) for row in effects),
        stops=tuple(Stop(guard=one["guard"], message=one["message"]) for one in stored.stops),
        waiting_since=stored.created_at,
        priority=revision.priority,
    )


def facts_of(services: Services, session: Session, revision: Revision, run: Run, now: datetime) -> Facts:
    """Return the facts that this run would see now: the same event, or everything in scope.

    Raises Refused if the event can no longer be read.
    """
    if run.event_id is None:
        return scope_facts(live_inputs(services), session, revision, now)
    event = session.get(Event, run.event_id)
    source = services.sources.get(event.source) if event else None
    if event is None or source is None:
        return event_facts([])
    try:
        received = read_event(event, source)
    except SourceError as error:
        raise Refused(f"event {event.id}: cannot be read as source {event.source!r} is set up now: {error}") from error
    return facts_of_event(services, session, revision, received, now)


def facts_of_event(
    services: Services, session: Session, revision: Revision, received: ReceivedEvent, now: datetime
) -> Facts:
    """Return the facts of one event for one rule."""
    if revision.scope.per == ("event",):
        return facts_of_events(live_inputs(services), revision, [received], now)
    named_subjects = [one for one in subjects_named(revision, [received], now) if one is not None]
    live = facts_for_subjects(live_inputs(services), session, revision, named_subjects, now)
    return EventFacts([received] * len(named_subjects), named_subjects, live)


def account_is_gone(name: str) -> str:
    """Return the message for an operation on an account that bridge.yaml no longer has."""
    ways = f"`integr8-bridge accounts rename {name} NEW` moves what it has, `accounts forget {name}` ends it"
    return f"account {name}: is not in bridge.yaml any more; {ways}"


def context_of(services: Services, session: Session, revision: Revision, run: Run | None, now: datetime) -> PlanContext:
    """Return the context for a plan of this rule at this moment: for the run's event, or for everything in its scope.

    Without a run, for a plan that needs no facts. Raises Refused if the event can no longer be read.
    """
    if revision.account not in services.settings.accounts and run is not None:
        raise Refused(account_is_gone(revision.account))
    facts = event_facts([]) if run is None else facts_of(services, session, revision, run, now)
    return PlanContext(revision, facts, services.settings.accounts.get(revision.account), now)
