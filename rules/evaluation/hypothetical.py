"""Evaluate the same moment with more traffic of one subject: whether a promised change would really turn an answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import broken_tracking, columns, interpret
from rules.evaluation.answer import answer
from rules.evaluation.frame import Frame, Lookback
from rules.evaluation.windows import TimeRange
from rules.model import metrics, tree
from rules.model.facts import Arrival, Break, Column, Subject, Untracked, Why, known_as
from rules.model.revision import Dimension, Group, Revision


@dataclass(frozen=True, slots=True)
class Change:
    """More data by the end of a window: a share of all data in it, and amounts by metric."""

    span: TimeRange
    share: float = 0.0
    more: Mapping[str, float] = field(default_factory=dict)


def together(changes: Sequence[Change]) -> Change | None:
    """Return all of these changes at once; None if they concern different windows."""
    first, *others = changes
    if any(one.span != first.span for one in others):
        return None
    more: dict[str, float] = {}
    for one in changes:
        for name, amount in one.more.items():
            more[name] = max(amount, more.get(name, 0.0))
    return Change(first.span, max(one.share for one in changes), more)


def turns(revision: Revision, frame: Frame, change: Change) -> bool:
    """Return whether the rule would say yes about the one subject of the frame."""
    after = _after(frame, change)
    found, _ = broken_tracking.spared(revision, after, answer(revision, after))
    return bool(found.answers[0] == columns.YES)


def turns_group(group: Group, frame: Frame, change: Change) -> bool:
    """Return whether a group of conditions would say yes about the one subject of the frame."""
    return bool(interpret.group(group, _after(frame, change)).answers[0] == columns.YES)


def turns_test(node: tree.Node, frame: Frame, lookback: Lookback, change: Change) -> bool:
    """Return whether a condition would say yes about the one subject of the frame."""
    return bool(interpret.answer(node, _after(frame, change), lookback).answers[0] == columns.YES)


def _after(frame: Frame, change: Change) -> Frame:
    return Frame(_More(frame, change), frame.data, frame.now, slice(0, 1), frame.needs)


class _More:
    """The facts of one subject, with more of its traffic. It has no others of the scope for comparisons."""

    def __init__(self, seen: Frame, change: Change) -> None:
        self._seen = seen
        self._change = change
        self.subjects: Sequence[Subject] = list(seen.subjects)
        self.cohorts = None if seen.cohorts is None else _MoreCohorts(self, seen)

    def measure(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return self.grown(name, per, TimeRange(start, end))

    def grown(self, name: str, per: tuple[Dimension, ...], part: TimeRange) -> Column:
        """Return a coarser dimension, which grows by as much as the subject itself."""
        found = self._seen.measured(name, per, part)
        span = self._change.span
        return Column(found.values + self._added(name), found.why) if part.start < span.end <= part.end else found

    def _added(self, name: str) -> float:
        own = self._seen.measured(name, self.subjects[0].per, self._change.span)
        grown = float(own.values[0]) * self._change.share if own.why[0] == Why.KNOWN else 0.0
        base = "clicks" if name == metrics.EFFECTIVE_CLICKS else metrics.base(name)
        return grown + self._change.more.get(base, 0.0)

    def attribute(self, name: str) -> Column:
        return self._seen.attribute(name)

    def listed(self, table: str, column: str | None) -> frozenset[str] | None:
        return self._seen.cells(table, column)

    def known_as(self, dimension: Dimension, identity: str) -> tuple[str, ...]:
        return known_as(self._seen.facts, dimension, identity)

    def as_of(self, name: str) -> datetime | None:
        return self._seen.facts.as_of(name)

    def settle(self) -> Column:
        return Column(np.array([self._seen.settle_of_row().total_seconds()]), np.zeros(1, np.uint8))


class _MoreCohorts:
    """Conversions by their click: new clicks count whole, as they will once their conversions have arrived."""

    def __init__(self, facts: _More, seen: Frame) -> None:
        self._facts = facts
        self._seen = seen
        assert seen.cohorts is not None
        self._cohorts = seen.cohorts

    def by_click(self, name: str, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return self._facts.grown(metrics.by_click(name), per, TimeRange(start, end))

    def due(self, per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return self._facts.grown(metrics.EFFECTIVE_CLICKS, per, TimeRange(start, end))

    def arrival(self, subject: Subject) -> Arrival:
        return self._cohorts.arrival(subject)

    def breaks(self) -> Mapping[str, Break | Untracked]:
        return self._cohorts.breaks()

    def broken(self, rows: NDArray[np.intp]) -> Sequence[Break | Untracked | None]:
        seen: Any = self._seen.rows
        return self._cohorts.broken(rows if seen is None else np.arange(len(self._seen.facts.subjects))[seen][rows])
