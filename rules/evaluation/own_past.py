"""Compare a ratio with its own good past: evidence that it has fallen to the wrong side of a threshold.

A subject that has been on the good side for long is judged by its own past as well: where its ratio before a beginning
was clearly better than the threshold, what came since is held against what came before, provided that the threshold
itself is passed with LEVEL of the evidence. So a collapse after good weeks is found several times as fast. This part
takes the ratio to be steady up to the collapse; the docs say what that means. Pure columns.
"""

from dataclasses import replace
from datetime import timedelta
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from rules.evaluation.columns import wilson
from rules.evaluation.confidence_sequences import (
    DAY,
    MIN_SUBJECTS,
    Direction,
    Floats,
    Sums,
    mean,
    only,
    parts,
    possible,
)
from rules.evaluation.two_samples import log_ratio

# How many times the needed evidence the own past must bring: it may use half of the errors. At eight thousand clicks a
# day one of sixty items that stayed twice as good as the threshold was paused in a month without it.
TIMES_NEEDED = 2.0
LEVEL = 0.2  # the power of the needed evidence that one beginning must have against the line itself
CLEARLY = 1.1  # so many times better than the line its past must be, at the least
FAR_BETTER, HELD_BACK = 1.5, 1 / 3  # a past that is not so many times better counts for a part only
PAST_ERRORS = 20.0  # what part of the errors the bound of the past may use: one in so many
# What a collapse leaves of the own past's ratio, and how much of the evidence each may use.
COLLAPSED = ((0.1, 0.3), (0.25, 0.4), (0.4, 0.3))
RISEN = ((10.0, 0.3), (4.0, 0.4), (2.5, 0.3))
# A collapse that is older than this was found, and what seems to be one is chance more often: as many hours as bring
# RECENT_HITS, but not less than the first and not more than the second.
RECENT, RECENT_HITS = (18.0, 40.0), 32.0
OTHERS_PRIOR = 25.0  # hits, by which the swing that all others share is drawn to none


def against_past(sums: Sums, line: Floats, direction: Direction, needed: float) -> Floats:
    """Return the evidence that a ratio left its own good past for the wrong side of the threshold.

    It is 0 without such a past. The part of the errors that the own past may not use is already subtracted: compare it
    with `needed`.
    """
    size = sums.hits.shape[1]
    result = np.zeros(size)
    line = np.broadcast_to(line, size)
    level = needed**LEVEL
    rows = np.flatnonzero(possible(sums, line, direction, np.log(level)))
    if not len(rows) or len(sums.weights) < 2:
        return result
    some, at = only(sums, rows), line[rows]
    past = _past(some, direction, needed)
    good = past >= CLEARLY * at if direction == "below" else (past * CLEARLY <= at) & (past > 0)
    passed = good & (parts(some, at, direction) >= level)
    gained = np.where(passed, _left(some, np.where(passed, past, at), direction), 0.0)
    if not sums.whole:
        far = past >= FAR_BETTER * at if direction == "below" else past * FAR_BETTER <= at
        gained *= np.where(far, 1.0, HELD_BACK)
    result[rows] = mean(_recent(some), gained) / _times(sums)
    return result


def _times(sums: Sums) -> float:
    return 1.0 if sums.whole else TIMES_NEEDED


def _left(sums: Sums, past: Floats, direction: Direction) -> Floats:
    """Return the evidence of each beginning that the ratio has left its past; `past` is the conservative bound of that.

    For rare hits it needs no bound. While the ratio is steady, whatever it is, the hits since the beginning are a
    random part of all hits, as large as their part of the trials: this is the likelihood ratio for another part.
    """
    if sums.whole:
        return parts(sums, past, direction)
    hits, trials, every, of = _parted(sums, direction)
    total = np.zeros(hits.shape)
    for share, part in COLLAPSED if direction == "below" else RISEN:
        total += part * np.exp(log_ratio(hits, trials, every, of, share))
    return total


def _parted(sums: Sums, direction: Direction) -> tuple[Floats, Floats, Floats, Floats]:
    """Return hits and trials since each beginning, and both since the oldest one.

    If all others are worse than in their pasts too, as on a weekend, the trials count for less.
    """
    hits, trials = sums.since()
    before, of = sums.as_known_of_a_day(*sums.before())
    trials = trials * _shared_swing(sums, direction)
    return hits, trials, hits + before, trials + of


