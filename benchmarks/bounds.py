"""What no method can do better: how soon an oracle finds the collapses of `benchmarks.collapses`.

The oracle knows the delay curve and both ratios, the one before the collapse and the one after it. It does not know
when the collapse comes, and weighs each half hour alike at which it might have come: the Shiryaev-Roberts statistic,
which no other test beats by more than a trifle. Its threshold is the one at which so many steady items are paused in
thirty days. Two oracles keep different promises:

- `past`: of items that stay as good as they were before the collapse, 5% or 1% are paused. An item that falls to
  exactly the threshold may be paused.
- `threshold`: of items that are exactly at the threshold, 5% are paused, whatever they were before.

It also looks at the very collapses of the months of `benchmarks.evidence`, by whose luck no method is to be judged.

python -m benchmarks bounds
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from benchmarks import evidence
from benchmarks.collapses import (
    AFTER,
    BEFORE,
    CASES,
    DAY,
    HOUR,
    OTHER_PASTS,
    SLOT,
    THRESHOLD,
    Case,
    Numbers,
    differing,
    found_after,
    listed,
    weights,
)

ITEMS, MONTH, SPAN = 300, 30, 10  # items of a row; days; days that the oracle looks back
SEED = 1234
LOOKS = 2  # slots between two looks while the promise is measured


@dataclass(frozen=True, slots=True)
class Oracle:
    """It tells the ratio `after` from the ratio `before`, both as multiples of the threshold."""

    before: float
    after: float

    def says(self, hits: Numbers, trials: Numbers) -> Numbers:
        """The logarithm of its statistic per item, from hits and trials since each beginning (rows)."""
        high, low = self.before * THRESHOLD, self.after * THRESHOLD
        return np.asarray(np.logaddexp.reduce(hits * np.log(low / high) + (high - low) * trials, axis=0))


def past(case: Case) -> Oracle:
    """The oracle that knows both ratios of a case."""
    return Oracle(case.before, case.after)


def promise(case: Case) -> Oracle:
    """The oracle that leaves items at the threshold alone, whatever they were before."""
    return Oracle(1.0, case.after)


def statistics(
    case: Case, oracle: Oracle, levels: tuple[float, float], days: tuple[int, int], *, every: int, seed: int
) -> tuple[Numbers, Numbers]:
    """The oracle's statistic at each look (rows) for each item, and the slot at which each item falls.

    `levels` are the ratios before and after the fall, `days` those before the looks begin and those of the looks.
    """
    random = np.random.default_rng([seed, int(case.clicks)])
    slots = sum(days) * DAY
    at = np.arange(slots)[:, None]
    falls = days[0] * DAY + random.integers(0, DAY, ITEMS)
    weekend = (at // DAY + random.integers(0, 7, ITEMS)) % 7 >= 5
    rates = THRESHOLD * np.where(at >= falls, levels[1], levels[0]) * np.where(weekend, 0.9, 1.0)
    clicks = random.poisson(case.clicks / DAY * (1 + case.swing * np.sin(at / DAY * 2 * np.pi)) + np.zeros(ITEMS))
    rates = rates * differing(random, case.noise, slots, ITEMS)
    counts = random.poisson(clicks * rates)
    rows, columns = np.nonzero(counts)
    slot, item = (np.repeat(part, counts[rows, columns]) for part in (rows, columns))
    known = listed(random, (slot + random.random(len(slot))) * SLOT, case)[1]
    weighed = weights(random, case)
    found = []
    for now in range(days[0] * DAY, slots, every):
        low = max(now - SPAN * DAY, 0)
        there = (known <= now * SLOT) & (slot >= low)
        cells = (slot[there] - low) * ITEMS + item[there]
        hits = np.bincount(cells, minlength=(now - low) * ITEMS)[: (now - low) * ITEMS].reshape(-1, ITEMS)
        trials = clicks[low:now] * weighed(now)[low:, None]
        found.append(oracle.says(*(part[::-1].cumsum(axis=0)[::-1] for part in (hits, trials))))
    return np.array(found), falls


@cache
def needed(case: Case, oracle: Oracle, share: float) -> float:
    """What its statistic must reach so that this share of steady items is paused in a month."""
    steady = (oracle.before, oracle.before)
    found, _ = statistics(case, oracle, steady, (SPAN, MONTH), every=LOOKS, seed=SEED + 1)
    return float(np.quantile(found.max(axis=0), 1.0 - share))


def hours(case: Case, oracle: Oracle, share: float) -> Numbers:
    """The hours from each collapse until the oracle finds it; they are those of `found_after` with the same seed."""
    found, falls = statistics(case, oracle, (case.before, case.after), (BEFORE, 1 + AFTER), every=1, seed=SEED)
    now = BEFORE * DAY + np.arange(len(found))[:, None]
    yes = (found >= needed(case, oracle, share)) & (now > falls)
    first = np.where(yes.any(axis=0), now[yes.argmax(axis=0), 0], np.inf)
    return np.asarray((first - falls) * SLOT / HOUR)


def row(case: Case) -> dict[str, Any]:
    """Medians, and how often each is as early as `@95%` (in half of its time at 8,000 clicks a day and more)."""
    ours, once = found_after(case, ITEMS, SEED)
    part = 0.5 if case.clicks >= 8_000 else 1.0
    found = {"@95% a month": ours}
    for title, oracle, share in (("past, 5%", past, 0.05), ("past, 1%", past, 0.01), ("threshold, 5%", promise, 0.05)):
        found[f"oracle: {title}"] = hours(case, oracle(case), share)
    early = {name: f"{float(np.median(h)):.1f} h, {(h <= part * once).mean():.0%}" for name, h in found.items()}
    fall = f"{case.before:g} to {case.after:g}"
    return {
        "delays": case.name,
        "clicks a day": case.clicks,
        "times the threshold": fall,
        "@95%": f"{float(np.median(once)):.1f} h",
        **early,
    }


def of_month(seed: int, *, rough: bool) -> dict[str, Any]:
    """When the oracle finds the very collapses of one of the months of `benchmarks.evidence`."""
    made = evidence.world(seed, rough=rough)
    begin, found = int(evidence.START.timestamp()), []
    for number, case in enumerate(CASES[3:] if rough else CASES[:3]):
        offer = len(made.offers) - 3 + number
        clicks, conversions = made.clicks, made.conversions
        ours, told = (one.labels["offer"].codes == offer + 1 for one in (clicks, conversions))
        slots = (evidence.HISTORY + evidence.MONTH) * DAY
        traffic = np.bincount((clicks.event[ours] - begin) // SLOT, clicks.weight[ours], slots)
        clicked = (conversions.event[told] - conversions.delay[told] - begin) // SLOT
        known = conversions.seen[told] - begin
        falls = (made.offers[offer].collapse + evidence.HISTORY) * DAY
        weighed, least = weights(np.random.default_rng(SEED), case), needed(case, past(case), 0.01)
        for now in range(int(np.ceil(falls)), slots):
            low = now - SPAN * DAY
            hits = np.bincount(clicked[(known <= now * SLOT) & (clicked >= low)] - low, minlength=now - low)
            trials = traffic[low:now] * weighed(now)[low:]
            if past(case).says(*(part[::-1].cumsum()[::-1, None] for part in (hits[: now - low], trials)))[0] >= least:
                break
        found.append((now - falls) * SLOT / HOUR)
    title = f"{'rough' if rough else 'smooth'} month {seed}"
    return {"month": title, "oracle, 1%: found after, h": " / ".join(f"{hours:.0f}" for hours in found)}


def run() -> list[dict[str, Any]]:
    """One row per kind of item, and one for each month."""
    months = [of_month(seed, rough=rough) for rough in (False, True) for seed in evidence.SEEDS]
    return [row(case) for case in (*CASES, *OTHER_PASTS)] + months
