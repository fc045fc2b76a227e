"""A reader of reports by hand: due slots are taken and worked off until none is left."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from bridge.config.clickhouse_address import parse
from bridge.integr8 import Client
from bridge.reports import clickhouse_segment, polling, retention, segment_directory, segment_file, stored_segments
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.clickhouse_client import ClickHouse
from bridge.reports.clickhouse_rows import ClickHouseRows
from bridge.reports.live_observations import LiveData
from bridge.reports.polling import FeedPlan, PollResult
from bridge.reports.report_pages import ReportPages
from bridge.store import free_space, slots
from bridge.store.engine import Store, make_engine
from bridge.store.feeds import FeedKey, Kind


@dataclass
class Reader:
    """What the worker does with due slots, without a worker."""

    store: Store
    source: polling.Pages
    plans: list[FeedPlan]
    cache: ChunkCache = field(default_factory=ChunkCache)

    def read(self, now: datetime, **options: int) -> list[PollResult]:
        with self.store.write() as session:
            polling.due_slots(session, now, self.plans)
        results = []
        for _ in range(200):
            with self.store.write() as session:
                taken = slots.take(session, polling.KIND, limit=1, now=now)
            if not taken:
                return results
            plan = next(plan for plan in self.plans if plan.key == polling.parse_key(taken[0].key)[0])
            results.append(polling.poll_once(self.store, self.source, plan, taken[0], now, cache=self.cache, **options))
        raise AssertionError("the slots never come to an end")

    def data(self, now: datetime) -> LiveData:
        data = LiveData()
        with self.store.read() as session:
            data.refresh(session, now)
        return data


PLANS = [FeedPlan(key=FeedKey(kind=kind), history=timedelta(days=3)) for kind in (Kind.CLICKS, Kind.CONVERSIONS)]


@pytest.fixture
def reader(store: Store, client: Client) -> Reader:
    return Reader(store, ReportPages(lambda _account, _integration: client), list(PLANS))


@pytest.fixture
def reading(store: Store) -> Callable[[polling.Pages], Reader]:
    """A reader over some other source of pages."""
    return lambda source: Reader(store, source, list(PLANS))


@pytest.fixture
def small_files(monkeypatch):
    """Files of a few rows and blocks of fewer, of which next to none are kept: every edge lies somewhere inside."""
    monkeypatch.setattr(segment_directory, "MIN_FACTS_OF_A_FILE", 4)
    monkeypatch.setattr(free_space, "LITTLE", 0)
    monkeypatch.setattr(segment_file, "BLOCK", 3)
    monkeypatch.setattr(stored_segments, "MAX_BLOCKS_TO_KEEP", 2)


KEEP = timedelta(days=800)  # of observations


@pytest.fixture
def rows(clickhouse):
    """The table of observations there."""
    made = ClickHouseRows(ClickHouse(parse(clickhouse.url)), KEEP)
    yield made
    made.server.close()


@pytest.fixture
def plain_store(sqlite_template, tmp_path):
    """A second database, whose observations stay in it."""
    path = tmp_path / "plain.db"
    path.write_bytes(sqlite_template.read_bytes())
    made = Store(make_engine(f"sqlite:///{path}"))
    yield made
    made.close()


@pytest.fixture
def small_batches(monkeypatch, small_files):
    """Blocks of a few rows, and merges of a few chunks, so that every edge lies somewhere inside."""
    for name, rows in (("BLOCK", 6), ("AT_ONCE", 18), ("MAX_ROWS_KEPT", 30), ("MAX_ANSWERS_KEPT", 2)):
        monkeypatch.setattr(clickhouse_segment, name, rows)
    monkeypatch.setattr(retention, "MERGE_FROM", 2)
    monkeypatch.setattr(retention, "YOUNG", timedelta(0))
