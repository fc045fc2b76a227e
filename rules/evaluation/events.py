"""Facts of one event, and the subject that it is about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np

from rules.evaluation import templates
from rules.model.facts import CohortFacts, Column, Facts, Subject, Why, all_missing, known_as
from rules.model.revision import Data, Dimension, Scope

_DEEPEST = 32


@dataclass(frozen=True)
class EventFacts:
    """The values of an event, in addition to other facts.

    `event` holds id, type, source and time; `beneath` answers metrics and attributes of the subjects' entities, and
    must have the same subjects. Without `subjects` the event is its own subject.
    """

    body: Any
    event: Mapping[str, Any]
    beneath: Facts | None = None
    subjects: Sequence[Subject] = field(default=())

    def __post_init__(self) -> None:
        if not self.subjects:
            about = self.beneath.subjects if self.beneath else (Subject(("event",), (str(self.event.get("id", "")),)),)
            object.__setattr__(self, "subjects", about)

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Return metrics of the facts below; an event by itself has none."""
        return self._unknown() if self.beneath is None else self.beneath.measure(name, per, start, end)

    def attribute(self, name: str) -> Column:
        """Return `body.a.b` from the body, `event.type` from the event, anything else from the facts below."""
        head, _, rest = name.partition(".")
        if head not in {"body", "event"}:
            return self._unknown() if self.beneath is None else self.beneath.attribute(name)
        found = walk(self.body if head == "body" else self.event, rest)
        size = len(self.subjects)
        values = np.empty(size, object)
        values[:] = [found] * size
        return Column(values, np.full(size, Why.MISSING if found is None else Why.KNOWN, np.uint8))

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the cells of a table, from the facts below."""
        found: frozenset[str] | None = getattr(self.beneath, "listed", _no_table)(table, column)
        return found

    def known_as(self, dimension: Dimension, identity: str) -> tuple[str, ...]:
        """Return both ids of an entity, from the facts below."""
        return known_as(self.beneath, dimension, identity)

    def as_of(self, name: str) -> datetime | None:
        """Return up to when the feed of the facts below is complete."""
        return None if self.beneath is None else self.beneath.as_of(name)

    def entities(self, dimension: Dimension) -> Facts | None:
        """Return all entities of a kind, from the facts below."""
        found: Facts | None = getattr(self.beneath, "entities", _no_entities)(dimension)
        return found

    @property
    def cohorts(self) -> CohortFacts | None:
        """Conversions by their click, from the facts below."""
        return None if self.beneath is None else self.beneath.cohorts

    def settle(self) -> Column:
        """Return the measured delay, from the facts below."""
        return self._unknown() if self.beneath is None else self.beneath.settle()

    def _unknown(self) -> Column:
        return all_missing(len(self.subjects))


def _no_table(_table: str, _column: str | None) -> frozenset[str] | None:
    return None


def _no_entities(_dimension: Dimension) -> None:
    return None


def walk(held: Any, path: str) -> Any:
    """Return the value at a dotted path: keys of mappings, positions in lists. None if there is none."""
    steps = path.split(".") if path else []
    for step in steps[:_DEEPEST]:
        if isinstance(held, Mapping):
            held = held.get(step)
        elif isinstance(held, list | tuple) and step.isdecimal() and int(step) < len(held):
            held = held[int(step)]
        else:
            return None
    return held if len(steps) <= _DEEPEST else None


def subject_of(scope: Scope, facts: EventFacts, now: datetime) -> Subject:
    """Return the subject of an event, by the scope's `from`; without one the event itself.

    Raises Unfilled if the event does not name it.
    """
    if not scope.origin:
        return Subject(("event",), (str(facts.event.get("id", "")),))
    frame = templates.frame_of(facts, Data(), now)
    return Subject(scope.per, tuple(str(templates.fill(scope.origin[dimension], frame)) for dimension in scope.per))
