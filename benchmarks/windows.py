"""Benchmark windows over 10,000,000 observations and 50,000 offer x publisher pairs: 24 h and 7 d, all metrics.

Aim: below 1 s.

Three things are told apart. `first` is the first question of a process, which numbers the subjects. `again` is the
same two windows summed from nothing. `slide` is what a tick costs: the same windows one minute later.

DuckDB answers the same question from its own table, with two threads and with one. The choice that follows
from these figures, and those of Polars, stand in docs/decisions/0010-windows-slide-in-numpy.md: DuckDB is up to
twice as fast from nothing, but only a sum that slides makes a tick cheap and a backtest possible.

python -m benchmarks.windows
"""

import importlib
import importlib.util
import resource
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.traffic import DAY, START, traffic
from bridge.reports.fact_batch import Batch
from bridge.reports.windows import FEEDS, Edges, Windows
from bridge.store.feeds import Kind

ROWS, DAYS, OFFERS, PUBLISHERS = 10_000_000, 10, 1_000, 50
PER = ("offer", "publisher")
NOW = START + (DAYS - 1) * DAY
WINDOWS = (DAY, 7 * DAY)


def ask(windows: Windows, now: int) -> int:
    """Every base metric over both windows; the sum of it all, so that nothing is left undone."""
    total = 0
    for length in WINDOWS:
        for metric, kinds in FEEDS.items():
            for kind in kinds:
                total += int(windows.totals(kind, metric, PER, Edges(now - length, now, now)).sum())
    return total


def timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return round(time.perf_counter() - began, 3)


def run(rows: int = ROWS) -> list[dict[str, Any]]:
    clicks, conversions = traffic(rows, days=DAYS, offers=OFFERS, publishers=PUBLISHERS)
    windows = Windows()
    load = timed(lambda: [windows.load(Kind.CLICKS, [clicks]), windows.load(Kind.CONVERSIONS, [conversions])])
    first = timed(lambda: ask(windows, NOW))
    windows._sums.clear()  # noqa: SLF001 - the same question without what it remembers
    again = timed(lambda: ask(windows, NOW))
    ask(windows, NOW + 60)  # puts the facts into the order in which they were seen, once
    slide = timed(lambda: [ask(windows, NOW + 60 * minute) for minute in range(2, 12)]) / 10
    pairs = windows.subjects.count(PER)
    found = [
        {"engine": "ours (numpy)", "rows": rows, "pairs": pairs, "load_s": load, "first_s": first, "again_s": again,
         "slide_s": round(slide, 4), "aim_s": 1, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024},
    ]  # fmt: skip
    if importlib.util.find_spec("duckdb") is not None:
        found += [_duckdb(clicks, conversions, threads) for threads in (2, 1)]
    return found


def _duckdb(clicks: Batch, conversions: Batch, threads: int) -> dict[str, Any]:
    connection = importlib.import_module("duckdb").connect(config={"threads": threads})
    tables = {}
    for name, batch in (("clicks", clicks), ("conversions", conversions)):
        tables[name] = {
            "event": batch.event, "seen": batch.seen, "status": batch.status.astype(np.int32), "weight": batch.weight,
            "payout": batch.payout, "revenue": batch.revenue,
            "offer": batch.column("offer").codes, "publisher": batch.column("publisher").codes,
        }  # fmt: skip

    def fill() -> None:
        for name, columns in tables.items():
            connection.register("columns", columns)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM columns ORDER BY event")
            connection.unregister("columns")

    def question(now: int) -> None:
        for length in WINDOWS:
            for name in tables:
                connection.execute(
                    f"""SELECT offer, publisher, sum(weight), sum(weight) FILTER (status = 1),
                        sum(weight) FILTER (status = 2), sum(weight) FILTER (status = 3), sum(payout), sum(revenue)
                        FROM {name} WHERE event >= {now - length} AND event < {now} AND seen <= {now}
                        GROUP BY offer, publisher"""
                ).fetchnumpy()

    load, first = timed(fill), timed(lambda: question(NOW))
    again, slide = timed(lambda: question(NOW)), timed(lambda: question(NOW + 60))
    connection.close()
    return {
        "engine": f"DuckDB, {threads} threads",
        "load_s": load,
        "first_s": first,
        "again_s": again,
        "slide_s": slide,
    }


if __name__ == "__main__":
    for row in run():
        print(row)
