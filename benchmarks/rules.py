"""Benchmark the rule engine: one event against 200 rules, 100 metric rules over 50,000 offers, one explanation.

The windows are built beforehand, as the service builds them once for all rules of a tick; `benchmarks/windows.py`
measures that part.

python -m benchmarks.rules
"""

import resource
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from rules.evaluation.evaluate import evaluate
from rules.evaluation.events import EventFacts
from rules.loading.load import Environment, load
from rules.model.facts import Column, Subject
from rules.model.metrics import BASE
from rules.model.revision import Dimension, Revision

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
SUBJECTS = 50_000
METRIC_RULES = 100
EVENT_RULES = 200

METRIC_RULE = """schema: 1
id: metric-{n}
trigger: {{every: 15m}}
scope: {{per: [offer]}}
data: {{window: {window}, settle: 1h, need: {{clicks: {need}}}, fresh: 45m}}
when:
  all:
    - cr < 0.{n:02}% @95%
    - cr down {n}% vs 7d
    - 'payout > {n} or profit < 0'
  for: 2 checks
unless: [advertiser.conversions = 0 over 1h]
then: [{{pause: offer}}]
release: {{early: [cr >= 1.{n:02}%]}}
"""
EVENT_RULE = """schema: 1
id: event-{n}
trigger: {{webhook: {{source: crm}}}}
when:
  - body.deal.type = "type-{n}"
  - body.deal.amount > {n}
  - 'body.contact.email matches "^[^@]+@[^@]+$"'
then: [{{notify: x}}]
"""
EVENT = {"deal": {"type": "type-7", "amount": 120}, "contact": {"email": "ann@example.com"}}


class Columns:
    """Ready columns, the same for every window of one length."""

    def __init__(self, size: int) -> None:
        random = np.random.default_rng(7)
        self.subjects = [Subject(("offer",), (str(number),)) for number in range(size)]
        self._known = np.zeros(size, np.uint8)
        clicks = random.poisson(900, size).astype(float)
        self._once: dict[Any, Any] = {}
        self._base = {name: np.floor(clicks * random.random(size) * 0.02) for name in BASE} | {"clicks": clicks}

    def measure(self, name: str, _per: tuple[Dimension, ...], start: datetime, end: datetime) -> Column:
        return Column(self._base[name] * ((end - start) / timedelta(hours=24)), self._known)

    def once(self, question: Any, _pers: Any, answer: Callable[[], Any]) -> Any:
        if question not in self._once:
            self._once[question] = answer()
        return self._once[question]

    def attribute(self, name: str) -> Column:
        raise LookupError(name)

    def as_of(self, _name: str) -> datetime | None:
        return NOW

    def settle(self) -> Column:
        return Column(np.zeros(len(self.subjects)), self._known)


def _rules(text: str, count: int, **more: Callable[[int], Any]) -> list[Revision]:
    documents = [text.format(n=n, **{name: make(n) for name, make in more.items()}) for n in range(1, count + 1)]
    return [
        revision
        for document in documents
        for revision in load(document, name="bench", environment=Environment()).revisions
    ]


def metric_rules(text: str) -> list[Revision]:
    """METRIC_RULES rules of this text, each with a line and a window of its own."""
    return _rules(text, METRIC_RULES, window=lambda n: ("24h", "48h", "3d", "7d")[n % 4], need=int)


def _best(work: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        begun = time.perf_counter()
        work()
        times.append(time.perf_counter() - begun)
    return min(times)


def run() -> list[dict[str, Any]]:
    """Figures: what was done, seconds, how many a second, and the peak of memory afterwards in MB."""
    event_rules = _rules(EVENT_RULE, EVENT_RULES)
    metrics = metric_rules(METRIC_RULE)
    event = EventFacts(EVENT, {"id": "e1", "type": "deal", "source": "crm"})
    offers = Columns(SUBJECTS)
    verdicts = evaluate(metrics[0], offers, NOW)
    loading = _best(lambda: _rules(METRIC_RULE, 20, window=lambda _n: "24h", need=int), 3) / 20
    return [
        _figure("one event against 200 rules", _best(lambda: _all(event_rules, event), 5), 1, "events"),
        _figure(
            "100 metric rules over 50,000 offers",
            _best(lambda: _all(metrics, offers), 3),
            METRIC_RULES * SUBJECTS,
            "verdicts",
        ),
        _figure("explanation of one verdict", _best(lambda: verdicts.explain(SUBJECTS // 2), 20), 1, "explanations"),
        _figure("loading one rule", loading, 1, "rules"),
    ]


def _all(rules: list[Revision], facts: Any) -> None:
    for revision in rules:
        evaluate(revision, facts, NOW).count()


def _figure(name: str, seconds: float, count: int, unit: str) -> dict[str, Any]:
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "benchmark": name,
        "seconds": round(seconds, 5),
        "per_second": round(count / seconds),
        "unit": unit,
        "memory_mb": round(memory),
    }


def main() -> None:
    for figure in run():
        print(
            f"{figure['benchmark']:<40} {figure['seconds']:>9.4f} s  {figure['per_second']:>12,} {figure['unit']}/s  "
            f"{figure['memory_mb']} MB"
        )


if __name__ == "__main__":
    main()
