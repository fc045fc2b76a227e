"""Benchmark storage of report rows: rows per second, bytes per row, memory. Aim: above 100,000 rows/s.

`parse` turns rows as Integr8 sends them into columns; `record` compares them with what is known and writes a chunk
in its own transaction to SQLite (synchronous=FULL); `import` is both, from a CSV file; `load` reads all chunks back
into the window engine.

python -m benchmarks.ingest
"""

import csv
import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.traffic import START, traffic
from bridge.reports import chunk_cache, report_rows, row_identity
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.csv_import import import_file
from bridge.reports.fact_batch import Batch
from bridge.reports.live_observations import LiveData
from bridge.store import feeds, migrate, observations
from bridge.store.engine import Store, make_engine
from bridge.store.feeds import FeedKey, Kind

ROWS, AT_ONCE = 1_000_000, 50_000
NOW = datetime.fromtimestamp(START, UTC) + timedelta(days=31)
KEY = FeedKey(kind=Kind.CLICKS)


def as_rows(batch: Batch, start: int, end: int) -> list[dict[str, str]]:
    """What the report would have said."""
    part = batch.take(np.arange(start, end))
    ids = row_identity.unpack(part.high, part.low, [""] * len(part))
    times = np.datetime_as_string(part.event.astype("datetime64[s]"))
    columns = (part.column(name).texts() for name in ("offer", "publisher", "country"))
    return [
        {"real_tx_id": tx, "request_time": str(at).replace("T", " "), "offer_id": offer, "publisher": publisher,
         "geo_country": country, "status": "Approved", "sub_id": f"s{number % 997}"}
        for number, (tx, at, offer, publisher, country) in enumerate(zip(ids, times, *columns, strict=True))
    ]  # fmt: skip


def run(count: int = ROWS) -> list[dict[str, Any]]:
    clicks, _ = traffic(int(count * 1.02) + 1, days=30, offers=1_000, publishers=50)
    count = len(clicks)
    with tempfile.TemporaryDirectory() as directory:
        engine = make_engine(f"sqlite:///{directory}/bench.db")
        migrate.upgrade(engine)
        store = Store(engine)
        parse, record = _rows_by_the_page(store, clicks)
        stored = _stored(store)
        load = _load(store)
        engine.dispose()
        imported = _import(Path(directory), clicks)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    figures = {
        "parse": parse,
        "record": record,
        "parse + record": parse + record,
        "import a CSV": imported,
        "load": load,
    }
    return [
        {"step": name, "rows": count, "rows_per_s": round(count / seconds), "aim": 100_000}
        for name, seconds in figures.items()
    ] + [
        {
            "step": "size",
            "rows": count,
            "bytes_per_row": round(stored / count, 1),
            "mb_per_million": round(stored / count, 1),
            "peak_mb": peak,
        }
    ]


def _rows_by_the_page(store: Store, clicks: Batch) -> tuple[float, float]:
    parse = record = 0.0
    cache = ChunkCache()
    for start in range(0, len(clicks), AT_ONCE):
        given = as_rows(clicks, start, min(start + AT_ONCE, len(clicks)))
        began = time.perf_counter()
        reading = report_rows.read(Kind.CLICKS, given, NOW)
        parsed = time.perf_counter()
        with store.write() as session:
            chunk_cache.record(session, cache, feeds.ensure(session, KEY).id, reading.batch, NOW)
        parse, record = parse + parsed - began, record + time.perf_counter() - parsed
    return parse, record


def _stored(store: Store) -> int:
    with store.read() as session:
        return sum(volume.size for volume in observations.volumes(session))


def _load(store: Store) -> float:
    data = LiveData()
    with store.read() as session:
        began = time.perf_counter()
        data.refresh(session, NOW, NOW - timedelta(days=40))
        return time.perf_counter() - began


def _import(directory: Path, clicks: Batch) -> float:
    path = directory / "clicks.csv"
    with path.open("w", newline="") as file:
        writer = None
        for start in range(0, len(clicks), AT_ONCE):
            given = as_rows(clicks, start, min(start + AT_ONCE, len(clicks)))
            writer = writer or csv.DictWriter(file, list(given[0]))
            if not start:
                writer.writeheader()
            writer.writerows(given)
    engine = make_engine(f"sqlite:///{directory}/import.db")
    migrate.upgrade(engine)
    began = time.perf_counter()
    import_file(Store(engine), KEY, path, now=NOW)
    seconds = time.perf_counter() - began
    engine.dispose()
    return seconds


if __name__ == "__main__":
    for row in run():
        print(row)