def _shared_swing(sums: Sums, direction: Direction) -> Floats:
    """Return how the ratios of all other subjects since each beginning compare with their pasts; at most 1."""
    if sums.together is None:
        return np.ones(sums.hits.shape)
    hits, due = (part[:, None] for part in sums.together)
    swing = (hits - sums.hits + OTHERS_PRIOR) / (np.maximum(due - _due(sums), 0.0) + OTHERS_PRIOR)
    return np.asarray(np.clip(swing, 0.0, 1.0) if direction == "below" else np.maximum(swing, 1.0))


def _due(sums: Sums) -> Floats:
    """Return the expected hits since each beginning with the earlier ratio."""
    hits, trials = sums.before()
    return np.asarray(np.divide(hits, trials, out=np.zeros(hits.shape), where=trials > 0) * sums.trials)


def with_others(sums: Sums) -> Sums:
    """Return the same sums with those of all subjects together, if they are enough to show a shared swing."""
    if sums.whole or sums.hits.shape[1] < MIN_SUBJECTS:
        return sums
    hits, due = np.zeros(len(sums.weights)), np.zeros(len(sums.weights))
    oldest, of = sums.hits[-1].astype(np.float64), sums.trials[-1].astype(np.float64)
    for row, (some, trials) in enumerate(zip(sums.hits, sums.trials, strict=True)):
        before, since_then = of - trials, oldest - some
        known = before > 0
        due[row] = float((since_then[known] / before[known] * trials[known]).sum())
        hits[row] = float(some[known].sum(dtype=np.float64))
    return replace(sums, together=(hits, due))


def _recent(sums: Sums) -> Floats:
    """Return the weights of the beginnings for the comparison with the own past: less for what is not RECENT.

    One column per subject where hits are rare.
    """
    if sums.whole:
        return sums.weights
    hours = sums.days() * (DAY / timedelta(hours=1))
    an_hour = np.maximum(sums.hits[-1].astype(np.float64), 0.0) / hours[-1]
    recent = np.clip(np.divide(RECENT_HITS, an_hour, out=np.full(len(an_hour), np.inf), where=an_hour > 0), *RECENT)
    return np.asarray(sums.weights[:, None] * np.minimum(1.0, (recent / hours[:, None]) ** 2))


def leavers(sums: Sums, direction: Direction, needed: float) -> tuple[NDArray[np.intp], Floats]:
    """Return the subjects that their own past alone proves, and up to which threshold (negative for upper ones)."""
    weights, wanted = _recent(sums), needed * _times(sums)
    if sums.whole:
        past = _past(sums, direction, needed)
        hits, trials = sums.since()
        expected, least = past * trials, np.full(1, wanted)
        chance = expected * (1.0 - past)
    else:
        hits, trials, every, of = _parted(sums, direction)
        share = np.divide(trials, of, out=np.zeros(trials.shape), where=of > 0)
        expected, least = share * every, wanted / weights.sum(axis=0)
        chance = expected * (1.0 - share)
    missing = expected - hits
    far = (missing > 0 if direction == "below" else missing < 0) & (missing * missing >= np.log(least) * chance)
    rows = np.flatnonzero(far.any(axis=0))
    some = only(sums, rows)
    past = _past(some, direction, needed)
    usable = (past > 0) & (past < 1)
    gained = _left(some, np.where(usable, past, 0.5), direction)
    rows_of = mean(weights if sums.whole else weights[:, rows], np.where(usable, gained, 0.0)) >= wanted * (1.0 - 1e-9)
    best = past / CLEARLY if direction == "below" else np.where(usable, -past * CLEARLY, -np.inf)
    return rows[rows_of], best.max(axis=0, initial=-np.inf)[rows_of]


def _past(sums: Sums, direction: Direction, needed: float) -> Floats:
    """Return the bound of the ratio before each beginning, since the oldest of them."""
    hits, trials = sums.before()
    z = NormalDist().inv_cdf(1.0 - 1.0 / (needed * PAST_ERRORS))
    lower, upper = wilson(hits, np.maximum(trials, 1.0), z)
    return np.where(hits > 0, lower if direction == "below" else upper, 0.0)
