"""Which rules listen to which events, and with which revision."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.config.rulebook import Rulebook
from bridge.decisions.decide import Cause, event_facts
from bridge.decisions.event_facts import EventFacts, Happening
from bridge.decisions.live_facts import about
from bridge.services.container import Services
from bridge.store import runs
from bridge.store.runs import Run
from rules.evaluation.templates import fill, frame_of, value_of
from rules.model.errors import Unfilled
from rules.model.facts import Subject
from rules.model.revision import Mode, Revision, Webhook
from rules.model.syntax import Condition


@dataclass(frozen=True, slots=True)
class Listener:
    """One revision and the events of a batch that it is asked about, with the cause of each run."""

    revision: Revision
    happenings: tuple[Happening, ...]
    causes: tuple[Cause, ...]

    def without(self, keys: Collection[str]) -> "Listener":
        """Leave out causes that have a run already."""
        return self.only([row for row, cause in enumerate(self.causes) if cause.key not in keys])

    def only(self, kept: Sequence[int]) -> "Listener":
        """These rows alone."""
        return replace(
            self,
            happenings=tuple(self.happenings[row] for row in kept),
            causes=tuple(self.causes[row] for row in kept),
        )


def listeners(
    services: Services, session: Session, book: Rulebook, happenings: Sequence[Happening], now: datetime
) -> list[Listener]:
    """The rules that these events concern, the most important rule first."""
    found = []
    for revision in book.active():
        trigger = revision.trigger
        if not isinstance(trigger, Webhook):
            continue
        heard = [one for one in happenings if _hears(trigger, one)]
        found += _with_revisions(services, session, revision, heard, now)
    return found


def _hears(trigger: Webhook, happening: Happening) -> bool:
    event = happening.event
    return event.source == trigger.source and trigger.event in {None, event.event_type}


def _with_revisions(
    services: Services, session: Session, revision: Revision, heard: Sequence[Happening], now: datetime
) -> list[Listener]:
    """Replays may ask for the revision of then; all other events get the present one."""
    groups: dict[str, tuple[Revision, list[Happening]]] = {}
    for one in heard:
        chosen = _revision_for(services, session, revision, one)
        groups.setdefault(chosen.hash, (chosen, []))[1].append(one)
    return [_listener(chosen, members, now) for chosen, members in groups.values() if chosen.mode != Mode.DISABLED]


def _revision_for(services: Services, session: Session, present: Revision, happening: Happening) -> Revision:
    event = happening.event
    if event.replay_of is None or event.replay_with != "original":
        return present
    digest = session.scalar(
        select(Run.revision).where(Run.event_id == event.replay_of, Run.rule_id == present.id).limit(1)
    )
    return (services.library.revision(session, digest) if digest else None) or present


def _listener(revision: Revision, heard: Sequence[Happening], now: datetime) -> Listener:
    trigger = revision.trigger
    assert isinstance(trigger, Webhook)
    facts = event_facts(heard)
    keys = values(trigger.dedupe, facts, now)
    happenings, causes, seen = [], [], set()
    for row, one in enumerate(heard):
        key = f"event:{one.event.id}" if keys[row] is None else f"dedupe:{keys[row]}"
        if one.event.replay_of is not None:
            key = f"replay:{one.event.id}"
        if key in seen:
            continue
        seen.add(key)
        happenings.append(one)
        causes.append(_cause(one, key))
    return Listener(revision, tuple(happenings), tuple(causes))


def _cause(happening: Happening, key: str) -> Cause:
    event = happening.event
    kind = runs.Cause.REPLAY if event.replay_of else runs.Cause.EVENT
    return Cause(kind=kind, key=key, due_at=event.received_at, event_id=event.id)


def values(expression: Condition | None, facts: EventFacts, now: datetime) -> list[Any]:
    """An expression's value for each event; None where there is no expression, or no value."""
    if expression is None:
        return [None] * len(facts.happenings)
    return [_value(expression, facts, row, now) for row in range(len(facts.happenings))]


def _value(expression: Condition, facts: EventFacts, row: int, now: datetime) -> Any:
    try:
        return value_of(expression, facts, row, now)
    except Unfilled:
        return None


def facts_for(services: Services, session: Session, listener: Listener, now: datetime) -> tuple[Listener, EventFacts]:
    """The events as facts; with metrics about whom they concern where the rule says so with `from`.

    Events that do not name that subject are left out: there is nobody to decide about.
    """
    revision = listener.revision
    if revision.scope.per == ("event",):
        return listener, event_facts(listener.happenings)
    subjects = whom(revision, listener.happenings, now)
    kept = [row for row, subject in enumerate(subjects) if subject is not None]
    listener = listener.only(kept)
    named = [subject for subject in subjects if subject is not None]
    return listener, EventFacts(listener.happenings, named, about(services, session, revision, named, now))


def whom(revision: Revision, happenings: Sequence[Happening], now: datetime) -> list[Subject | None]:
    """The subject that each event names by `from`; None where it names none."""
    facts = event_facts(happenings)
    found: list[Subject | None] = []
    for row in range(len(happenings)):
        frame = frame_of(facts, revision.data, now, row)
        try:
            ids = tuple(str(fill(revision.scope.origin[grain], frame)) for grain in revision.scope.per)
        except Unfilled:
            found.append(None)
            continue
        found.append(Subject(revision.scope.per, ids))
    return found
