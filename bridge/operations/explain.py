"""Explain why a rule did or did not act on an item, now or at any time for which observations are kept."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, or_, select
from sqlalchemy.orm import Session

from bridge.config.renamed import with_old_names
from bridge.decisions import subjects
from bridge.decisions.event_facts import ReceivedEvent, read_event
from bridge.decisions.inhibitions import among_others
from bridge.decisions.live_facts import facts_for_subjects, scope_facts
from bridge.decisions.plan_state import PlanContext, load_state
from bridge.decisions.records import trace_json
from bridge.decisions.rule_matching import subjects_named
from bridge.operations.decide import live_inputs
from bridge.operations.errors import NotThere, OperationError
from bridge.operations.pauses import Pause, active_pauses
from bridge.operations.plan_values import facts_of_event
from bridge.operations.verdict_history import PastEvaluation, past_evaluations
from bridge.reports.current_facts import LiveFacts, chosen
from bridge.reports.live_observations import Coverage
from bridge.services.container import Services
from bridge.sources import SourceError
from bridge.store import entities, feeds, revisions
from bridge.store.entities import Entity
from bridge.store.journal import Event
from rules.evaluation import explain as wording
from rules.evaluation.evaluate import evaluate
from rules.model.facts import Facts, Subject, Why
from rules.model.revision import Mode, Revision, Scope, Webhook
from rules.model.syntax import Condition
from rules.model.verdicts import Answer, Evaluation, Verdict
from rules.planning.plan import plan as make_plan
from rules.planning.plan import targets, why_not

OFFERED = 10  # items that a name may mean
SEARCHED = 500  # newest events of a source among which one about the subject is looked for
OWN_PAUSE = frozenset({"held", "cooldown"})  # they follow from the pause that the rule itself began
MIRRORED = ("offer", "publisher", "advertiser")  # what Integr8 lists, so what is not listed does not exist
UNDONE = {
    Mode.DISABLED: "the rule is disabled",
    Mode.SHADOW: "the rule is in shadow: what it wants is recorded, not done",
    Mode.APPROVE: "the rule asks first: what it wants waits for a person",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The verdict with its numbers, the obstacles, and the results of the last evaluations."""

    rule: str
    revision: str
    at: datetime
    verdict: Verdict
    outside: str | None  # why the rule does not look at this subject at all
    stopped_by: tuple[str, ...]
    would_do: tuple[str, ...]
    evaluations: tuple[PastEvaluation, ...]
    tz: str
    paused: Pause | None = None  # the rule has acted already, and its pause is in force

    @property
    def standing(self) -> str | None:
        """A text such as `Already paused by this rule since 2026-11-24 09:20 CET (run 8), until ...`."""
        if self.paused is None:
            return None
        zone = ZoneInfo(self.tz)
        run = f" (run {self.paused.run_id})" if self.paused.run_id else ""
        until = wording.local(self.paused.until, zone) if self.paused.until else "somebody ends the pause"
        return f"Already paused by this rule since {wording.local(self.paused.since, zone)}{run}, until {until}"

    @property
    def text(self) -> str:
        stops = (f"it is not in the rule's scope: {self.outside}",) if self.outside else self.stopped_by
        lines = [wording.render(self.verdict, tz=self.tz, stopped_by=stops)]
        lines += [f"{self.standing}."] if self.standing else []
        if self.would_do:
            lines.append(f"It would {', '.join(self.would_do)}.")
        if self.evaluations:
            lines.append("Last checks:")
        lines += [f"  {_said(one, self.tz)}" for one in self.evaluations]
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        verdict = self.verdict
        return {
            "rule": self.rule,
            "revision": self.revision,
            "at": self.at.isoformat(),
            "subject": str(verdict.subject),
            "answer": verdict.answer.word,
            "why": Why(verdict.why).name.lower(),
            "reason": verdict.reason,
            "outside": self.outside,
            "stopped_by": list(self.stopped_by),
            "standing": self.standing,
            "would_do": list(self.would_do),
            "trace": trace_json(verdict.trace),
            **with_old_names("explanation", {"evaluations": [one.as_json() for one in self.evaluations]}),
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class _Seen:
    """The facts about one subject, with its position among them."""

    facts: Facts
    row: int
    event_id: str | None = None
    outside: str | None = None

    @property
    def subject(self) -> Subject:
        return self.facts.subjects[self.row]


def explain(
    services: Services, rule: str, subject: Subject, *, now: datetime, at: datetime | None = None
) -> Explanation:
    """Evaluate as of that time: with the revision that was live then, and the facts that were known then.

    Without `at`, obstacles are those of the present guards, holds and mutes. With it, obstacles and effects are read
    from the last evaluation at or before that time. Raises NotThere for an unknown rule or event, OperationError for a
    subject of another kind.
    """
    moment = at or now
    with services.store.read() as session:
        revision = _revision(services, session, rule, at)
        seen = _facts(services, session, revision, subject, moment, past=at is not None)
        evaluation = evaluate(revision, seen.facts, moment)
        evaluated = past_evaluations(session, rule, seen.subject, until=moment, event_id=seen.event_id)
        stopped: tuple[str, ...] = evaluated[0].stopped_by if evaluated and at is not None else ()
        would: tuple[str, ...] = ()
        paused = None
        if at is None:
            paused = next(iter(active_pauses(session, subjects.dump(seen.subject), rule=rule)), None)
        if at is None and seen.outside is None:
            stopped, would = _in_the_way(services, session, evaluation, seen, paused)
        return Explanation(
            rule=rule,
            revision=revision.hash,
            at=moment,
            verdict=_without_promise(evaluation.explain(seen.row), seen.outside),
            outside=seen.outside,
            stopped_by=stopped,
            would_do=would,
            evaluations=evaluated,
            tz=_zone(services, revision),
            paused=paused,
        )


def parse_subject(text: str) -> Subject:
    """Parse `offer=42` or `offer=42,publisher=7`. Raises OperationError."""
    try:
        return subjects.load(text)
    except ValueError as error:
        raise OperationError(str(error)) from None


def _without_promise(verdict: Verdict, outside: str | None) -> Verdict:
    """Return the counterfactuals without promises of more traffic for subjects that the rule does not evaluate."""
    return verdict if outside is None else replace(verdict, trace=replace(verdict.trace, flip=None))


def _said(one: PastEvaluation, tz: str) -> str:
    answer = "not in scope" if one.answer is None else one.answer.replace("_", " ")
    more = "; ".join(one.did or one.stopped_by)
    return f"{wording.local(one.at, ZoneInfo(tz))}, run {one.run_id}: {answer}{f'; {more}' if more else ''}"


def _zone(services: Services, revision: Revision) -> str:
    account = services.settings.accounts.get(revision.account)
    return revision.data.tz if revision.data.tz != "UTC" or account is None else account.timezone


def _revision(services: Services, session: Session, rule: str, at: datetime | None) -> Revision:
    book = services.library.current(session)
    digest = revisions.in_force(session, rule, at) if at is not None else None
    found = services.library.revision(session, digest) if digest else None
    if found is not None:
        return found
    if rule in book.revisions:
        return book.revisions[rule]
    known = ", ".join(sorted(book.revisions)) or "none"
    extra = " (it was loaded once, and is not any more)" if revisions.history(session, rule) else ""
    raise NotThere(f"rule {rule!r}: not found{extra}; rules are: {known}")


def _in_the_way(
    services: Services, session: Session, evaluation: Evaluation, seen: _Seen, paused: Pause | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what keeps the rule from acting on the subject at this moment, and what it would do."""
    revision = evaluation.revision
    account = services.settings.accounts.get(revision.account)
    alone = PlanContext(revision, seen.facts, account, evaluation.now)
    context = among_others(live_inputs(services), session, alone, evaluation)
    state = load_state(session, context, targets(revision, evaluation))
    plan = make_plan(revision, evaluation, state, evaluation.now)
    found = why_not(plan, seen.subject)
    if state.halt is not None or state.halted_advertisers:  # what would stand in the way without the halt is no secret
        without = make_plan(revision, evaluation, replace(state, halt=None, halted_advertisers={}), evaluation.now)
        found = (*found, *why_not(without, seen.subject))
    stops = [stop.message for stop in found if paused is None or stop.guard not in OWN_PAUSE]
    if paused is None and evaluation.answers[seen.row] == Answer.YES and revision.mode in UNDONE:
        stops.append(UNDONE[revision.mode])
    would = (effect for effect in plan.effects if effect.subject == seen.subject)
    return tuple(stops), tuple(f"{effect.verb} {effect.target}" for effect in would)


# --- the facts of then -----------------------------------------------------------------------------


def _facts(
    services: Services, session: Session, revision: Revision, subject: Subject, at: datetime, *, past: bool
) -> _Seen:
    event_id = subject.get("event")
    if event_id is not None:
        return _of_event(services, session, revision, _happening(services, session, event_id), at)
    if subject.per != revision.scope.per:
        wanted = ",".join(f"{dimension}=..." for dimension in revision.scope.per)
        raise OperationError(
            f"rule {revision.id}: evaluates {' x '.join(revision.scope.per)}; write --subject {wanted}"
        )
    _refuse_unknown(session, revision, subject)
    subject = _by_number(services, session, revision, subject, at)
    if isinstance(revision.trigger, Webhook):
        received = _newest_about(services, session, revision, subject, at)
        found = _of_event(services, session, revision, received, at)
        return replace(found, row=list(found.facts.subjects).index(subject))
    facts = scope_facts(live_inputs(services), session, revision, at)
    outside = None
    if subject not in facts.subjects:
        outside = _outside(facts, revision, subject)
        facts = replace(facts, subjects=[*facts.subjects, subject])
    if past:
        facts = _as_of(session, facts, at)
    return _Seen(facts, list(facts.subjects).index(subject), outside=outside)


def _by_number(services: Services, session: Session, revision: Revision, subject: Subject, at: datetime) -> Subject:
    """Return the subject with the ids that reports use; people may write Integr8's text ids too."""
    aliases = facts_for_subjects(live_inputs(services), session, revision, [subject], at).data.directory.aliases
    pairs = zip(subject.per, subject.ids, strict=True)
    return Subject(subject.per, tuple(aliases.get(dimension, {}).get(one, one) for dimension, one in pairs))


def _refuse_unknown(session: Session, revision: Revision, subject: Subject) -> None:
    """Raise NotThere for an id that does not exist in Integr8, once the mirror is known."""
    known = entities.count_by_kind(session, revision.account, revision.integration)
    for kind, identity in zip(subject.per, subject.ids, strict=True):
        if kind in MIRRORED and known.get(kind) and entities.named(session, revision.account, kind, identity) is None:
            raise NotThere(f"there is no {kind} {identity} in Integr8; search for it by its name or number")


@dataclass(frozen=True, slots=True)
class Called:
    """An item that a person may mean, in one account or in several that number their items alike."""

    subject: Subject
    name: str = ""
    accounts: tuple[str, ...] = ()  # none where the text did not say what it is called in Integr8


def subjects_called(
    session: Session, text: str, kinds: Collection[str] = MIRRORED, *, account: str | None = None
) -> list[Called]:
    """Return everything that a person may mean: `offer=42`, `offer 42`, a number, an id or a name.

    With `account` only items of this account are meant.
    Raises NotThere if nothing has that name.
    """
    if "=" in text:
        return [Called(parse_subject(text))]
    first, _, rest = text.strip().partition(" ")
    wanted = [first.lower()] if first.lower() in kinds and rest else list(kinds)
    name = rest.strip() if first.lower() in kinds and rest else text.strip()
    if not name:
        raise NotThere("write a number, an id or a name, for example 1009 or offer=1009")
    query = select(Entity).where(Entity.kind.in_(wanted), entities.matches(name))
    query = query if account is None else query.where(Entity.account == account)
    exact = case((or_(Entity.number == name, Entity.ref == name, Entity.name == name), 0), else_=1)
    found = session.scalars(query.order_by(exact, Entity.gone_at.is_not(None), Entity.kind, Entity.id).limit(OFFERED))
    by_subject: dict[Subject, Called] = {}  # accounts number their items alike: one subject may be an item of each
    for one in found:
        subject = Subject((one.kind,), (one.number or one.ref,))  # type: ignore[arg-type]
        before = by_subject.get(subject, Called(subject, one.name or ""))
        by_subject[subject] = replace(before, accounts=(*before.accounts, one.account))
    called = list(by_subject.values())
    if not called:
        where = "Integr8" if account is None else f"account {account}"
        kind = " or ".join([", ".join(wanted[:-1]), wanted[-1]] if wanted[1:] else wanted)
        raise NotThere(f"there is no {kind} called {name!r} in {where}")
    same = [one for one in called if name in {one.subject.ids[0], one.name}]
    return same or called


def _outside(facts: LiveFacts, revision: Revision, subject: Subject) -> str:
    """Return the part of the scope that excludes a subject."""
    alone = LiveFacts(facts.session, facts.data, [subject], facts.now, facts.tables, facts.joins, facts.zone)
    scope = revision.scope
    for name, wanted in scope.where.items():
        if not chosen(alone, _only(revision, replace(scope, where={name: wanted}, exclude={}, conditions=None))):
            value = _plain(alone, name)
            return f"{name} is {value}; `where` wants {' or '.join(_word(one) for one in wanted)}"
    for name, refused in scope.exclude.items():
        if not chosen(alone, _only(revision, replace(scope, where={}, exclude={name: refused}, conditions=None))):
            return f"`except` leaves out {name} {_plain(alone, name)}"
    for item in scope.conditions.items if scope.conditions else ():
        one = replace(scope.conditions, items=(item,)) if scope.conditions else None
        if not chosen(alone, _only(revision, replace(scope, where={}, exclude={}, conditions=one))):
            return f"`where` wants {item.text if isinstance(item, Condition) else item.kind}"
    return "Integr8 does not list it, and it had no traffic lately"


def _only(revision: Revision, scope: Scope) -> Revision:
    return replace(revision, scope=scope)


def _plain(alone: LiveFacts, name: str) -> str:
    try:
        value = alone.attribute(name).values[0]
    except LookupError:
        value = None
    return "not known" if value is None else _word(value)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _as_of(session: Session, facts: LiveFacts, at: datetime) -> LiveFacts:
    """Return the same facts with the feeds' marks of that time: what was complete then, not what is now."""
    covered = {}
    for kind, one in facts.data.coverage.items():
        marks = feeds.marks(session, one.feed_id, at, at)
        as_of = marks[-1][1] if marks else min(one.as_of, at)
        covered[kind] = Coverage(one.feed_id, one.since, min(as_of, at))
    facts.data.coverage.clear()
    facts.data.coverage.update(covered)
    return facts


# --- events ----------------------------------------------------------------------------------------


def _happening(services: Services, session: Session, event_id: str) -> ReceivedEvent:
    event = session.get(Event, event_id)
    source = services.sources.get(event.source) if event else None
    if event is None or source is None:
        raise NotThere(f"event {event_id}: not found; `integr8-bridge events list` shows them")
    try:
        return read_event(event, source)
    except SourceError as error:
        raise OperationError(f"event {event_id}: cannot be read: {error}") from error


def _of_event(services: Services, session: Session, revision: Revision, received: ReceivedEvent, at: datetime) -> _Seen:
    event = received.event
    trigger = revision.trigger
    if not isinstance(trigger, Webhook) or trigger.source != event.source:
        raise OperationError(f"rule {revision.id}: has no trigger for {event.source}, the source of this event")
    facts = facts_of_event(services, session, revision, received, at)
    if not facts.subjects:
        dimensions = " x ".join(revision.scope.per)
        raise OperationError(
            f"event {event.id}: names no {dimensions}, so rule {revision.id} has no item to decide about"
        )
    outside = None
    if trigger.event not in {None, event.event_type}:
        outside = f"the event is of type {event.event_type or '(none)'}, the rule wants {trigger.event}"
    return _Seen(facts, 0, event_id=event.id, outside=outside)


def _newest_about(
    services: Services, session: Session, revision: Revision, subject: Subject, at: datetime
) -> ReceivedEvent:
    """Return the last event before a moment for which a webhook rule evaluated this subject."""
    trigger = revision.trigger
    assert isinstance(trigger, Webhook)
    source = services.sources[trigger.source]
    query = select(Event).where(Event.source == trigger.source, Event.received_at <= at)
    if trigger.event is not None:
        query = query.where(Event.event_type == trigger.event)
    for event in session.scalars(query.order_by(Event.id.desc()).limit(SEARCHED)):
        try:
            received = read_event(event, source)
        except SourceError:
            continue
        if subject in subjects_named(revision, [received], at):
            return received
    raise NotThere(
        f"rule {revision.id}: none of the last {SEARCHED} events of {trigger.source} is about {subject}; "
        "name one with --subject event=ID"
    )
