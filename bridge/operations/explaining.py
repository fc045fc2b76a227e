"""Why a rule did, or did not, do something about a subject, now or at any time since observations are kept."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge import subjects
from bridge.data.facts import LiveFacts
from bridge.data.live import Coverage
from bridge.eventfacts import read_again
from bridge.gathering import about
from bridge.operations.errors import NotThere, OperationError
from bridge.operations.restoring import facts_of_event, state_of
from bridge.recording import trace_json
from bridge.store import feeds, rulebook
from bridge.store.journal import Event
from bridge.store.runs import Run
from bridge.wiring import House
from rules import explain as wording
from rules.evaluate import evaluate
from rules.facts import Facts, Subject, Why
from rules.model import Revision
from rules.plan import plan as make_plan
from rules.plan import targets, why_not
from rules.verdicts import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """The verdict with its numbers, and whatever stood in its way."""

    rule: str
    revision: str
    at: datetime
    verdict: Verdict
    stopped_by: tuple[str, ...]
    would_do: tuple[str, ...]
    tz: str

    @property
    def text(self) -> str:
        return wording.render(self.verdict, tz=self.tz, stopped_by=self.stopped_by)

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
            "stopped_by": list(self.stopped_by),
            "would_do": list(self.would_do),
            "trace": trace_json(verdict.trace),
            "text": self.text,
        }


def explain(house: House, rule: str, subject: Subject, *, now: datetime, at: datetime | None = None) -> Explanation:
    """Evaluate as at that time: the revision that was live then, the facts as they were known then.

    Holds, mutes and counters are those of now, because what stands in the way is asked about the present.
    Raises NotThere for an unknown rule or event, OperationError for a subject of another kind.
    """
    moment = at or now
    with house.store.read() as session:
        revision = _revision(house, session, rule, moment if at else None)
        facts = _facts(house, session, revision, subject, moment)
        evaluation = evaluate(revision, facts, moment)
        state = state_of(house, session, revision, facts, targets(revision, evaluation), now=now)
        plan = make_plan(revision, evaluation, state, now)
        return Explanation(
            rule=rule,
            revision=revision.hash,
            at=moment,
            verdict=evaluation.explain(0),
            stopped_by=tuple(stop.message for stop in why_not(plan, facts.subjects[0])),
            would_do=tuple(f"{effect.verb} {effect.target}" for effect in plan.effects),
            tz=_zone(house, revision),
        )


def _zone(house: House, revision: Revision) -> str:
    account = house.settings.accounts.get(revision.account)
    return revision.data.tz if revision.data.tz != "UTC" or account is None else account.timezone


def _revision(house: House, session: Session, rule: str, at: datetime | None) -> Revision:
    book = house.library.current(session)
    if at is not None:
        digest = session.scalar(
            select(Run.revision).where(Run.rule_id == rule, Run.started_at <= at).order_by(Run.id.desc()).limit(1)
        )
        found = house.library.revision(session, digest) if digest else None
        if found is not None:
            return found
    if rule in book.revisions:
        return book.revisions[rule]
    known = ", ".join(sorted(book.revisions)) or "none"
    extra = " (it was loaded once, and is not any more)" if rulebook.history(session, rule) else ""
    raise NotThere(f"rule {rule!r}: there is none{extra}; rules are: {known}")


def _facts(house: House, session: Session, revision: Revision, subject: Subject, at: datetime) -> Facts:
    event_id = subject.get("event")
    if event_id is not None:
        event = session.get(Event, event_id)
        source = house.sources.get(event.source) if event else None
        if event is None or source is None:
            raise NotThere(f"event {event_id}: there is none; `integr8-bridge events list` shows them")
        return facts_of_event(house, session, revision, read_again(event, source), at)
    if subject.per != revision.scope.per:
        wanted = ",".join(f"{grain}=..." for grain in revision.scope.per)
        raise OperationError(f"rule {revision.id}: is about {' x '.join(revision.scope.per)}; write --subject {wanted}")
    return _as_of(session, about(house, session, revision, [subject], at), at)


def _as_of(session: Session, facts: LiveFacts, at: datetime) -> LiveFacts:
    """The same facts with the feeds' marks of that time: what was complete then, not what is now."""
    covered = {}
    for kind, one in facts.data.coverage.items():
        marks = feeds.marks(session, one.feed_id, at, at)
        as_of = marks[-1][1] if marks else min(one.as_of, at)
        covered[kind] = Coverage(one.feed_id, one.since, min(as_of, at))
    facts.data.coverage.clear()
    facts.data.coverage.update(covered)
    return facts


def parse_subject(text: str) -> Subject:
    """`offer=42` or `offer=42,publisher=7`. Raises OperationError."""
    try:
        return subjects.load(text)
    except ValueError as error:
        raise OperationError(str(error)) from None
