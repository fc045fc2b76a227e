"""Evidence that a ratio of rare hits is less, or more, than a multiple of another one that is uncertain itself.

Both ratios are counts: those since a beginning, and those of what they are compared with, as the week before or all
others. Given how many hits both have together, those since the beginning are a random part of them, as large as their
part of the trials. The other ratio falls out of that, so that its own chance needs no bound and costs no errors of its
own. Pure columns.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rules.evaluation.confidence_sequences import ABOVE, BELOW, CLIP, Direction, Floats, Sums, mean, only


@dataclass(frozen=True, slots=True, eq=False)
class Other:
    """The hits and trials on the other side of each subject, and the multiple of their ratio without a change."""

    hits: Floats
    trials: Floats
    times: float

    def line(self) -> Floats:
        """Return the ratio from which on there is a change, as far as known; 0 where nothing is."""
        ratio = np.divide(self.hits, self.trials, out=np.zeros(len(self.hits)), where=self.trials > 0)
        return np.asarray(ratio * self.times)

    def only(self, rows: NDArray[np.intp]) -> "Other":
        """Return the same for some subjects."""
        return Other(self.hits[rows], self.trials[rows], self.times)


def log_ratio(hits: Floats, trials: Floats, every: Floats, of: Floats, share: float) -> Floats:
    """Return how much better a ratio of `share` times the rest explains the hits than an equal ratio.

    `every` are the hits of both together and `of` the trials; -CLIP if nothing can be said. It is a logarithm.
    """
    with np.errstate(all="ignore"):
        found = hits * np.log(share) + every * np.log(of / (of - (1.0 - share) * trials))
    return np.asarray(np.clip(np.nan_to_num(found, nan=-CLIP), -CLIP, CLIP))


def strength(sums: Sums, other: Other, direction: Direction, needed: float) -> Floats:
    """Return the evidence for each subject: exact if it may reach `needed`, and 0 if it cannot."""
    result = np.zeros(sums.hits.shape[1])
    rows = np.flatnonzero(_possible(sums, other, direction, needed))
    if len(rows):
        some = only(sums, rows)
        result[rows] = mean(some.weights, _parts(some, other.only(rows), direction))
    return result


def _parts(sums: Sums, other: Other, direction: Direction) -> Floats:
    """Return the evidence of each single beginning: the mean over the alternatives."""
    hits, trials, every, of = _together(sums, other)
    total = np.zeros(hits.shape)
    for share, part in BELOW if direction == "below" else ABOVE:
        total += part * np.exp(log_ratio(hits, trials, every, of, share))
    return total


def _possible(sums: Sums, other: Other, direction: Direction, needed: float) -> NDArray[np.bool_]:
    """Return where evidence of `needed` is possible: a likelihood ratio is never more than chi-squared allows."""
    hits, trials, every, of = _together(sums, other)
    share = np.divide(trials, of, out=np.zeros(trials.shape), where=of > 0)
    due = share * every
    missing = due - hits if direction == "below" else hits - due
    found = (missing > 0) & (missing * missing >= np.log(needed) * due * (1.0 - share))
    return np.asarray(found.any(axis=0) & (other.hits > 0) & (other.trials > 0), dtype=bool)


def _together(sums: Sums, other: Other) -> tuple[Floats, Floats, Floats, Floats]:
    """Return hits and trials since each beginning, and both with the other.

    The trials are those with which no change would leave the ratio as it is.
    """
    hits, trials = sums.since()
    trials = trials * other.times
    more = 1.0 if sums.differs is None else 1.0 + sums.differs.beyond_chance
    before, of = sums.as_known_of_a_day(other.hits / more, other.trials / more)
    return hits, trials, hits + before, trials + of
