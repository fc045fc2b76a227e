"""Build the facts of events for rules with a webhook trigger. One row for each event of a batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import numpy as np

from bridge.config.lookup_tables import Table, cells
from bridge.sources import Headers, Incoming, ParsedEvent, Source, SourceError
from bridge.store.exact_json import plain
from bridge.store.journal import Event
from rules.evaluation.columns import fits_a_double, is_number
from rules.model.facts import CohortFacts, Column, Facts, Subject, Why, all_missing, known_as
from rules.model.revision import Dimension


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """One parsed event: the stored request and its values."""

    event: Event
    parsed: ParsedEvent
    only: frozenset[str] | None = None  # rules that were halted when all others decided; None: every rule is asked

    def is_for(self, rule: str) -> bool:
        """Return whether this rule is evaluated for it."""
        return self.only is None or rule in self.only


def read_event(event: Event, source: Source) -> ReceivedEvent:
    """Parse an event from the journal. Raises SourceError if the source's settings no longer match it."""
    request = Incoming(
        method=event.method,
        headers=Headers(event.headers),
        query=tuple((str(name), str(value)) for name, value in event.query),
        body=event.body,
        remote=event.remote or "",
        content_type=event.content_type or "",
    )
    return ReceivedEvent(event, source.read(request))


def shown(event: Event, sources: Mapping[str, Source]) -> Any:
    """Return an event's values as JSON for people: None if its source is gone, a sentence if it cannot be read."""
    source = sources.get(event.source)
    try:
        return plain(read_event(event, source).parsed.body) if source else None
    except SourceError as error:
        return f"cannot be read: {error}"


@dataclass(frozen=True, slots=True)
class EventFacts:
    """The events themselves as subjects; `live` answers for metrics if the rule names the subject of an event."""

    received: Sequence[ReceivedEvent]
    subjects: Sequence[Subject]
    live: Facts | None = None
    tables: Mapping[str, Table] = field(default_factory=dict, repr=False)  # where `live` does not know them
    day: date | None = None  # today, where the rule lives
    _cache: dict[str, Column] = field(default_factory=dict, repr=False, compare=False)

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return self.live.measure(name, per, start, end) if self.live else self._nothing()

    def attribute(self, name: str) -> Column:
        """Return `body.a.b` and `event.*` from the event, everything else from `live`."""
        known = self._cache.get(name)
        if known is None:
            known = self._cache[name] = self._attribute(name)
        return known

    def as_of(self, name: str) -> datetime | None:
        return self.live.as_of(name) if self.live else None

    def known_as(self, dimension: Dimension, identity: str) -> tuple[str, ...]:
        """Return both ids of an entity, if the facts below know it."""
        return known_as(self.live, dimension, identity)

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        """Return the cells of a table, for `in table`."""
        if self.live is None:
            return None if self.day is None else cells(self.tables, table, column, self.day)
        found: frozenset[str] | None = getattr(self.live, "listed", _no_table)(table, column)
        return found

    def entities(self, dimension: Dimension) -> Facts | None:
        """Return all entities of a kind, for counts."""
        found: Facts | None = getattr(self.live, "entities", _no_entities)(dimension)
        return found

    @property
    def cohorts(self) -> CohortFacts | None:
        return self.live.cohorts if self.live else None

    def settle(self) -> Column:
        return self.live.settle() if self.live else self._nothing()

    def _attribute(self, name: str) -> Column:
        head, _, path = name.partition(".")
        if head == "body":
            steps = path.split(".") if path else []
            return column([_walk(one.parsed.body, steps) for one in self.received])
        if head == "event":
            return column([_about(one, path) for one in self.received])
        return self.live.attribute(name) if self.live else self._nothing()

    def _nothing(self) -> Column:
        return all_missing(len(self.received))


def _no_table(_table: str, _column: str | None) -> frozenset[str] | None:
    return None


def _no_entities(_dimension: Dimension) -> None:
    return None


def subject_of(received: ReceivedEvent) -> Subject:
    """Return the event itself, if the rule names no subject."""
    return Subject(("event",), (received.event.id,))


def column(values: Sequence[Any]) -> Column:
    """Return values as a column: float64 if a double holds all of them exactly, otherwise objects.

    So the treatment of a number does not depend on the other events of the batch.
    """
    why = np.fromiter((Why.MISSING if value is None else Why.KNOWN for value in values), np.uint8, len(values))
    if all(value is None or (is_number(value) and fits_a_double(value)) for value in values):
        numbers = np.fromiter((0.0 if value is None else float(value) for value in values), np.float64, len(values))
        return Column(numbers, why)
    objects = np.empty(len(values), object)
    objects[:] = values
    return Column(objects, why)


def _walk(body: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(body, dict):
            body = body.get(step)
        elif isinstance(body, list) and step.isdigit() and int(step) < len(body):
            body = body[int(step)]
        else:
            return None
    return body


def _about(received: ReceivedEvent, name: str) -> Any:
    event = received.event
    match name:
        case "id":
            return event.id
        case "type":
            return event.event_type
        case "source":
            return event.source
        case "time":
            return event.event_time or (None if received.parsed.time_is_faulty else event.received_at)
        case "delivery_id":
            return event.delivery_id
        case _:
            return None
