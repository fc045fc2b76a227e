"""Match events to rules: which rules an event concerns, with which revision, and which subjects it names."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.config.library import Library, Rulebook
from bridge.decisions.decide import Cause, event_facts, facts_of_events
from bridge.decisions.event_facts import EventFacts, ReceivedEvent
from bridge.decisions.live_facts import LiveInputs, facts_for_subjects
from bridge.sources.source import TEST
from bridge.store import runs
from bridge.store.runs import Run
from rules.evaluation.templates import fill, frame_of, value_of
from rules.model.errors import Unfilled
from rules.model.facts import Subject
from rules.model.revision import Mode, Revision, Webhook
from rules.model.syntax import Condition


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """One revision and the events of a batch that it is evaluated for, with the cause of each run."""

    revision: Revision
    received: tuple[ReceivedEvent, ...]
    causes: tuple[Cause, ...]

    def without(self, keys: Collection[str]) -> "RuleMatch":
        """Return the match without causes that have a run already."""
        return self.only([row for row, cause in enumerate(self.causes) if cause.key not in keys])

    def only(self, kept: Sequence[int]) -> "RuleMatch":
        """Return the match with only these rows."""
        return replace(
            self,
            received=tuple(self.received[row] for row in kept),
            causes=tuple(self.causes[row] for row in kept),
        )


def match_rules(
    library: Library, session: Session, book: Rulebook, received: Sequence[ReceivedEvent], now: datetime
) -> list[RuleMatch]:
    """Return the rules that these events concern, the most important rule first."""
    found = []
    for revision in book.active():
        trigger = revision.trigger
        if not isinstance(trigger, Webhook):
            continue
        matched = [one for one in received if _matches(trigger, one) and one.is_for(revision.id)]
        found += _with_revisions(library, session, revision, matched, now)
    return found


def _matches(trigger: Webhook, received: ReceivedEvent) -> bool:
    event = received.event
    if event.source != trigger.source:
        return False
    return trigger.event == event.event_type or (trigger.event is None and event.event_type != TEST)


def _with_revisions(
    library: Library, session: Session, revision: Revision, matched: Sequence[ReceivedEvent], now: datetime
) -> list[RuleMatch]:
    """Return the match with revisions: a replay may ask for the past one; all other events get the present one."""
    groups: dict[str, tuple[Revision, list[ReceivedEvent]]] = {}
    for one in matched:
        chosen = _revision_for(library, session, revision, one)
        groups.setdefault(chosen.hash, (chosen, []))[1].append(one)
    return [_match(chosen, members, now) for chosen, members in groups.values() if chosen.mode != Mode.DISABLED]


def _revision_for(library: Library, session: Session, present: Revision, received: ReceivedEvent) -> Revision:
    event = received.event
    if event.replay_of is None or event.replay_with != "original":
        return present
    digest = session.scalar(
        select(Run.revision).where(Run.event_id == event.replay_of, Run.rule_id == present.id).limit(1)
    )
    return (library.revision(session, digest) if digest else None) or present


def _match(revision: Revision, matched: Sequence[ReceivedEvent], now: datetime) -> RuleMatch:
    trigger = revision.trigger
    assert isinstance(trigger, Webhook)
    facts = event_facts(matched)
    keys = values(trigger.dedupe, facts, now)
    received, causes, seen = [], [], set()
    for row, one in enumerate(matched):
        key = f"event:{one.event.id}" if keys[row] is None else f"dedupe:{keys[row]}"
        if one.event.replay_of is not None:
            key = f"replay:{one.event.id}"
        if key in seen:
            continue
        seen.add(key)
        received.append(one)
        causes.append(_cause(one, key))
    return RuleMatch(revision, tuple(received), tuple(causes))


def _cause(received: ReceivedEvent, key: str) -> Cause:
    event = received.event
    kind = runs.Cause.REPLAY if event.replay_of else runs.Cause.EVENT
    return Cause(kind=kind, key=key, due_at=event.received_at, event_id=event.id)


def values(expression: Condition | None, facts: EventFacts, now: datetime) -> list[Any]:
    """Return an expression's value for each event; None if there is no expression, or no value."""
    if expression is None:
        return [None] * len(facts.received)
    return [_value(expression, facts, row, now) for row in range(len(facts.received))]


def _value(expression: Condition, facts: EventFacts, row: int, now: datetime) -> Any:
    try:
        return value_of(expression, facts, row, now)
    except Unfilled:
        return None


def facts_for(inputs: LiveInputs, session: Session, match: RuleMatch, now: datetime) -> tuple[RuleMatch, EventFacts]:
    """Return the events as facts, with metrics of their subjects if the rule uses `from`.

    Events that do not name that subject are left out, because there is nothing to decide about.
    """
    revision = match.revision
    if revision.scope.per == ("event",):
        return match, facts_of_events(inputs, revision, match.received, now)
    subjects = subjects_named(revision, match.received, now)
    kept = [row for row, subject in enumerate(subjects) if subject is not None]
    match = match.only(kept)
    named = [subject for subject in subjects if subject is not None]
    return match, EventFacts(match.received, named, facts_for_subjects(inputs, session, revision, named, now))


def subjects_named(revision: Revision, received: Sequence[ReceivedEvent], now: datetime) -> list[Subject | None]:
    """Return the subject that each event names by `from`; None if it names none."""
    facts = event_facts(received)
    found: list[Subject | None] = []
    for row in range(len(received)):
        frame = frame_of(facts, revision.data, now, row)
        try:
            ids = tuple(str(fill(revision.scope.origin[dimension], frame)) for dimension in revision.scope.per)
        except Unfilled:
            found.append(None)
            continue
        found.append(Subject(revision.scope.per, ids))
    return found
