"""Measure how soon conversions arrive after their click, per offer: the share that has arrived by each age.

Only conversions that have arrived can be seen, so a young click can show fast conversions only (right truncation).
The estimate is the product-limit estimator for truncated data (Kaplan-Meier in reversed time) on grouped ages. A small
offer borrows from all offers together: as much as PRIOR conversions of the pool count like its own.
Performs no I/O. The same observations always give the same curve, to the last digit.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

MINUTE, DAY = 60, 86_400
#: Ages at which a curve is known; behind the last one everything has arrived.
EDGES = np.array(
    [0, 2, 5, 10, 15, 30, 45, 60, 90, 120, 180, 240, 360, 480, 720, 960, 1440, 1800, 2160, 2880, 4320, 5760, 10080],
    dtype=np.int64,
) * MINUTE  # fmt: skip
BINS = len(EDGES) - 1
HORIZON = int(EDGES[-1])
LOOK_BACK = 14 * DAY  # of clicks; a curve is learned anew each day, from these
PRIOR = 25.0  # conversions of the pool that every offer starts with
MIN_CONVERSIONS = 20  # conversions with a known click time; with fewer, in all offers together, nothing is known
NEARLY_ALL, LISTED_LEAST = 0.97, 10  # the share of a day's conversions that must be listed; fewer a day say nothing
KNOWN_SHARE = 0.5  # of an offer's conversions; with fewer known click times the offer is counted as it comes in
MAX_AGE_RANGES = 64  # ranges of ages whose shares are kept; a window asks for the same ones again and again
#: Shares are whole multiples of 1 / SHARE_STEPS. So a sum of clicks that are weighed by them has no rounding, and is
#: the same in whatever order they came in.
SHARE_STEPS = float(1 << 20)
PUNCTUAL = int(timedelta(minutes=30).total_seconds())  # a row that is listed later than this came late

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Arrivals:
    """Conversions, one group of equal ones per position. `weight` is negative for a retracted row."""

    offer: NDArray[np.int32]  # the offers' numbers
    click: Ints
    delay: Ints  # from the click until the row was there; negative: the click time is not known
    weight: Ints
    advertiser: NDArray[np.int32]  # the advertisers' numbers
    lag: Ints  # of `delay`, from the conversion until the row was there; negative: that is not known


@dataclass(frozen=True, slots=True)
class Listing:
    """An offer whose conversions are listed in batches."""

    advertiser: int  # its number
    lag: int  # seconds after which nearly all conversions are listed


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The curves of one day, one row each; row 0 is the pool of all offers."""

    day: int  # learned from what was known at this moment, seconds since 1970
    shares: Floats  # that have arrived at each of EDGES
    means: Floats  # at what age those of each bin arrive, on average
    rows: Mapping[int, int]  # an offer's number → its row; any other offer uses the pool
    samples: Mapping[int, int]  # an offer's number → conversions of its own behind the curve
    pooled: int  # conversions behind the pool
    unknown: frozenset[int]  # offers whose conversions mostly lack a click time: their clicks are not weighed
    batches: Mapping[int, Listing]  # an offer's number → how it is listed; its curve says when conversions happen
    _missing: dict[tuple[float, float], Floats] = field(default_factory=dict)
    #: Dimension and how many subjects it has → each one's row, and whether its clicks are weighed at all.
    of_subjects: dict[object, tuple[NDArray[np.intp], NDArray[np.bool_]]] = field(default_factory=dict)

    def row_of(self, offers: Sequence[int] | NDArray[np.int32]) -> NDArray[np.intp]:
        """Return the row of each offer."""
        return np.array([self.rows.get(int(offer), 0) for offer in offers], dtype=np.intp)

    def missing(self, youngest: float, oldest: float) -> Floats:
        """Return for each row the mean share of conversions that clicks between these two ages still wait for.

        The ages lie in one bin. Arrivals in the bin count at its mean age, which is exact for clicks that are spread
        evenly over the whole bin, whatever the delays look like inside.
        """
        found = self._missing.get((youngest, oldest))
        if found is None:
            if len(self._missing) >= MAX_AGE_RANGES:
                self._missing.clear()
            found = self._missing[youngest, oldest] = self._worked_out(youngest, oldest)
        return found

    def _worked_out(self, youngest: float, oldest: float) -> Floats:
        at = int(np.clip(np.searchsorted(EDGES, youngest, side="right") - 1, 0, BINS - 1))
        length = max(oldest - youngest, 1.0)
        older = np.clip((oldest - self.means[:, at]) / length, 0.0, 1.0)
        before, after = self.shares[:, at], self.shares[:, at + 1]
        result: Floats = np.round((1.0 - (before + (after - before) * older)) * SHARE_STEPS) / SHARE_STEPS
        result.flags.writeable = False  # it is kept, and given to whoever asks next
        return result


