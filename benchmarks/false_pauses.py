"""Measure how many healthy items evidence pauses by chance in thirty days: by own past, peers, table and rank.

Each rule goes through the product's own evaluator, every two hours of a month. Items are honest: exactly at the line
that the rule names, which for a fall of 50% is a ratio of exactly half. The option `of pauses` is looked at with one
item of ten that is bad: of those that are paused at most one of twenty may be honest.

python -m benchmarks false_pauses
"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation.evaluate import evaluate
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.facts import Column, Subject, Why
from rules.model.revision import Dimension, Revision

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
BEFORE, MONTH = 38 * 24, 30 * 24  # hours of history, and of looks
LINE = 0.01
ITEMS, STEP = 300, 2
VOLUMES = (100, 700, 2_000, 8_000)
HEAD = """schema: 1
id: rule
trigger: {every: 15m}
scope: {per: [offer], join: {lines: offer.id}}
data: {window: WINDOW, need: {clicks: 100}}
when: ['WHEN']
then: [{notify: traffic}]
"""
Counts = NDArray[np.float64]


class Hourly:
    """Clicks and conversions of some offers by the hour, as sums since the beginning; `lines` is a table."""

    cohorts = None

    def __init__(self, clicks: Counts, hits: Counts, lines: Counts | None = None) -> None:
        size = clicks.shape[1]
        self.sums = {name: np.vstack([np.zeros(size), each]).cumsum(0) for name, each in given(clicks, hits)}
        self.subjects = [Subject(("offer",), (str(number),)) for number in range(size)]
        self.now, self.lines = BEGIN, lines

    def measure(self, name: str, _per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        """Whole hours only; what came before the first of them is not known."""
        first, last = ((moment - BEGIN) / HOUR for moment in (start, end))
        sums = self.sums[name]
        found = sums[int(min(last, len(sums) - 1))] - sums[int(max(first, 0))]
        return Column(found, np.full(len(found), Why.MISSING if first < 0 else Why.KNOWN, np.uint8))

    def attribute(self, name: str) -> Column:
        """The line of each offer."""
        if self.lines is None or name != "lines.line":
            raise LookupError(name)
        return Column(self.lines.astype(object), np.zeros(len(self.lines), np.uint8))

    def as_of(self, _name: str) -> datetime:
        return self.now

    def settle(self) -> Column:
        return Column(np.zeros(len(self.subjects)), np.zeros(len(self.subjects), np.uint8))


def given(clicks: Counts, hits: Counts) -> list[tuple[str, Counts]]:
    return [("clicks", clicks), ("conversions", hits)]


def rule(when: str, window: str = "24h") -> Revision:
    """A rule with one condition."""
    text = HEAD.replace("WHEN", when).replace("WINDOW", window)
    loaded = load(text, name="rule.yaml", environment=Environment(tables={"lines": ("offer", "line")}))
    assert not loaded.errors, loaded.errors
    return loaded.revisions[0]


def made(a_day: float, rates: Counts, lines: Counts | None = None, seed: int = 3) -> Hourly:
    """Traffic by the hour; `rates` of each hour and item."""
    random = np.random.default_rng([seed, int(a_day)])
    clicks = random.poisson(a_day / 24, rates.shape)
    return Hourly(clicks, random.binomial(clicks, rates), lines)


def taken(revision: Revision, facts: Hourly, step: int = STEP) -> tuple[NDArray[np.bool_], list[NDArray[np.bool_]]]:
    """Which items are ever taken within the month, and who is at each look."""
    ever, looks = np.zeros(len(facts.subjects), bool), []
    for hour in range(BEFORE, BEFORE + MONTH + 1, step):
        facts.now = BEGIN + hour * HOUR
        yes = evaluate(revision, facts, facts.now).answers == 1
        ever |= yes
        looks.append(yes)
    return ever, looks


# --- the worlds ------------------------------------------------------------------------------------------------


def steady(a_day: float, items: int = ITEMS) -> Hourly:
    """Nothing changes: a fall of 50% would be far away."""
    return made(a_day, np.full((BEFORE + MONTH, items), LINE))


def halved(a_day: float, items: int = ITEMS) -> Hourly:
    """Each item falls to exactly half of what it was, at a moment of its own in the month: just no fall of more."""
    hours = np.arange(BEFORE + MONTH)[:, None]
    falls = BEFORE + np.linspace(24, MONTH - 9 * 24, items)
    return made(a_day, np.where(hours >= falls, LINE / 2, LINE))


def fallen(a_day: float, items: int = ITEMS, *, left: float = 0.1) -> Hourly:
    """Each item falls to this part of what it was, at a moment of its own in the month."""
    hours = np.arange(BEFORE + MONTH)[:, None]
    falls = BEFORE + np.linspace(24, MONTH - 9 * 24, items)
    return made(a_day, np.where(hours >= falls, LINE * left, LINE))


def beside_peers(a_day: float, items: int = ITEMS) -> Hourly:
    """Every tenth item has exactly half of the ratio that all others have together."""
    rates = np.where(np.arange(items) % 10 == 0, LINE / 2, LINE)
    return made(a_day, np.broadcast_to(rates, (BEFORE + MONTH, items)))


def at_own_line(a_day: float, items: int = ITEMS) -> Hourly:
    """Each item is exactly at the line that the table has for it."""
    lines = np.geomspace(LINE / 3, LINE * 3, items)
    return made(a_day, np.broadcast_to(lines, (BEFORE + MONTH, items)), lines)


def some_bad(a_day: float, items: int = ITEMS) -> Hourly:
    """One of ten has 0.3 times the ratio of the line, all others are exactly at it."""
    return made(a_day, np.broadcast_to(np.where(is_bad(items), 0.3 * LINE, LINE), (BEFORE + MONTH, items)))


def is_bad(items: int) -> NDArray[np.bool_]:
    return np.arange(items) % 10 == 0


World = Callable[..., Hourly]
ALONE: tuple[tuple[str, str, World], ...] = (
    ("cr down 50% vs 7d @95% a month, steady", "cr down 50% vs 7d @95% a month", steady),
    ("cr down 50% vs 7d @95% a month, falls by 50%", "cr down 50% vs 7d @95% a month", halved),
    ("cr down 50% vs peers @95% a month, half of the peers", "cr down 50% vs peers @95% a month", beside_peers),
    ("cr < lines.line @95% a month, at the line", "cr < lines.line @95% a month", at_own_line),
)


def share_taken(when: str, facts: Hourly, rows: NDArray[np.bool_], *, window: str = "24h", step: int = STEP) -> float:
    """The share of these items that are ever paused in the month."""
    ever, _ = taken(rule(when, window), facts, step)
    return float(ever[rows].mean())


def alone(title: str, when: str, world: World, a_day: float) -> dict[str, Any]:
    """The share of honest items that are ever paused."""
    rows = is_bad(ITEMS) if world is beside_peers else np.ones(ITEMS, bool)
    paused = share_taken(when, world(a_day, ITEMS), rows, window="3d")
    return {"rule": title, "clicks a day": a_day, "paused in 30 days": f"{paused:.1%}"}


def found(a_day: float, left: float) -> dict[str, Any]:
    """What the same rule finds: each item falls to this part of its ratio."""
    when = "cr down 50% vs 7d @95% a month"
    share = share_taken(when, fallen(a_day, left=left), np.ones(ITEMS, bool), window="3d")
    return {"rule": f"{when}, falls by {1 - left:.0%}", "clicks a day": a_day, "paused in 30 days": f"{share:.1%}"}


def together(a_day: float, items: int = ITEMS, step: int = STEP) -> dict[str, Any]:
    """Of all that are ever paused by `@95% of pauses`, the share that is honest; and how many bad ones are found."""
    ever, looks = taken(rule(f"cr < {LINE:.2%} @95% of pauses"), some_bad(a_day, items), step)
    bad = is_bad(items)
    worst = max((look[~bad].sum() / look.sum() for look in looks if look.any()), default=0.0)
    return {
        "rule": "cr < line @95% of pauses, one of ten bad",
        "clicks a day": a_day,
        "honest of the paused": f"{ever[~bad].sum() / max(ever.sum(), 1):.1%}",
        "at the worst look": f"{worst:.1%}",
        "bad found": f"{int(ever[bad].sum())} of {int(bad.sum())}",
    }


def run() -> list[dict[str, Any]]:
    """One row per rule and volume."""
    rows = [alone(*one, a_day) for one in ALONE for a_day in VOLUMES]
    rows += [found(a_day, left) for left in (0.1, 0.25) for a_day in VOLUMES]
    return rows + [together(a_day) for a_day in VOLUMES]
