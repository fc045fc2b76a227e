"""Count how often `unusual @99% vs 28d same hours` says yes about a month of normal data, by the day and by first
Mondays.

The data follow a week, a day and nothing else: no trend, no break. Every yes is false.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from rules.evaluation.evaluate import evaluate
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.facts import Column, Subject
from rules.model.revision import Revision

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
BEFORE = 36  # days of history before the first look
WEEK = np.array([1.0, 1.05, 1.05, 1.1, 1.0, 0.6, 0.5])  # from Monday
LOOK_AT = 15  # o'clock
KINDS = ("few", "some", "many", "uneven", "very uneven")
_MEAN = {"few": 0.05, "some": 1.0, "many": 60.0, "uneven": 60.0, "very uneven": 200.0}  # clicks an hour
_SWING = {"uneven": 0.15, "very uneven": 0.3}  # how much a day differs from the days like it
RULE = """schema: 1
id: unusual
trigger: {every: 24h}
scope: {per: [offer]}
data: {window: 6h}
when: [clicks unusual @99% vs 28d same hours]
then: [{notify: traffic}]
"""


class Hours:
    """Clicks of some offers by the hour."""

    cohorts = None

    def __init__(self, clicks: np.ndarray, now: datetime) -> None:
        self.clicks, self.now = clicks, now
        self.subjects = [Subject(("offer",), (str(number),)) for number in range(clicks.shape[1])]

    def measure(self, _name: str, _per: Any, start: datetime, end: datetime) -> Column:
        first, last = (int((moment - BEGIN) / timedelta(hours=1)) for moment in (start, end))
        return Column(self.clicks[first:last].sum(axis=0).astype(float), np.zeros(len(self.subjects), np.uint8))

    def attribute(self, name: str) -> Column:
        raise LookupError(name)

    def as_of(self, _name: str) -> datetime:
        return self.now

    def settle(self) -> Column:
        return Column(np.zeros(len(self.subjects)), np.zeros(len(self.subjects), np.uint8))


def normal(kind: str, items: int, days: int) -> np.ndarray:
    """Clicks of each hour and item."""
    random = np.random.default_rng(11)
    weekday = np.array([(BEGIN + timedelta(days=day)).weekday() for day in range(days)])
    daily = _MEAN[kind] * WEEK[weekday][:, None] * np.ones(items)
    swing = _SWING.get(kind)
    if swing:
        daily = daily * random.gamma(1 / swing**2, swing**2, daily.shape)
    hours = 1 + 0.6 * np.sin(np.arange(24) / 24 * 2 * np.pi)
    return random.poisson(np.repeat(daily, 24, axis=0) * np.tile(hours, days)[:, None])


def false_alarms(kind: str, items: int = 200, days: int = 120) -> dict[str, Any]:
    """One look a day at each item."""
    rule = _rule()
    clicks = normal(kind, items, BEFORE + days)
    wrong, mondays, looked = 0, 0, 0
    by_weekday: dict[int, list[int]] = {}
    for day in range(BEFORE, BEFORE + days):
        now = BEGIN + timedelta(days=day, hours=LOOK_AT)
        said = int((evaluate(rule, Hours(clicks, now), now).answers == 1).sum())
        wrong += said
        by_weekday.setdefault(now.weekday(), []).append(said)
        if now.weekday() == 0 and now.day <= 7:
            mondays += said
            looked += items
    return {
        "data": kind,
        "item_days": items * days,
        "false_per_1000": round(1000 * wrong / (items * days), 2),
        "worst_weekday": max(round(1000 * sum(each) / (items * len(each)), 2) for each in by_weekday.values()),
        "first_mondays": round(1000 * mondays / max(looked, 1), 2),
    }


def _rule() -> Revision:
    loaded = load(RULE, name="unusual.yaml", environment=Environment())
    return loaded.revisions[0]


def run() -> list[dict[str, Any]]:
    """False alarms per 1,000 item-days, at 99%."""
    return [false_alarms(kind) for kind in KINDS]