def learn(found: Arrivals, day: int) -> Curves | None:
    """Return the curves as of `day`, or None if too few click times are known."""
    inside = (found.click >= day - LOOK_BACK) & (found.click < day)
    known = inside & (found.delay >= 0)
    batches = _batches(found, known)
    delay, awaited = _without_batches(found, batches)
    limit = np.searchsorted(EDGES, day - awaited - found.click, side="right") - 1  # whole bins that could be seen
    bins = np.searchsorted(EDGES, delay, side="right") - 1
    seen = known & (bins < limit) & (bins < BINS)
    if int(found.weight[seen].sum()) < MIN_CONVERSIONS:
        return None
    offers, where = np.unique(found.offer[seen], return_inverse=True)
    at, upto = _risk(len(offers), where, bins[seen], limit[seen], found.weight[seen])
    pool_at, pool_upto = at.sum(axis=0), upto.sum(axis=0)
    pool = np.divide(pool_at, pool_upto, out=np.zeros(BINS), where=pool_upto > 0)
    own = (at + PRIOR * pool) / (upto + PRIOR)
    return Curves(
        day=day,
        shares=np.vstack([_survived(pool[None, :]), _survived(own)]),
        means=_means(len(offers), where, bins[seen], delay[seen], found.weight[seen]),
        rows={offer: row + 1 for row, offer in enumerate(offers.tolist())},
        samples=dict(zip(offers.tolist(), at.sum(axis=1).astype(int).tolist(), strict=True)),
        pooled=int(pool_at.sum()),
        unknown=_without_clicks(found, inside),
        batches=batches,
    )


def _batches(found: Arrivals, known: NDArray[np.bool_]) -> Mapping[int, Listing]:
    """Return the offers whose conversions are listed in batches: half of them not at once.

    Late rows do not count. An offer with too few conversions a day counts as listed in the way of its advertiser.
    """
    told = known & (found.lag >= 0)
    if not (told & (found.lag > PUNCTUAL)).any():
        return {}
    events, lags = (found.click + _happened(found))[told], found.lag[told]
    offers, owners = found.offer[told], found.advertiser[told]
    half, nearly = ([listing_lags(who, events, lags, share) for who in (offers, owners)] for share in (0.5, NEARLY_ALL))
    result = {}
    for offer, owner in sorted(set(zip(found.offer[known].tolist(), found.advertiser[known].tolist(), strict=True))):
        own = offer < len(half[0]) and bool(half[0][offer])
        at, which = (offer, 0) if own else (owner, 1)
        if at < len(half[which]) and half[which][at] > PUNCTUAL:
            result[offer] = Listing(owner, int(nearly[which][at]))
    return result


def _happened(found: Arrivals) -> Ints:
    """Return the time from the click to the conversion, if known; rows listed at once count as happened then."""
    return np.asarray(found.delay - np.maximum(found.lag - PUNCTUAL, 0))


