"""Benchmark a backtest: one rule over 30 days of 10,000,000 observations, evaluated every 15 minutes (2,880 times).

Aim: below 10 seconds.

The windows slide, so a look costs what came in and fell out since the one before. Loading from the store is
measured apart (`ingest`); here the observations are in memory.

python -m benchmarks.backtest
"""

import resource
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from benchmarks.traffic import DAY, START, traffic
from bridge.reports.past_facts import Past
from bridge.reports.segments import slim
from bridge.reports.windows import Windows
from bridge.store.feeds import Kind
from rules.backtest.backtest import backtest
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.facts import Subject
from rules.model.revision import DIMENSIONS, Revision

ROWS, DAYS, OFFERS, PUBLISHERS = 10_000_000, 31, 1_000, 50
RULE = """schema: 1
id: offer-cr-collapse
title: Pause an offer whose conversion rate falls apart
mode: live
trigger: {every: 15m}
scope: {per: [offer]}
data: {window: 24h, settle: 1h, need: {clicks: 500}, fresh: 45m}
when:
  all: [cr < 0.80% @95%, clicks > 0]
  for: 2 checks
then: [{pause: offer, hold: 12h}]
release: {early: [cr >= 1.5%]}
guards: {at_most: {targets: 100}}
"""


def rule() -> Revision:
    loaded = load(RULE, name="rule.yaml", environment=Environment())
    assert loaded.revisions, loaded.problems
    return loaded.revisions[0]


def past(rows: int) -> Past:
    windows = Windows(delays=True)
    made = traffic(rows, days=DAYS, offers=OFFERS, publishers=PUBLISHERS)
    for kind, batch in zip((Kind.CLICKS, Kind.CONVERSIONS), made, strict=True):
        windows.load(kind, [slim(batch, DIMENSIONS, delays=kind is Kind.CONVERSIONS)])
    subjects = tuple(Subject(("offer",), (str(number),)) for number in range(1, OFFERS + 1))
    return Past(windows=windows, subjects=subjects, since=datetime.fromtimestamp(START, UTC))


def run(rows: int = ROWS) -> list[dict[str, Any]]:
    history = past(rows)
    start = datetime.fromtimestamp(START + DAY + 3_600, UTC)
    end = start + timedelta(minutes=15) * 2_879
    began = time.perf_counter()
    report = backtest(rule(), history, start, end)
    seconds = time.perf_counter() - began
    return [
        {
            "observations": rows,
            "subjects": OFFERS,
            "evaluations": report.evaluations,
            "seconds": round(seconds, 2),
            "aim": 10,
            "evaluations_per_s": round(report.evaluations / seconds),
            "pauses": len(report.pauses),
            "false_alarms": len(report.false_alarms),
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        }
    ]


if __name__ == "__main__":
    for row in run():
        print(row)
