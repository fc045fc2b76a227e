"""Check the decisions of a month whose truth is known: wrong pauses, collapses found, decisions during broken tracking.

Three rules look at the same observations through the product's own evaluator: the usual one (`clicks >= 500` and a
ratio below the line), the plain `@95%` with `settle` and `for: 2 checks`, and `@95% a month`. The first two count
conversions when they happen, as trackers do; the third counts them by their click and knows broken tracking.

Each month is made twice, by two generators that have little in common. The `smooth` one has one hump of delays and a
steady rate. The `rough` one has delays of two humps and of a heavy tail, rates that differ from day to day by more than
chance, weekends in traffic and rate, offers of several time zones, and reports of some advertisers that list rows in
batches of four hours. Behind all rows stand the figures to reach, each with yes or NO.

python -m benchmarks evidence
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports.fact_batch import DTYPES, Batch, Labels
from bridge.reports.past_facts import Past
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.evaluation.columns import wilson
from rules.evaluation.confidence_sequences import Sums, beginnings, lumped
from rules.evaluation.evaluate import evaluate
from rules.evaluation.screening import Screen
from rules.loading.load import Environment, load
from rules.model.facts import Subject
from rules.model.revision import Revision

START = datetime(2026, 9, 1, tzinfo=UTC)
HOUR, DAY = 3600, 86_400
SLOT = 900  # clicks are made per quarter of an hour
HISTORY, MONTH = 14, 30  # days
LINE = 0.004
NEW = "@95% a month"
ADVERTISERS = 20
SEEDS = (1, 2, 3, 4, 11, 12)  # nothing was chosen by the last two
LOOK = timedelta(minutes=30)
NOISE = 0.1  # of the rough generator: how much the rate of a day differs, as a share of itself
BATCH = 4 * HOUR
AT_LINE, BETTER = 0.05, 0.01  # of honest items at the line, and of those 1.5 times as good
HEAD = "schema: 1\nid: rule\ntrigger: {every: 15m}\nscope: {per: [offer]}\nthen: [{pause: offer}]\n"
RULES = {
    "usual": "data: {window: 24h, need: {clicks: 1}}\nwhen: [clicks >= 500, cr < 0.40%]\n",
    "@95%": "data: {window: 24h, settle: 2h, need: {clicks: 500}}\nwhen: [cr < 0.40% @95%]\n",
    NEW: "data: {window: 24h, need: {clicks: 500}}\nwhen: [cr < 0.40% @95% a month]\n",
}
Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Offer:
    """The truth about one offer: its traffic, its rate, and whose it is."""

    clicks: float  # a day
    rate: float
    advertiser: int
    kind: str = "honest"
    collapse: float = np.inf  # day of the month
    to: float = 0.0

    def rates(self, days: Numbers) -> Numbers:
        """The true rate of clicks at these days of the month; on weekends it is a tenth lower."""
        weekend = np.where((days.astype(int) % 7) >= 5, 0.9, 1.0)
        return np.where(days >= self.collapse, self.to, self.rate) * weekend


@dataclass(frozen=True, slots=True)
class Gap:
    """Conversions of one advertiser that are not told of in a time range, and filled in later. Days of the month."""

    advertiser: int
    start: float
    end: float
    lost: float
    filled: float


@dataclass(slots=True, eq=False)
class World:
    """All offers, all gaps, and the observations that follow."""

    offers: list[Offer]
    gaps: list[Gap]
    random: np.random.Generator
    rough: bool = False
    clicks: Batch = field(init=False)
    conversions: Batch = field(init=False)


def world(seed: int, *, rough: bool = False) -> World:
    """120 offers of 20 advertisers: six bad ones, three that collapse to a quarter, two gaps in the tracking."""
    random = np.random.default_rng(seed)
    offers = [
        Offer(float(np.exp(random.uniform(np.log(100), np.log(9000)))), LINE * random.uniform(1.15, 4), n % ADVERTISERS)
        for n in range(111)
    ]
    offers += [Offer(1500.0 * (n + 1), LINE * (0.3 + 0.08 * n), n, "bad") for n in range(6)]
    for n, clicks in enumerate((2_500.0, 4_000.0, 8_000.0)):
        rate = LINE * 2
        offers.append(Offer(clicks, rate, 10 + n, "collapse", 8 + 6 * n + random.uniform(0, 1), rate / 4))
    gaps = [Gap(3, 5.3, 5.3 + 6 / 24, 1.0, 6.2), Gap(7, 12.6, 12.6 + 10 / 24, 0.5, 13.8)]
    made = World(offers, gaps, random, rough)
    made.clicks, made.conversions = _traffic(made)
    return made


def _traffic(made: World) -> tuple[Batch, Batch]:
    at = np.arange((HISTORY + MONTH) * DAY // SLOT) * SLOT
    of_the_day = 1 + 0.5 * np.sin((at % DAY) / DAY * 2 * np.pi)
    clicks, told = [], []
    for number, offer in enumerate(made.offers):
        shape = _rough_shape(at, number) if made.rough else of_the_day
        count = made.random.poisson(offer.clicks * SLOT / DAY * shape)
        clicks.append((np.full(len(at), number), at, count))
        rates = offer.rates(at / DAY - HISTORY)
        if made.rough:
            rates = rates * made.random.gamma(1 / NOISE**2, NOISE**2, HISTORY + MONTH)[at // DAY]
        hits = made.random.binomial(count, np.minimum(rates, 1.0))
        click = np.repeat(at, hits) + made.random.integers(0, SLOT, int(hits.sum()))
        delay = (
            _rough_delays(made.random, number, len(click))
            if made.rough
            else np.minimum(np.exp(made.random.normal(np.log(1800 * (1 + number % 8)), 1.3, len(click))), 30 * HOUR)
        )
        event = click + delay.astype(np.int64)
        late = made.random.random(len(click)) < 0.02
        seen = event + 300 + np.where(late, made.random.integers(HOUR, 10 * HOUR, len(click)), 0)
        if made.rough and offer.advertiser % 5 == 1:
            seen = np.maximum(seen, (event // BATCH + 1) * BATCH + 300)
        for gap in made.gaps:
            days = event / DAY - HISTORY
            lost = (days >= gap.start) & (days < gap.end) & (made.random.random(len(click)) < gap.lost)
            if gap.advertiser == offer.advertiser:
                seen[lost] = int((gap.filled + HISTORY) * DAY)
        told.append((np.full(len(click), number), event, seen, event - click))
    offers, event, weight = (np.concatenate(part) for part in zip(*clicks, strict=True))
    some = weight > 0
    first = _batch(made, offers[some], event[some], event[some] + 60, weight=weight[some])
    offers, event, seen, delay = (np.concatenate(part) for part in zip(*told, strict=True))
    return first, _batch(made, offers, event, seen, delay=delay)


def _rough_shape(at: Numbers, number: int) -> Numbers:
    """Traffic of an offer in its own time zone, less on its weekends."""
    local = at + number % 4 * 6 * HOUR
    return (1 + 0.7 * np.sin((local % DAY) / DAY * 2 * np.pi)) * np.where(local // DAY % 7 >= 5, 0.7, 1.0)


def _rough_delays(random: np.random.Generator, number: int, size: int) -> Numbers:
    """Two humps, ten minutes and most of a day; or a heavy tail of up to five days; or half an hour and more."""
    if number % 3 == 0:
        late = random.random(size) < 0.3
        return np.where(
            late, np.abs(random.normal(20 * HOUR, 3 * HOUR, size)), random.lognormal(np.log(600), 0.8, size)
        )
    if number % 3 == 1:
        return np.minimum(900 * (1 + random.pareto(1.1, size)), 5 * DAY)
    return np.minimum(random.lognormal(np.log(1800), 1.0, size), 30 * HOUR)


def _batch(made: World, offer: Numbers, event: Numbers, seen: Numbers, **more: Numbers) -> Batch:
    count, base = len(offer), int(START.timestamp())
    owners = np.array([one.advertiser + 1 for one in made.offers], dtype=np.int32)
    columns = {name: np.zeros(count, dtype=kind) for name, kind in DTYPES.items()}
    columns |= {"event": event.astype(np.int64) + base, "seen": seen.astype(np.int64) + base}
    columns["weight"] = more.get("weight", np.ones(count)).astype(np.int32)
    columns["delay"] = more.get("delay", np.full(count, -1)).astype(np.int32)
    labels = {
        "offer": Labels((offer + 1).astype(np.int32), ("", *map(str, range(len(made.offers))))),
        "advertiser": Labels(owners[offer], ("", *(f"a{number}" for number in range(ADVERTISERS)))),
    }
    return Batch(**columns, labels=labels)


class Counted:
    """The same facts for a rule that counts conversions when they happen."""

    cohorts = None

    def __init__(self, facts: Any) -> None:
        self._facts = facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._facts, name)


def _revision(name: str) -> Revision:
    return load(HEAD + RULES[name], name=name, environment=Environment()).revisions[0]


def first_pauses(made: World) -> tuple[dict[str, Numbers], list[tuple[float, str]]]:
    """For each rule the day of the first pause of each offer, before its collapse and after; and the incidents."""
    windows = Windows(delays=True)
    windows.load(Kind.CLICKS, [made.clicks])
    windows.load(Kind.CONVERSIONS, [made.conversions])
    subjects = tuple(Subject(("offer",), (str(number),)) for number in range(len(made.offers)))
    past = Past(windows, subjects, since=START)
    changed = np.array([one.collapse for one in made.offers])
    found = {name: np.full((2, len(subjects)), np.inf) for name in RULES}
    before = {name: np.zeros(len(subjects), bool) for name in RULES}
    revisions = {name: _revision(name) for name in RULES}
    incidents: list[tuple[float, str]] = []
    open_: set[str] = set()
    for step in range(int(timedelta(days=MONTH) / LOOK)):
        now = START + timedelta(days=HISTORY) + step * LOOK
        day = step * (LOOK / timedelta(days=1))
        facts = past.at(now)
        for name, revision in revisions.items():
            yes = evaluate(revision, facts if name == NEW else Counted(facts), now).answers == 1
            taken = yes & before[name] if name == "@95%" else yes
            before[name] = yes
            for row, when in ((0, day < changed), (1, day >= changed)):
                found[name][row][taken & when & np.isinf(found[name][row])] = day
        broken = {name for name, one in facts.cohorts.breaks().items() if getattr(one, "telling", True)}
        incidents += [(day, name) for name in sorted(broken - open_)]
        open_ = broken
    return found, incidents


def month(seed: int, *, rough: bool = False) -> Iterator[dict[str, Any]]:
    """The figures of one month, one row per rule."""
    made = world(seed, rough=rough)
    title = f"{'rough' if rough else 'smooth'} month {seed}"
    found, incidents = first_pauses(made)
    kinds = np.array([one.kind for one in made.offers])
    for name, (early, late) in found.items():
        hours = [(late[n] - made.offers[n].collapse) * 24 for n in np.flatnonzero(kinds == "collapse")]
        during = [
            gap.start <= early[n] <= gap.filled + 1
            for gap in made.gaps
            for n, offer in enumerate(made.offers)
            if offer.advertiser == gap.advertiser and offer.kind == "honest"
        ]
        yield {
            "benchmark": f"{title}: {name}",
            "pauses": int(np.isfinite(early).sum() + np.isfinite(late).sum()),
            "wrong": int((np.isfinite(early) & (kinds != "bad")).sum()),
            "during gaps": int(sum(during)),
            "bad found": f"{int(np.isfinite(early[kinds == 'bad']).sum())} of {int((kinds == 'bad').sum())}",
            "collapse found after, h": " / ".join("never" if np.isinf(h) else f"{h:.1f}" for h in hours),
        }
    true = {f"a{gap.advertiser}": gap for gap in made.gaps}
    lags = [(day - true[who].start) * 24 for day, who in incidents if who in true and day >= true[who].start]
    yield {
        "benchmark": f"{title}: broken tracking",
        "incidents": len(incidents),
        "false": sum(who not in true or not true[who].start <= day <= true[who].filled for day, who in incidents),
        "found after, h": " / ".join(f"{lag:.1f}" for lag in lags),
    }


# --- honest offers, by volume -----------------------------------------------------------------------

ITEMS = 300
STEP = 0.5  # hours between two looks


def honest(a_day: int, times: float, seed: int = 5) -> dict[str, Any]:
    """The share of offers of a constant true rate that each rule ever pauses within thirty days."""
    random = np.random.default_rng(seed + a_day)
    slots, day, begin = int(60 * 24 / STEP), int(24 / STEP), int(30 * 24 / STEP)
    each = random.poisson(a_day * STEP / 24, (slots, ITEMS))
    clicks = np.vstack([np.zeros(ITEMS), each]).cumsum(axis=0)
    hits = np.vstack([np.zeros(ITEMS), random.binomial(each, LINE * times)]).cumsum(axis=0)
    caught = {name: np.zeros(ITEMS, bool) for name in RULES}
    before, line = np.zeros(ITEMS, bool), np.array([LINE])
    for slot in range(begin, slots + 1):
        n, k = clicks[slot] - clicks[slot - day], hits[slot] - hits[slot - day]
        caught["usual"] |= (n >= 500) & (k < LINE * n)
        proven = (n >= 500) & (wilson(k, np.maximum(n, 1), 1.645)[1] < LINE)
        caught["@95%"] |= proven & before
        before = proven
        starts = beginnings(START + timedelta(hours=slot * STEP))
        at = np.array([round((one.at - START).total_seconds() / HOUR / STEP) for one in starts])
        sums = Sums(hits[slot] - hits[at], clicks[slot] - clicks[at], lumped(starts, [True] * len(at)), whole=False)
        caught[NEW] |= Screen(sums, "below", 20.0, own_past=True).taken(line)
    shares = {name: f"{share.mean():.1%}" for name, share in caught.items()}
    return {"benchmark": f"honest, {times:g} x the line, {a_day:,} clicks a day", **shares}


def run() -> list[dict[str, Any]]:
    """Figures of honest offers by volume, and of whole months."""
    rows = [honest(a_day, times) for times in (1.0, 1.5) for a_day in (100, 700, 2_000, 8_000)]
    rows += [row for rough in (False, True) for seed in SEEDS for row in month(seed, rough=rough)]
    return [*rows, *figures(rows)]


def figures(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures to reach, from the rows above: what came out, the limit, and whether it is reached."""
    by_name = {row["benchmark"]: row for row in rows}
    found = []
    for name, row in by_name.items():
        if name.startswith("honest"):
            limit = AT_LINE if " 1 x " in name else BETTER
            found.append(
                _figure(f"{name}: paused in 30 days", row[NEW], f"{limit:.0%}", float(row[NEW][:-1]) <= limit * 100)
            )
        if name.endswith(f": {NEW}"):
            title = name.removesuffix(f": {NEW}")
            found += _of_a_month(title, row, by_name[f"{title}: @95%"], by_name[f"{title}: broken tracking"])
    return found