def _without_batches(found: Arrivals, batches: Mapping[int, Listing]) -> tuple[Ints, Ints]:
    """Return the delays for the curves, and the age at which a conversion of each offer is surely listed."""
    awaited = np.full(len(found.offer), PUNCTUAL, np.int64)
    if not batches:
        return found.delay, awaited
    lags = np.zeros(int(found.offer.max()) + 1, np.int64)
    lags[list(batches)] = [one.lag for one in batches.values()]
    mine = lags[found.offer]
    return np.where(mine > 0, _happened(found), found.delay), np.maximum(awaited, mine)


def listing_lags(owners: NDArray[np.int32], events: Ints, lags: Ints, share: float = NEARLY_ALL) -> Ints:
    """Return after how many seconds this share of the conversions of each advertiser is listed, on the median day.

    It goes by days, so that a gap that was filled later makes no advertiser slow, and not by all, because single rows
    come hours late everywhere.
    """
    size = int(owners.max()) + 1 if len(owners) else 0
    found = np.zeros(size, np.int64)
    if not size:
        return found
    days = events // DAY
    groups = owners.astype(np.int64) * (int(days.max() - days.min()) + 1) + (days - days.min())
    order = np.lexsort((lags, groups))
    _, starts, counts = np.unique(groups[order], return_index=True, return_counts=True)
    at = starts + np.ceil(share * counts).astype(np.intp) - 1
    of_day = lags[order][at]
    whose = owners[order][starts]
    enough = counts >= LISTED_LEAST
    for owner in np.unique(whose[enough]).tolist():
        found[owner] = int(np.median(of_day[enough & (whose == owner)]))
    return found


def _risk(
    offers: int, offer: NDArray[np.intp], bins: NDArray[np.intp], limit: NDArray[np.intp], weight: Ints
) -> tuple[Floats, Floats]:
    """Return for each offer and bin how many arrived in it, and how many up to its end, of those that could have.

    A conversion counts in a bin only if its click was old enough to show a conversion of the whole bin.
    """
    at, upto = np.zeros((offers, BINS)), np.zeros((offers, BINS))
    for number in range(BINS):
        could = (limit > number) & (bins <= number)
        here = could & (bins == number)
        upto[:, number] = np.bincount(offer[could], weight[could], offers)
        at[:, number] = np.bincount(offer[here], weight[here], offers)
    return np.maximum(at, 0.0), np.maximum(upto, 0.0)


def _means(offers: int, offer: NDArray[np.intp], bins: NDArray[np.intp], delay: Ints, weight: Ints) -> Floats:
    """Return the mean delay within each bin: of all offers, and of each with PRIOR conversions of the pool added."""
    cells = offer * BINS + bins
    count = np.bincount(cells, weight, offers * BINS).reshape(offers, BINS)
    total = np.bincount(cells, weight * delay, offers * BINS).reshape(offers, BINS)
    middle = (EDGES[:-1] + EDGES[1:]) / 2.0
    pool_count, pool_total = count.sum(axis=0), total.sum(axis=0)
    pool = np.divide(pool_total, pool_count, out=middle, where=pool_count > 0)
    share = PRIOR * pool_count / max(float(pool_count.sum()), 1.0) + 1e-9
    own = (total + share * pool) / (count + share)
    return np.vstack([pool[None, :], own])


def _survived(hazards: Floats) -> Floats:
    """Return the share that has arrived at each of EDGES: the product over the later bins of one minus their hazard."""
    stays = np.cumprod((1.0 - hazards)[:, ::-1], axis=1)[:, ::-1]
    shares = np.concatenate([stays, np.ones((len(hazards), 1))], axis=1)
    shares[:, 0] = 0.0  # a conversion is not counted before its click
    return shares


def _without_clicks(found: Arrivals, inside: NDArray[np.bool_]) -> frozenset[int]:
    size = int(found.offer.max()) + 1 if len(found.offer) else 0
    every = np.zeros(size, dtype=np.int64)
    known = np.zeros(size, dtype=np.int64)
    np.add.at(every, found.offer[inside], found.weight[inside])
    good = inside & (found.delay >= 0)
    np.add.at(known, found.offer[good], found.weight[good])
    return frozenset(np.flatnonzero((every > 0) & (known < KNOWN_SHARE * every)).tolist())
