"""Estimate the money that a ratio beyond its threshold has cost each subject so far.

Hits are compared with those that were due at the threshold; each that is missing, or too many, costs what one is worth:
the rule's own figure, or what the conversions of the subject brought, or where it has none those of all subjects. The
loss is the one since the oldest beginning of the evidence, thirty days at most. A later beginning counts where it
shows a larger one that a single look would call proven (SURE): so a collapse after good weeks is no gain, and streaks
of bad luck of a good subject are no loss.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns, confidence_check
from rules.evaluation.columns import Truth
from rules.evaluation.confidence_check import Parts, Value
from rules.evaluation.frame import Frame, Lookback
from rules.model import tree
from rules.model.facts import Column, Why

SURE = 1.645  # standard deviations; one-sided 95%


@dataclass(frozen=True, slots=True)
class Loss:
    """The loss of one subject, in the account's currency, and its parts."""

    amount: float
    missing: float  # hits that it fell short of the line; of a line that is an upper one, hits above it
    worth: float  # of one hit
    line: float
    since: datetime | None  # None: over the rule's own window


@dataclass(frozen=True, slots=True, eq=False)
class Losses:
    """The losses of all subjects for one condition: one row per beginning, from the newest to the oldest."""

    missing: NDArray[np.float64]
    due: NDArray[np.float64]
    worth: NDArray[np.float64]
    line: NDArray[np.float64]
    starts: tuple[datetime, ...]  # empty: the rule's own window is all that is known
    why: columns.Whys

    def amounts(self) -> NDArray[np.float64]:
        """Return the loss of each subject."""
        return np.asarray(largest(self.missing, self.due) * self.worth)

    def since(self, row: int, moment: datetime | None = None) -> Loss | None:
        """Return the loss of a subject, or its loss since a moment; None if unknown."""
        if self.why[row] != columns.KNOWN:
            return None
        count = len(self.missing)
        if moment is not None and self.starts:
            count = sum(start >= moment for start in self.starts)
        if not count:
            return Loss(0.0, 0.0, float(self.worth[row]), float(self.line[row]), moment)
        counting = self._counting(count)[:, row]
        at = int(np.argmax(counting))
        missing, worth = float(counting[at]), float(self.worth[row])
        return Loss(missing * worth, missing, worth, float(self.line[row]), self.starts[at] if self.starts else None)

    def _counting(self, count: int) -> NDArray[np.float64]:
        """Return the missing hits since each of the newest beginnings that count; the oldest of them always does."""
        return _counting(self.missing[:count], self.due[:count])


def largest(missing: NDArray[np.float64], due: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the missing hits of each subject (columns), for one row per beginning, from the newest to the oldest."""
    return np.asarray(_counting(missing, due).max(axis=0))


def _counting(missing: NDArray[np.float64], due: NDArray[np.float64]) -> NDArray[np.float64]:
    proven = missing >= SURE * np.sqrt(np.maximum(due, 0.0))
    proven[-1] = True
    return np.where(proven, missing, -np.inf)


def losses(node: tree.Losing, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Losses:
    """Return the losses of every subject of the frame's facts. They are kept with the frame."""
    key = (node, lookback)
    if key not in frame.memo:
        frame.memo[key] = _losses(node, parts, frame.whole(), lookback, value)
    found: Losses = frame.memo[key]
    return found


def losing(node: tree.Losing, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Truth:
    """Return who has lost more than the amount."""
    found = losses(node, parts, frame, lookback, value)
    answers = columns.truth(found.amounts() > float(node.amount), found.why)
    if frame.rows is None:
        return answers
    return Truth(answers.answers[frame.rows], answers.why[frame.rows])


def _losses(node: tree.Losing, parts: Parts, frame: Frame, lookback: Lookback, value: Value) -> Losses:
    size = frame.size
    line = confidence_check.line_of(node.item, parts, frame, lookback, value)
    found = confidence_check.gathered(node.item, parts, frame, lookback, value)
    starts = tuple(one.at for one in found.starts)
    due = found.sums.trials * line.values
    missing = due - found.sums.hits
    if confidence_check.direction_of(node.item) == "above":
        missing = -missing
    worth = _worth(node, frame, lookback, starts[-1] if starts else None, value)
    why = np.broadcast_to(columns.first_reason(found.why, line.why, worth.why), size)
    return Losses(missing, due, worth.values, np.broadcast_to(line.values, size), starts, why)


def _worth(node: tree.Losing, frame: Frame, lookback: Lookback, since: datetime | None, value: Value) -> Column:
    """Return the worth of one hit; no answer if no hit is known to have brought anything."""
    size = frame.size
    if node.worth is not None:
        return Column(np.full(size, float(node.worth)), np.zeros(size, np.uint8))
    span = lookback if since is None else Lookback(lookback.window, since=since)
    passing = frame.passing()
    revenue, sold = (_amounts(name, passing, span, value, size) for name in ("revenue", "conversions"))
    known = (revenue.why == columns.KNOWN) & (sold.why == columns.KNOWN)
    together = _ratio(revenue.values[known].sum(), sold.values[known].sum())
    own = np.where(
        known & (sold.values > 0) & (revenue.values > 0), revenue.values / np.maximum(sold.values, 1), together
    )
    return Column(own, np.where(own > 0, np.uint8(Why.KNOWN), np.uint8(Why.MISSING)))


def _amounts(name: str, frame: Frame, span: Lookback, value: Value, size: int) -> Column:
    found = columns.numeric(value(tree.Metric(name=name), frame, span))
    return Column(np.broadcast_to(found.values, size), np.broadcast_to(found.why, size))


def _ratio(above: Any, below: Any) -> float:
    return float(above / below) if above > 0 and below > 0 else 0.0