def _of_a_month(
    title: str, new: dict[str, Any], once: dict[str, Any], breaks: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    yield _figure(f"{title}: wrong pauses", new["wrong"], "0", new["wrong"] == 0)
    yield _figure(f"{title}: pauses during full and partial breaks", new["during gaps"], "0", new["during gaps"] == 0)
    bad, before = (int(row["bad found"].split()[0]) for row in (new, once))
    every = int(new["bad found"].split()[-1])
    yield _figure(
        f"{title}: bad offers found", bad, f"more than {before}, or all {every}", bad > before or bad == every
    )
    yield _figure(f"{title}: false incidents", breaks["false"], "1", breaks["false"] <= 1)
    whens = [row["collapse found after, h"].split(" / ") for row in (new, once)]
    for number, (hours, plain) in enumerate(zip(*whens, strict=True)):
        limit = _hours(plain) * (0.5 if number == 2 else 1.0)
        clicks = ("2,500", "4,000", "8,000")[number]
        yield _figure(
            f"{title}: collapse at {clicks} clicks a day, hours", hours, f"{limit:.1f}", _hours(hours) <= limit
        )


def _hours(text: str) -> float:
    return np.inf if text == "never" else float(text)


def _figure(name: str, value: Any, limit: str, reached: bool) -> dict[str, Any]:  # noqa: FBT001 - yes or no
    return {"benchmark": f"to reach: {name}", "value": value, "limit": limit, "reached": "yes" if reached else "NO"}


def main() -> None:
    for row in run():
        print(row)


if __name__ == "__main__":
    main()
