"""Measure how soon rules find a collapse and how seldom they pause steady items, over many similar items.

The months of `benchmarks.evidence` have three collapses each, which says little about how soon the next one is found.
Here each row has some hundred items of the same volume, each of them in a world of its own. Delays of conversions, late
rows and batches are those of the two generators there, and so is by how much rates differ from day to day; the delay
curve is known, and when the last list came. `@95%` counts conversions when they happen, over 24 hours without the
newest two, and twice in a row.

python -m benchmarks collapses
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation.columns import wilson
from rules.evaluation.confidence_sequences import Sums, beginnings, day_variance, lumped
from rules.evaluation.screening import Screen

THRESHOLD, NEEDED = 0.004, 20.0
BEGIN = datetime(2026, 8, 1, tzinfo=UTC)
HOUR, SLOT = 3600, 1800
DAY = 48  # slots
BEFORE, AFTER, MONTH = 30, 6, 30  # days
COLLAPSES, STEADY, FALLEN = 300, 1000, 300  # items of a row
LATE = 0.02  # of the rows are listed hours later
SAMPLE = 400_000  # delays behind a curve
Numbers = NDArray[Any]
Delays = Callable[[np.random.Generator, int], Numbers]


def one_hump(hours: float) -> Delays:
    """Half of the conversions come within so many hours, and all within thirty."""
    return lambda random, size: np.minimum(random.lognormal(np.log(hours * HOUR), 1.3, size), 30 * HOUR)


def two_humps(random: np.random.Generator, size: int) -> Numbers:
    """Ten minutes, or most of a day."""
    late = random.random(size) < 0.3
    return np.where(late, np.abs(random.normal(20 * HOUR, 3 * HOUR, size)), random.lognormal(np.log(600), 0.8, size))


def heavy_tail(random: np.random.Generator, size: int) -> Numbers:
    """A quarter of an hour to five days."""
    return np.minimum(900 * (1 + random.pareto(1.1, size)), 120 * HOUR)


@dataclass(frozen=True, slots=True)
class Case:
    """Items that are better than the threshold and fall below it."""

    name: str
    clicks: float  # a day
    delays: Delays
    swing: float = 0.5  # of the traffic over the day
    batch: int = 0  # seconds between two lists of conversions
    noise: float = 0.0  # by which share of itself the rate of a day differs
    before: float = 2.0  # the ratio before the fall, as a multiple of the threshold
    after: float = 0.5


CASES = (
    Case("3 h", 2_500, one_hump(3)),
    Case("3.5 h", 4_000, one_hump(3.5)),
    Case("4 h", 8_000, one_hump(4)),
    Case("two humps", 2_500, two_humps, 0.7, 0, 0.1),
    Case("heavy tail, listed every 4 h", 4_000, heavy_tail, 0.7, 4 * HOUR, 0.1),
    Case("half an hour", 8_000, lambda random, size: random.lognormal(np.log(1800), 1.0, size), 0.7, 0, 0.1),
)
#: From other ratios to a quarter of them: the nearer to the threshold, the longer it takes to prove a fall below it.
OTHER_PASTS = tuple(
    replace(CASES[row], before=before, after=before / 4) for before in (1.5, 1.7, 3.0) for row in (0, 1, 2)
)


def listed(random: np.random.Generator, clicked: Numbers, case: Case) -> tuple[Numbers, Numbers]:
    """When the conversions of these clicks happen, and when they are known."""
    happened = clicked + case.delays(random, len(clicked))
    late = random.random(len(clicked)) < LATE
    known = happened + 300 + np.where(late, random.integers(HOUR, 10 * HOUR, len(clicked)), 0)
    return happened, np.maximum(known, (happened // case.batch + 1) * case.batch + 300) if case.batch else known


def summed(values: Numbers) -> Numbers:
    """The sums of all slots before each slot."""
    return np.vstack([np.zeros(values.shape[1]), values.cumsum(axis=0)])


def differing(random: np.random.Generator, noise: float, slots: int, items: int) -> Numbers:
    """How many times as good as on average each slot is for each item: days differ, hours of one day do not."""
    if not noise:
        return np.ones((slots, 1))
    days = random.gamma(1 / noise**2, noise**2, (-(-slots // DAY), items))
    return np.asarray(np.repeat(days, DAY, axis=0)[:slots])


def paused(hits: Numbers, trials: Numbers, slot: int, *, alone: bool = False) -> Numbers:
    """Whom the evidence convicts at this slot, by sums that have a row per slot.

    `alone`: nothing is learned of days from the other items, which would be the wrong thing where all of them fall.
    """
    starts = [one for one in beginnings(BEGIN + timedelta(seconds=slot * SLOT)) if one.at >= BEGIN]
    at = [int((one.at - BEGIN) / timedelta(seconds=SLOT)) for one in starts]
    weights = lumped(starts, [True] * len(starts))
    sums = Sums(hits[slot] - hits[at], trials[slot] - trials[at], weights, whole=False)
    sums = sums if alone else replace(sums, differs=day_variance(sums, starts))
    return Screen(sums, "below", NEEDED, own_past=True).taken(np.array([THRESHOLD]))


def found_after(case: Case, items: int = COLLAPSES, seed: int = 1) -> tuple[Numbers, Numbers]:
    """The hours from the collapse of each item until `@95% a month` and until `@95%` find it."""
    random = np.random.default_rng([seed, int(case.clicks)])
    slots = (BEFORE + 1 + AFTER) * DAY
    at = np.arange(slots)[:, None]
    falls = BEFORE * DAY + random.integers(0, DAY, items)
    weekend = (at // DAY + random.integers(0, 7, items)) % 7 >= 5
    rates = THRESHOLD * np.where(at >= falls, case.after, case.before) * np.where(weekend, 0.9, 1.0)
    clicks = random.poisson(case.clicks / DAY * (1 + case.swing * np.sin(at / DAY * 2 * np.pi)) + np.zeros(items))
    rates = rates * differing(random, case.noise, slots, items)
    slot, item = _where(random.poisson(clicks * rates))
    happened, known = listed(random, (slot + random.random(len(slot))) * SLOT, case)
    weighed = weights(random, case)
    first = np.full((2, items), np.inf)
    before = np.zeros(items, bool)
    order = np.argsort(known, kind="stable")
    slot, item, happened, known = (part[order] for part in (slot, item, happened, known))
    for now in range(BEFORE * DAY, slots):
        there = int(np.searchsorted(known, now * SLOT, side="right"))
        hits = np.bincount(slot[:there] * items + item[:there], minlength=slots * items).reshape(slots, items)[:now]
        proven = paused(summed(hits), summed(clicks[:now] * weighed(now)[:, None]), now)
        inside = (happened[:there] >= (now - DAY - 4) * SLOT) & (happened[:there] < (now - 4) * SLOT)
        of = clicks[now - DAY - 4 : now - 4].sum(axis=0)
        once = (of >= 500) & (wilson(np.bincount(item[:there][inside], minlength=items), of, 1.645)[1] < THRESHOLD)
        for row, yes in enumerate((proven, once & before)):
            first[row][yes & (now > falls) & np.isinf(first[row])] = now
        before = once
    return (first[0] - falls) * SLOT / HOUR, (first[1] - falls) * SLOT / HOUR


def weights(random: np.random.Generator, case: Case) -> Callable[[int], Numbers]:
    """What the clicks of each slot before now count: the share of their conversions that should be known."""
    if case.batch:  # up to the last list
        curve = np.sort(case.delays(random, SAMPLE))
    else:
        clicked = random.random(SAMPLE) * 24 * HOUR
        curve = np.sort(listed(random, clicked, case)[1] - clicked)

    def weighed(now: int) -> Numbers:
        reach = (now * SLOT - 300) // case.batch * case.batch if case.batch else now * SLOT
        return np.asarray(np.searchsorted(curve, reach - (np.arange(now) + 0.5) * SLOT, side="right") / len(curve))

    return weighed


def _where(counts: Numbers) -> tuple[Numbers, Numbers]:
    rows, columns = np.nonzero(counts)
    return np.repeat(rows, counts[rows, columns]), np.repeat(columns, counts[rows, columns])


def ever_paused(
    a_day: float, times: float, *, falls_to: float | None = None, items: int = STEADY, noise: float = 0.0
) -> float:
    """The share of items of a constant ratio, so many times the threshold, that are paused in a month.

    With `falls_to` each falls to that multiple at a moment of its own in the first half of the month. With `noise` the
    ratio differs from day to day by that share of itself.
    """
    random = np.random.default_rng([int(a_day), int(times * 100)])
    slots = (BEFORE + MONTH) * DAY
    at = np.arange(slots)[:, None]
    rates = np.full((slots, items), THRESHOLD * times)
    if falls_to is not None:
        rates[at >= BEFORE * DAY + random.integers(DAY, 15 * DAY, items)] = THRESHOLD * falls_to
    rates = rates * differing(random, noise, slots, items)
    clicks = random.poisson(a_day / DAY * (1 + 0.5 * np.sin(at / DAY * 2 * np.pi)) + np.zeros(items))
    clicks, hits = (summed(part) for part in (clicks, random.poisson(clicks * rates)))
    ever = np.zeros(items, bool)
    for now in range(BEFORE * DAY, slots + 1, 4):
        ever |= paused(hits, clicks, now, alone=falls_to is not None)
    return float(ever.mean())


def _found(case: Case) -> dict[str, Any]:
    month, once = found_after(case)
    share = 0.5 if case.clicks >= 8_000 else 1.0
    return {
        "items": f"from {case.before:g} x to {case.after:g} x the threshold, delays: {case.name}",
        "clicks a day": case.clicks,
        "@95% a month, median h": float(np.median(month)),
        "nine of ten within, h": float(np.quantile(month, 0.9)),
        "@95%, median h": float(np.median(once)),
        "as early as @95%": f"{(month <= share * once).mean():.0%}" + (" in half its time" if share < 1 else ""),
    }


def run() -> list[dict[str, Any]]:
    """One row per kind of item and volume."""
    rows = [_found(case) for case in (*CASES, *OTHER_PASTS)]
    for times in (1.0, 1.5, 2.0):
        for a_day in (100, 700, 2_000, 8_000):
            share = f"{ever_paused(a_day, times):.1%}"
            rows.append({"items": f"steady, {times:g} x", "clicks a day": a_day, "paused in 30 days": share})
    for noise in (0.1, 0.2):
        for times in (1.0, 1.5, 2.0):
            for a_day in (700, 2_000, 8_000, 20_000):
                share = f"{ever_paused(a_day, times, noise=noise):.1%}"
                title = f"steady, {times:g} x, days differ by {noise:.0%}"
                rows.append({"items": title, "clicks a day": a_day, "paused in 30 days": share})
    for to in (1.0, 1.3):
        for a_day in (700, 2_500, 8_000):
            share = f"{ever_paused(a_day, 2.0, falls_to=to, items=FALLEN):.0%}"
            rows.append({"items": f"from 2 x to {to:g} x", "clicks a day": a_day, "paused in 30 days": share})
    return rows
