"""Decide whether an amount is unusual for its hours of the week, by the same hours of earlier weeks.

The middle of the same hours of the same weekday is what is usual; how far the days of all weekdays lie from the middle
of theirs is the spread. Counts are judged by their own distribution, which is wider than Poisson's where the days are
(negative binomial); a share of things counted by the count above the threshold, given what is below it. One wild day in
the past changes little: middles and spreads are medians wherever counts are large enough to have one.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from statistics import NormalDist
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns
from rules.evaluation.frame import Frame, Lookback
from rules.language import types
from rules.model import tree
from rules.model.facts import Column, Why

MIN_WEEKS = 4  # weeks of which the same hours must be known
_DAY = timedelta(days=1)
_FEW_COUNTS = 10.0  # counts below it have a mean rather than a middle
_MANY_COUNTS = 100.0  # above it a count is as good as normal
_NORMAL = 1.4826  # from the median of absolute residuals to the standard deviation
_MIDDLE = np.pi / 2  # how much more a median varies than a mean
# A median lies close to its own few values: by how much a spread around medians of so many weeks is too small.
_CLOSE = {4: 1.40, 5: 1.37, 6: 1.29, 7: 1.23, 8: 1.21, 9: 1.17}
_MIN_SPREAD = 0.01  # of the middle: what is the same every day may move by a few hundredths
_ENDLESS = 20_000  # steps along a distribution; none that a rule meets is so wide

Floats: TypeAlias = NDArray[np.float64]
Value: TypeAlias = Callable[[tree.Node, Frame, Lookback], Column]


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """For each subject the present value, the usual one, and from where on a value is unusual."""

    now: Floats
    middle: Floats
    low: Floats  # at or below it: unusually low
    high: Floats  # at or above it: unusually high
    weeks: NDArray[np.int64]  # of which the same hours are known
    why: columns.Whys

    def usual(self, row: int, *, whole: bool) -> tuple[float, float]:
        """Return the smallest and the largest usual value; `whole` for counts, which have no values in between."""
        low, high = float(self.low[row]), float(self.high[row])
        if whole:
            low, high = float(np.floor(low)) + 1, float(np.ceil(high)) - 1
        return max(low, 0.0) if self.now[row] >= 0 else low, high


@dataclass(frozen=True, slots=True, eq=False)
class _Past:
    """The past days (one row per day, the newest first): hits, their base, and where they are known."""

    amounts: Floats
    of: Floats
    known: NDArray[np.bool_]

    def weekday(self, number: int) -> "_Past":
        """Return the days that are a number of days before the same weekday."""
        rows = slice(number - 1 if number else 6, None, 7)
        return _Past(self.amounts[rows], self.of[rows], self.known[rows])


def usual(
    node: tree.Unusual, parts: tuple[tree.Node, tree.Node] | None, frame: Frame, lookback: Lookback, value: Value
) -> Usual:
    """Return the usual values of each subject. `parts` are both counts of a ratio of counts."""
    tops, bottoms = parts or (node.item, None)
    counts = parts is not None or types.is_counted(node.item)
    level = counts or types.is_amount(node.item)

    def measured(days: int) -> tuple[Column, Column | None]:
        moved = replace(lookback, shift=lookback.shift + days * _DAY)
        below = None if bottoms is None else columns.numeric(value(bottoms, frame, moved))
        return columns.numeric(value(tops, frame, moved)), below

    top, bottom = measured(0)
    size = frame.size
    of = np.ones(size) if bottom is None else np.broadcast_to(bottom.values, size)
    why = np.broadcast_to(columns.first_reason(top.why, *([] if bottom is None else [bottom.why])), size)
    past = _past([measured(day) for day in range(1, node.days + 1)], size)
    same = past.weekday(0)
    weeks = same.known.sum(axis=0)
    now = np.broadcast_to(top.values, size).astype(float)
    found = _spread(past, counts=counts, level=level)
    middle, low, high = _edges(found, of, _tail(node), counts=counts)
    enough = np.where(weeks >= MIN_WEEKS, np.uint8(Why.KNOWN), np.uint8(Why.TOO_FEW))
    why = columns.first_reason(why, np.where(of > 0, np.uint8(Why.KNOWN), np.uint8(Why.UNDEFINED)), enough)
    share = np.where(of > 0, of, 1.0) if parts else np.ones(size)
    return Usual(now / share, middle / share, low / share, high / share, weeks, why.astype(np.uint8))


def answer(node: tree.Unusual, found: Usual) -> columns.Truth:
    """Return yes if the present is outside the usual range, on the requested side."""
    moved = found.now != found.middle  # where nothing ever varies, the edges are the middle
    below, above = moved & (found.now <= found.low), moved & (found.now >= found.high)
    yes = below if node.direction == "down" else above if node.direction == "up" else below | above
    return columns.truth(yes, found.why)


def _tail(node: tree.Unusual) -> float:
    """Return the probability beyond one edge."""
    alone = 1 - float(node.confidence)
    return alone / 2 if node.direction == "either" else alone


def _past(days: list[tuple[Column, Column | None]], size: int) -> _Past:
    amounts, of, known = (np.zeros((len(days), size)) for _ in range(3))
    for row, (top, bottom) in enumerate(days):
        amounts[row] = top.values
        of[row] = 1.0 if bottom is None else bottom.values
        known[row] = (top.why == columns.KNOWN) & (
            (bottom is None) | (bottom is not None and bottom.why == columns.KNOWN)
        )
    return _Past(amounts, of, (known > 0) & (of > 0))


@dataclass(frozen=True, slots=True, eq=False)
class _Spread:
    rate: Floats  # per one of what is below
    factor: Floats  # variance per unit of the mean; with `level` false the variance itself
    spare: Floats  # by which part the uncertainty of the middle itself adds to the variance, per one of what is below
    level: bool
    typical: Floats  # how much is usual on any day: where the factor was found


def _spread(past: _Past, *, counts: bool, level: bool) -> _Spread:
    residuals, weights = [], []
    rates: list[Floats] = []
    means: list[Floats] = []
    for weekday in range(7):
        part = past.weekday(weekday)
        rate = _rate(part, counts=counts)
        rates.append(rate)
        expected = rate * part.of
        scale = np.sqrt(np.maximum(np.abs(expected), 0.5 if counts else 1e-9)) if level else 1.0
        residuals.append(np.where(part.known, (part.amounts - expected) / scale, np.nan))
        weights.append(part.known)
        means.append(np.where(part.known, np.abs(expected), np.nan))
    same = past.weekday(0)
    weeks = np.maximum(same.known.sum(axis=0), 1)
    every, known = np.concatenate(residuals), np.concatenate(weights)
    count = np.maximum(known.sum(axis=0), 1)
    close = np.array([_CLOSE.get(int(min(max(number, 4), 9)), 1.17) for number in np.maximum(count // 7, 1)])
    spread = _median(np.abs(every), known) * _NORMAL * close * (1 + 2 / np.sqrt(count))
    factor = spread * spread
    if counts:
        squares = np.where(known, np.minimum(np.nan_to_num(every) ** 2, 25.0), 0.0).sum(axis=0) / count
        few = rates[0] * np.where(same.known, same.of, 0).sum(axis=0) / weeks < _FEW_COUNTS
        factor = np.maximum(np.where(few, squares * weeks / np.maximum(weeks - 1, 1), factor), 1.0)
    total = np.maximum(np.where(same.known, same.of, 0.0).sum(axis=0), 1e-9)
    typical = np.maximum(_median(np.concatenate(means), known), 0.5 if counts else 1e-9)
    return _Spread(rates[0], factor, _MIDDLE / total, level, typical)


def _rate(part: _Past, *, counts: bool) -> Floats:
    """Return the usual rate of one weekday, per unit of the denominator: the median, for small counts the mean."""
    each = np.where(part.known, part.amounts / np.where(part.of > 0, part.of, 1.0), np.nan)
    middle = _median(each, part.known)
    if not counts:
        return middle
    weeks = np.maximum(part.known.sum(axis=0), 1)
    total = np.where(part.known, part.of, 0.0).sum(axis=0)
    few = middle * total / weeks < _FEW_COUNTS
    most = middle * part.of + 5 * np.sqrt(np.maximum(middle * part.of, 1.0)) + 2  # a wild day counts as a bad one
    mean = np.where(part.known, np.minimum(part.amounts, most), 0.0).sum(axis=0) + 0.5
    return np.where(few, mean / np.maximum(total, 1e-9), middle)


def _median(values: Floats, known: NDArray[np.bool_]) -> Floats:
    """Return the median of the known values of each column; 0 where there are none."""
    ordered = np.sort(np.where(known, values, np.inf), axis=0)
    count = known.sum(axis=0)
    last = len(values) - 1
    low, high = np.clip((count - 1) // 2, 0, last), np.clip(count // 2, 0, last)
    pair = [np.take_along_axis(ordered, rows[None], axis=0)[0] for rows in (low, high)]
    return np.where(count > 0, (np.where(count > 0, pair[0], 0) + np.where(count > 0, pair[1], 0)) / 2, 0.0)


def _edges(found: _Spread, of: Floats, tail: float, *, counts: bool) -> tuple[Floats, Floats, Floats]:
    """Return the middle, and from where on down and up a value is unusual."""
    middle = found.rate * of
    own = np.maximum(np.abs(middle), 1e-9) if found.level else 1.0
    variance = _factor(found, own, counts=counts) * own * (1 + found.spare * of)
    variance = np.maximum(variance, (_MIN_SPREAD * middle) ** 2 + 1e-12)
    score = NormalDist().inv_cdf(1 - tail)
    low, high = _skewed(middle, variance, score) if found.level else _even(middle, variance, score)
    if counts:
        few = (middle < _MANY_COUNTS) & (variance < _MANY_COUNTS * _MANY_COUNTS)
        if few.any():
            low[few], high[few] = _counted(middle[few], variance[few], tail)
    return middle, low, high


def _factor(found: _Spread, own: Floats | float, *, counts: bool) -> Floats:
    """Return the variance per unit of the mean here: if days differ by a share of themselves, it grows with the mean.

    Below the typical mean it is constant: bunched events differ as much on a weak day.
    """
    if not found.level:
        return found.factor
    above = np.maximum(own / found.typical, 1.0)
    return 1 + (found.factor - 1) * above if counts else found.factor * above


def _even(middle: Floats, variance: Floats, score: float) -> tuple[Floats, Floats]:
    """Return the edges of a normal distribution."""
    reach = score * np.sqrt(variance)
    return middle - reach, middle + reach


def _skewed(mean: Floats, variance: Floats, score: float) -> tuple[Floats, Floats]:
    """Return the edges of a gamma distribution (Wilson and Hilferty): good days are further out than bad ones."""
    shape = np.maximum(mean, 1e-9) ** 2 / variance
    middle, reach = 1 - 1 / (9 * shape), score / (3 * np.sqrt(shape))
    low = np.where(middle > reach, mean * np.maximum(middle - reach, 0) ** 3, -1.0)
    return low, mean * (middle + reach) ** 3


def _counted(mean: Floats, variance: Floats, tail: float) -> tuple[Floats, Floats]:
    """Return the edges of a count: beyond them is at most the tail of its negative binomial distribution."""
    mean = np.maximum(mean, 1e-9)
    variance = np.maximum(variance, mean * (1 + 1e-6))
    size, chance = mean * mean / (variance - mean), mean / variance
    with np.errstate(divide="ignore", under="ignore"):
        mass = np.exp(size * np.log(chance))
    below = np.zeros_like(mean)  # the probability of less than `step`
    low, high = np.full_like(mean, -1.0), np.full_like(mean, np.inf)
    step = 0
    while np.isinf(high).any() and step < _ENDLESS:
        high = np.where(np.isinf(high) & (1 - below < tail), float(step), high)
        below = below + mass
        low = np.where(below < tail, float(step), low)
        with np.errstate(under="ignore"):
            mass = mass * (step + size) / (step + 1) * (1 - chance)
        step += 1
    return low, high
