"""Confidence sequences: evidence about a ratio that stays valid however often it is checked.

The method is an e-detector of the Shiryaev-Roberts kind (Shin, Ramdas and Rinaldo) over likelihood ratios. For each
beginning the conversions since then are weighed against what was due at the threshold: that is an e-process, whose
mean stays at 1 however often it is looked at while the true ratio is not beyond the threshold. The mean over all
beginnings, weighted by the share of the thirty days for which each stands, must reach 1 / (1 - confidence).

State is nothing but sums of stored observations, so a restart, a backtest and an explanation see the same digits.
Pure columns: performs no I/O and reads no clock.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Direction = Literal["below", "above"]
MONTH = timedelta(days=30)
# (age up to, distance between beginnings): fine where a change is young, coarse where it is old. Whole hours, UTC.
GRID = ((8, 1), (24, 3), (72, 8), (240, 24), (720, 72))
# How far beyond the line the ratio may be: as shares of the line, with what part of the evidence each may use.
BELOW = ((0.05, 0.15), (0.2, 0.25), (0.4, 0.25), (0.6, 0.2), (0.8, 0.15))
ABOVE = ((1.25, 0.15), (1.6, 0.2), (2.5, 0.25), (5.0, 0.25), (20.0, 0.15))
DAY = timedelta(days=1)
MIN_DAYS, MIN_SUBJECTS, LEFT_OUT = 5, 20, 0.1  # what it takes to tell how much rates differ from day to day
TRIMMED = 0.195  # by so many standard deviations the mean of chi-squared falls without its largest tenth
CLIP = 500.0  # exp of more is of no interest


@dataclass(frozen=True, slots=True)
class Beginning:
    """A moment since which conversions are counted, and its share of the thirty days."""

    at: datetime
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class DayVariance:
    """The variance of rates from day to day beyond chance."""

    share: float  # the variance of the rates of days, as a share of the squared rate
    a_day: Floats  # the hits of a day, per subject

    @property
    def beyond_chance(self) -> Floats:
        """Return by how much more than chance the hits of a day vary, as a multiple of chance."""
        return self.share * np.maximum(self.a_day, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """The sums since each beginning: one row per beginning, one column per subject.

    The sums of many subjects may be stored as half-precision numbers if those are exact; results are doubles.
    """

    hits: Floats
    trials: Floats
    weights: Floats  # one per beginning
    whole: bool  # trials are whole things of which hits are a part; else hits are rare beside them
    together: tuple[Floats, Floats] | None = None  # the hits of all subjects, and what was due by the pasts of all
    differs: DayVariance | None = None  # None: days differ by chance only

    def spread(self) -> Floats:
        """Return the ratio of the variance of the hits since each beginning to chance.

        Days differ, hours of one day do not.
        """
        if self.differs is None:
            return np.ones(self.hits.shape)
        return np.asarray(1.0 + np.minimum(self.days(), 1.0)[:, None] * self.differs.beyond_chance)

    def days(self) -> Floats:
        """Return the age of each beginning, in days."""
        return np.asarray(np.cumsum(self.weights) * (MONTH / DAY))

    def shapes(self) -> Floats | None:
        """Return how closely the rate since each beginning follows that of many days; None: it is the same.

        It is the shape of a gamma distribution: hours of one day have the same rate, days have not.
        """
        if self.whole or self.differs is None:
            return None
        return np.asarray(np.maximum(self.days(), 1.0) / self.differs.share)

    def since(self) -> tuple[Floats, Floats]:
        """Return hits and trials since each beginning as doubles.

        A variance above chance makes those of whole things count for less; for rare hits see `shapes`.
        """
        hits, trials = self.hits.astype(np.float64), self.trials.astype(np.float64)
        if self.differs is None or not self.whole:
            return hits, trials
        spread = self.spread()
        return hits / spread, trials / spread

    def before(self) -> tuple[Floats, Floats]:
        """Return those from the oldest beginning up to each; a variance above chance makes them count for less."""
        more = 1.0 if self.differs is None else 1.0 + self.differs.beyond_chance
        last, of = self.hits[-1].astype(np.float64), self.trials[-1].astype(np.float64)
        return (last - self.hits) / more, (of - self.trials) / more

    def as_known_of_a_day(self, hits: Floats, trials: Floats) -> tuple[Floats, Floats]:
        """Return fewer hits and trials of many days: as many as tell of the rate since a beginning what they can."""
        shapes = self.shapes()
        if shapes is None:
            return hits, trials
        kept = shapes[:, None] / (shapes[:, None] + hits)
        return hits * kept, trials * kept

    def rows(self) -> Iterator[tuple[Floats, Floats, float, float | None]]:
        """Yield hits, trials, weight and shape of one beginning after the other, which saves memory."""
        shapes = self.shapes()
        for row, (hits, trials, weight, days) in enumerate(
            zip(self.hits, self.trials, self.weights.tolist(), self.days().tolist(), strict=True)
        ):
            some, of = hits.astype(np.float64), trials.astype(np.float64)
            if self.differs is not None and self.whole:
                spread = 1.0 + min(days, 1.0) * self.differs.beyond_chance
                some, of = some / spread, of / spread
            yield some, of, weight, None if shapes is None else float(shapes[row])


def beginnings(now: datetime) -> tuple[Beginning, ...]:
    """Return beginnings from the newest to the oldest. They are on a fixed grid, so that none moves with the clock."""
    hour = int(np.ceil(now.timestamp() / 3600)) - 1  # the last full hour that lies before now
    newest, before, found = hour + 1, hour + 1, []
    for age, step in GRID:
        at = min(before - 1, hour) // step * step
        while newest - at <= age:
            found.append(Beginning(datetime.fromtimestamp(at * 3600, UTC), (before - at) / 720))
            before = at
            at -= step
    return tuple(found)


def line_of_evidence(confidence: float) -> float:
    """Return what the weighted mean must reach: 20 for 95%."""
    return 1.0 / (1.0 - confidence)


def strength(sums: Sums, line: Floats, direction: Direction, needed: float) -> Floats:
    """Return the evidence for each subject: at least `needed` if it reaches that, and exact below.

    If it cannot reach `needed`, it is not computed, and 0.
    """
    size = sums.hits.shape[1]
    result = np.zeros(size)
    line = np.broadcast_to(line, size)
    rows = np.flatnonzero(possible(sums, line, direction, np.log(needed)))
    if not len(rows):
        return result
    result[rows] = mixed(only(sums, rows), line[rows], direction)
    return result


def day_variance(sums: Sums, starts: Sequence[Beginning]) -> DayVariance | None:
    """Return by how much rates differ from day to day; None if chance explains all, or too little is known.

    It is learned from all subjects together. A collapsing subject differs from day to day too, so the tenth with the
    largest differences is left out, and what could be chance is subtracted. A variance of `share` times the square of
    the rate makes the hits of a day vary `share * hits a day` times more than chance, and those of a part of a day by
    that part.
    """
    lengths = [(newer.at - older.at) / DAY for newer, older in pairwise(starts)]
    days = [at for at, length in enumerate(lengths) if length >= 1]
    if len(days) < MIN_DAYS:
        return None
    rows = np.arange(days[0], len(starts))
    hits, trials = (np.diff(part[rows].astype(np.float64), axis=0) for part in (sums.hits, sums.trials))
    total, of = hits.sum(axis=0), trials.sum(axis=0)
    some = (total >= 5 * len(hits)) & (of > 0) & (sums.trials[days[0]] > 0) & (hits >= 0).all(axis=0)
    if some.sum() < MIN_SUBJECTS:
        return None
    rate = total[some] / of[some]
    due = np.maximum(trials[:, some] * rate, 1e-9)
    chance = due * (1.0 - rate) if sums.whole else due
    differs = ((hits[:, some] - due) ** 2 / np.maximum(chance, 1e-9)).sum(axis=0)
    a_day = total / sum(lengths[days[0] :])
    free = len(hits) - 1
    kept = np.argsort(differs, kind="stable")[: int(len(differs) * (1 - LEFT_OUT))]
    by_chance = free * len(kept)
    # the tenth that is left out would have had more than its part by chance, too
    found = float(differs[kept].sum()) / (1.0 - TRIMMED * np.sqrt(2.0 / free))
    sure = found - by_chance - np.sqrt(2.0 * by_chance)
    share = max(sure, 0.0) / (free * float(a_day[some][kept].sum()))
    return DayVariance(share, a_day) if share > 0 else None


def only(sums: Sums, rows: NDArray[np.intp] | slice) -> Sums:
    """Return the same sums of some subjects, as doubles."""
    hits, trials = (part[:, rows].astype(np.float64) for part in (sums.hits, sums.trials))
    differs = None if sums.differs is None else replace(sums.differs, a_day=sums.differs.a_day[rows])
    return Sums(hits, trials, sums.weights, sums.whole, sums.together, differs)


def possible(sums: Sums, line: Floats, direction: Direction, needed: float) -> NDArray[np.bool_]:
    """Return where evidence of exp(needed) is possible: a likelihood ratio is at most what chi-squared allows.

    Where days differ it is less than that.
    """
    usable = (line > 0) & (line < 1 if sums.whole else line > 0)
    hits, trials = sums.since()
    expected = trials * line
    missing = expected - hits if direction == "below" else hits - expected
    spread = expected * (1.0 - line) if sums.whole else expected
    found = ((missing > 0) & (missing * missing >= needed * spread)).any(axis=0)
    return np.asarray(found & usable, dtype=bool)


def mixed(sums: Sums, line: Floats, direction: Direction) -> Floats:
    """Return the weighted mean over beginnings and alternatives."""
    return mean(sums.weights, parts(sums, line, direction))


def mean(weights: Floats, found: Floats) -> Floats:
    """Return the mean over beginnings; `weights` are one per beginning, or one per beginning and subject.

    It is summed row by row, so that a subject's digits do not depend on the number of others.
    """
    total = np.zeros(found.shape[1])
    for weight, row in zip(weights, found, strict=True):
        total += weight * row
    return total


def parts(sums: Sums, line: Floats, direction: Direction) -> Floats:
    """Return the evidence of each single beginning: the mean over the alternatives."""
    total, since, shapes = np.zeros(sums.hits.shape), sums.since(), sums.shapes()
    for share, part in BELOW if direction == "below" else ABOVE:
        total += part * np.exp(np.minimum(_log_ratio(since, line, share, shapes, whole=sums.whole), CLIP))
    return total


def _log_ratio(
    since: tuple[Floats, Floats], line: Floats, share: float, shapes: Floats | None, *, whole: bool
) -> Floats:
    """Return how much better `share` times the line explains the counts than the line itself, as a logarithm."""
    result: Floats
    hits, trials = since
    if not whole and shapes is not None:  # a rate that is drawn anew each day: negative binomial
        due, shape = line * trials, shapes[:, None]
        result = hits * np.log(share) + (shape + hits) * np.log((shape + due) / (shape + share * due))
        return result
    if not whole:  # rare hits: Poisson
        result = hits * np.log(share) + (1.0 - share) * line * trials
        return result
    other = share * line / (1.0 - line + share * line)  # the odds are `share` times as high
    hits = np.minimum(hits, trials)
    result = hits * np.log(other / line) + (trials - hits) * np.log((1.0 - other) / (1.0 - line))
    return result


def most_telling(sums: Sums, line: float, direction: Direction) -> int:
    """Return the most telling beginning of one subject."""
    shares = [share for share, _ in (BELOW if direction == "below" else ABOVE)]
    since, shapes = sums.since(), sums.shapes()
    ratios = [_log_ratio(since, np.array([line]), share, shapes, whole=sums.whole)[:, 0] for share in shares]
    best = np.max(ratios, axis=0)
    return int(np.argmax(best))


def lumped(starts: Sequence[Beginning], known: Sequence[bool]) -> Floats:
    """Return the weights of the known beginnings; the oldest of them also stands for all before it."""
    weights = [one.weight for one, there in zip(starts, known, strict=True) if there]
    if weights:
        weights[-1] += 1.0 - sum(weights)
    return np.array(weights)


def of_the_scope(found: Floats, confidence: float) -> NDArray[np.bool_]:
    """Return which subjects to take so that at most 1 - confidence of them are wrong: e-values, BH."""
    size = len(found)
    order = np.argsort(-found, kind="stable")
    ranks = np.arange(1, size + 1)
    good = np.flatnonzero(found[order] * ranks >= size * line_of_evidence(confidence))
    taken = np.zeros(size, dtype=bool)
    if len(good):
        taken[order[: int(good[-1]) + 1]] = True
    return taken
