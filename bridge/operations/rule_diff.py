"""Compare a new text of a rule with the live one: which decisions would differ on present data or recent events."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions.event_facts import ReceivedEvent, read_event
from bridge.decisions.live_facts import scope_facts
from bridge.operations.backtest import parse, read
from bridge.operations.decide import live_inputs
from bridge.operations.plan_values import facts_of_event
from bridge.services.container import Services
from bridge.sources import SourceError
from bridge.store.journal import Event
from rules.evaluation.evaluate import evaluate
from rules.model.revision import Revision, Webhook
from rules.model.verdicts import Answer

EVENTS = 200  # newest of a source, for rules that look at events

Said = dict[str, tuple[str, str]]  # subject → answer, reason


@dataclass(frozen=True, slots=True)
class Change:
    """One subject for which the two revisions decide differently."""

    subject: str
    before: str  # yes, no, no_decision; `-` where it is not in scope
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleDiff:
    rule: str
    before: str | None  # the live revision's hash; None for a rule that is new
    after: str | None  # the new revision's hash; None for a rule that is gone
    same: int
    changes: tuple[Change, ...]


def diff(services: Services, path: Path, *, now: datetime) -> list[RuleDiff]:
    """Compare each rule of a file with the live revision. Raises OperationError with all problems of the file."""
    return [_one(services, revision, now) for revision in read(services, path)]


def diff_text(
    services: Services, text: str, *, now: datetime, between: Callable[[], None] = lambda: None
) -> list[RuleDiff]:
    """Compare a text that is in no file. Raises OperationError. `between` is called before each rule."""
    found = []
    for revision in parse(services, text):
        between()
        found.append(_one(services, revision, now))
    return found


def _one(services: Services, new: Revision, now: datetime) -> RuleDiff:
    with services.store.read() as session:
        old = services.library.current(session).revisions.get(new.id)
    return compare(services, new.id, old, new, now)


def compare(services: Services, rule: str, old: Revision | None, new: Revision | None, now: datetime) -> RuleDiff:
    """Return what two revisions of a rule decide differently; None stands for a missing rule."""
    with services.store.read() as session:
        before = _answers(services, session, old, now) if old is not None else {}
        after = _answers(services, session, new, now) if new is not None else {}
    subjects = sorted(before.keys() | after.keys())
    missing = ("-", "not in scope" if new is not None else "the rule is gone")
    changes = tuple(
        Change(subject, before.get(subject, missing)[0], *after.get(subject, missing))
        for subject in subjects
        if before.get(subject, missing)[0] != after.get(subject, missing)[0]
    )
    hash_before, hash_after = (None if one is None else one.hash for one in (old, new))
    return RuleDiff(rule, hash_before, hash_after, len(subjects) - len(changes), changes)


def _answers(services: Services, session: Session, revision: Revision, now: datetime) -> Said:
    if isinstance(revision.trigger, Webhook):
        return _of_events(services, session, revision, revision.trigger, now)
    facts = scope_facts(live_inputs(services), session, revision, now)
    found = evaluate(revision, facts, now)
    return {
        str(subject): (Answer(int(found.answers[row])).word, found.explain(row).reason)
        for row, subject in enumerate(found.subjects)
    }


def _of_events(services: Services, session: Session, revision: Revision, trigger: Webhook, now: datetime) -> Said:
    """Return the differences for the newest events, each alone, with its subject according to the present rule."""
    said: Said = {}
    for received in _recent(services, session, trigger):
        facts = facts_of_event(services, session, revision, received, now)
        if facts.subjects:
            verdict = evaluate(revision, facts, now).explain(0)
            said[f"event={received.event.id}"] = (verdict.answer.word, verdict.reason)
    return said


def _recent(services: Services, session: Session, trigger: Webhook) -> Iterator[ReceivedEvent]:
    source = services.sources[trigger.source]
    query = select(Event).where(Event.source == trigger.source, Event.replay_of.is_(None))
    if trigger.event is not None:
        query = query.where(Event.event_type == trigger.event)
    for event in session.scalars(query.order_by(Event.id.desc()).limit(EVENTS)):
        try:
            yield read_event(event, source)
        except SourceError:
            continue
