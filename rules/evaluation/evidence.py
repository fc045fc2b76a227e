"""Evidence that stays valid however often it is checked: a ratio has been beyond its threshold for a while.

The method is an e-detector of the Shiryaev-Roberts kind (Shin, Ramdas and Rinaldo) over likelihood ratios. For each
beginning the conversions since then are weighed against what was due at the threshold: that is an e-process, whose
mean stays at 1 however often it is looked at while the true ratio is not beyond the threshold. The mean over all
beginnings, weighted by the share of the thirty days for which each stands, must reach 1 / (1 - confidence).

A subject that has been on the good side for long is judged by its own past as well: where the lower bound of the
ratio before a beginning is clearly better than the line, that bound takes the line's place, provided that the line
itself is passed with LEVEL of the evidence. So a collapse after good weeks is found several times as fast. This part
takes the ratio to be steady up to the collapse; the docs say what that means.

State is nothing but sums of stored observations, so a restart, a backtest and an explanation see the same digits.
Pure columns: performs no I/O and reads no clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from rules.evaluation.columns import wilson

Floats = NDArray[np.float64]
Direction = Literal["below", "above"]
MONTH = timedelta(days=30)
# (age up to, distance between beginnings): fine where a change is young, coarse where it is old. Whole hours, UTC.
GRID = ((8, 1), (24, 3), (72, 8), (240, 24), (720, 72))
# How far beyond the line the ratio may be: as shares of the line, with what part of the evidence each may use.
BELOW = ((0.05, 0.15), (0.2, 0.25), (0.4, 0.25), (0.6, 0.2), (0.8, 0.15))
ABOVE = ((1.25, 0.15), (1.6, 0.2), (2.5, 0.25), (5.0, 0.25), (20.0, 0.15))
LEVEL = 0.35  # the power of the needed evidence that one beginning must have against the line itself
CLEARLY = 1.1  # so many times better than the line its past must be, at the least
PAST_ERRORS = 20.0  # what part of the errors the bound of the past may use: one in so many
DAY = timedelta(days=1)
LEAST_DAYS, LEAST_SUBJECTS, LEFT_OUT = 5, 20, 0.1  # what it takes to tell how much rates differ from day to day
TRIMMED = 0.195  # by so many standard deviations the mean of chi-squared falls without its largest tenth
_CLIP = 500.0  # exp of more is of no interest


@dataclass(frozen=True, slots=True)
class Beginning:
    """A moment since which conversions are counted, and its share of the thirty days."""

    at: datetime
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What happened since each beginning: one row per beginning, one column per subject.

    The sums of many subjects may be kept as halves of doubles where those are exact; `only` makes doubles of them.
    """

    hits: Floats
    trials: Floats
    weights: Floats  # one per beginning
    whole: bool  # trials are whole things of which hits are a part; else hits are rare beside them


def beginnings(now: datetime) -> tuple[Beginning, ...]:
    """From the newest to the oldest. They lie on a fixed grid, so that a beginning does not move with the clock."""
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
    """What the weighted mean must reach: 20 for 95%."""
    return 1.0 / (1.0 - confidence)


def strength(sums: Sums, line: Floats, direction: Direction, needed: float) -> Floats:
    """The evidence for each subject: at least `needed` where it reaches that, and exact below.

    Where it cannot reach `needed`, it is not worked out, and 0.
    """
    size = sums.hits.shape[1]
    result = np.zeros(size)
    line = np.broadcast_to(line, size)
    rows = np.flatnonzero(_possible(sums, line, direction, np.log(needed)))
    if not len(rows):
        return result
    # Whom the oldest beginning convicts by itself needs no other: a bound from below is enough to answer.
    oldest = Sums(sums.hits[-1:, rows], sums.trials[-1:, rows], sums.weights[-1:], sums.whole)
    result[rows] = mixed(oldest, line[rows], direction)
    rest = rows[result[rows] < needed]
    if len(rest):
        result[rest] = mixed(only(sums, rest), line[rest], direction)
    return result


def against_past(sums: Sums, line: Floats, direction: Direction, needed: float) -> Floats:
    """The evidence that a ratio left its own good past for the wrong side of the line; 0 where it has no such past."""
    size = sums.hits.shape[1]
    result = np.zeros(size)
    line = np.broadcast_to(line, size)
    level = needed**LEVEL
    rows = np.flatnonzero(_possible(sums, line, direction, np.log(level)))
    if not len(rows) or len(sums.weights) < 2:
        return result
    some, at = only(sums, rows), line[rows]
    past = _past(some, direction, needed)
    good = past >= CLEARLY * at if direction == "below" else (past * CLEARLY <= at) & (past > 0)
    passed = good & (_parts(some, at, direction) >= level)
    gained = np.where(passed, _parts(some, np.where(passed, past, at), direction), 0.0)
    result[rows] = _mean(sums.weights, gained)
    return result


def spread(sums: Sums, starts: Sequence[Beginning]) -> Floats:
    """How many times as much as by chance the hits of each subject differ from day to day; 1 where chance explains it.

    Learned from all subjects together, since one that collapses differs from day to day as well: the tenth that differs
    most is left out, and what could be chance is taken off. A variance of `share` times the square of the rate makes
    hits vary `1 + share * hits a day` times as much as chance.
    """
    size = sums.hits.shape[1]
    lengths = [(newer.at - older.at) / DAY for newer, older in pairwise(starts)]
    days = [at for at, length in enumerate(lengths) if length >= 1]
    if len(days) < LEAST_DAYS:
        return np.ones(size)
    rows = np.arange(days[0], len(starts))
    hits, trials = (np.diff(part[rows].astype(np.float64), axis=0) for part in (sums.hits, sums.trials))
    total, of = hits.sum(axis=0), trials.sum(axis=0)
    some = (total >= 5 * len(hits)) & (of > 0) & (sums.trials[days[0]] > 0) & (hits >= 0).all(axis=0)
    if some.sum() < LEAST_SUBJECTS:
        return np.ones(size)
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
    return np.asarray(1.0 + share * np.maximum(a_day, 0.0))


def leavers(sums: Sums, direction: Direction, needed: float) -> tuple[NDArray[np.intp], Floats]:
    """Whose own past alone would convict them, and up to which line it may (negative for lines that are upper ones)."""
    past = _past(sums, direction, needed)
    usable = (past > 0) & (past < 1)
    missing = past * sums.trials - sums.hits
    spread = past * sums.trials * (1.0 - past) if sums.whole else past * sums.trials
    far = (missing > 0 if direction == "below" else missing < 0) & (missing * missing >= np.log(needed) * spread)
    rows = np.flatnonzero((far & usable).any(axis=0))
    past, usable = past[:, rows], usable[:, rows]
    gained = _parts(only(sums, rows), np.where(usable, past, 0.5), direction)
    rows_of = _mean(sums.weights, np.where(usable, gained, 0.0)) >= needed * (1.0 - 1e-9)
    best = past / CLEARLY if direction == "below" else np.where(usable, -past * CLEARLY, -np.inf)
    return rows[rows_of], best.max(axis=0, initial=-np.inf)[rows_of]


def _past(sums: Sums, direction: Direction, needed: float) -> Floats:
    """The bound of the ratio before each beginning, since the oldest of them."""
    hits, trials = sums.hits[-1] - sums.hits, sums.trials[-1] - sums.trials
    z = NormalDist().inv_cdf(1.0 - 1.0 / (needed * PAST_ERRORS))
    lower, upper = wilson(hits, np.maximum(trials, 1.0), z)
    return np.where(hits > 0, lower if direction == "below" else upper, 0.0)


def only(sums: Sums, rows: NDArray[np.intp]) -> Sums:
    """The same sums of some subjects, as doubles."""
    hits, trials = (part[:, rows].astype(np.float64) for part in (sums.hits, sums.trials))
    return Sums(hits, trials, sums.weights, sums.whole)


def _possible(sums: Sums, line: Floats, direction: Direction, needed: float) -> NDArray[np.bool_]:
    """Where evidence of exp(needed) is possible: a likelihood ratio is never more than chi-squared allows."""
    usable = (line > 0) & (line < 1 if sums.whole else line > 0)
    expected = sums.trials * line
    missing = expected - sums.hits if direction == "below" else sums.hits - expected
    spread = expected * (1.0 - line) if sums.whole else expected
    found = ((missing > 0) & (missing * missing >= needed * spread)).any(axis=0)
    return np.asarray(found & usable, dtype=bool)


def mixed(sums: Sums, line: Floats, direction: Direction) -> Floats:
    """The weighted mean over beginnings and alternatives."""
    return _mean(sums.weights, _parts(sums, line, direction))


def _mean(weights: Floats, parts: Floats) -> Floats:
    """Row by row, so that a subject's digits do not depend on how many others are worked out beside it."""
    total = np.zeros(parts.shape[1])
    for weight, row in zip(weights.tolist(), parts, strict=True):
        total += weight * row
    return total


def _parts(sums: Sums, line: Floats, direction: Direction) -> Floats:
    """The evidence of each beginning by itself: the mean over the alternatives."""
    total = np.zeros(sums.hits.shape)
    for share, part in BELOW if direction == "below" else ABOVE:
        total += part * np.exp(np.minimum(_log_ratio(sums, line, share), _CLIP))
    return total


def _log_ratio(sums: Sums, line: Floats, share: float) -> Floats:
    """How much better `share` times the line explains what was seen than the line itself, as a logarithm."""
    result: Floats
    if not sums.whole:  # rare hits: Poisson
        result = sums.hits * np.log(share) + (1.0 - share) * line * sums.trials
        return result
    other = share * line / (1.0 - line + share * line)  # the odds are `share` times as high
    hits = np.minimum(sums.hits, sums.trials)
    result = hits * np.log(other / line) + (sums.trials - hits) * np.log((1.0 - other) / (1.0 - line))
    return result


def since(sums: Sums, line: float, direction: Direction) -> int:
    """The beginning that says most, of one subject."""
    shares = [share for share, _ in (BELOW if direction == "below" else ABOVE)]
    best = np.max([_log_ratio(sums, np.array([line]), share)[:, 0] for share in shares], axis=0)
    return int(np.argmax(best))


def lumped(starts: Sequence[Beginning], known: Sequence[bool]) -> Floats:
    """The weights of the known beginnings; the oldest of them stands for all that came before it, too."""
    weights = [one.weight for one, there in zip(starts, known, strict=True) if there]
    if weights:
        weights[-1] += 1.0 - sum(weights)
    return np.array(weights)


def of_the_scope(found: Floats, confidence: float) -> NDArray[np.bool_]:
    """Which subjects may be taken so that, of all that are, 1 - confidence at most are wrong: e-values, BH."""
    size = len(found)
    order = np.argsort(-found, kind="stable")
    ranks = np.arange(1, size + 1)
    good = np.flatnonzero(found[order] * ranks >= size * line_of_evidence(confidence))
    taken = np.zeros(size, dtype=bool)
    if len(good):
        taken[order[: int(good[-1]) + 1]] = True
    return taken
