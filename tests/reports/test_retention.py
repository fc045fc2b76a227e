"""Merging changes nothing; summing per hour keeps every hour's totals; what is too old goes."""

from datetime import datetime, timedelta

import numpy as np
import pytest

from bridge.reports import chunk_cache, report_rows, retention
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.fact_batch import join
from bridge.reports.live_observations import LiveData
from bridge.reports.retention import Keep, apply
from bridge.reports.windows import Edges
from bridge.store import feeds, observations
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations import Level
from tests.reports.test_polling import row

KEY = FeedKey(kind=Kind.CONVERSIONS)
FAR = 10**11


def fill(store, now: datetime, chunks: int = 40, per_chunk: int = 25, key: FeedKey = KEY) -> None:
    cache, number = ChunkCache(), 0
    for chunk in range(chunks):
        at = now - timedelta(hours=chunks - chunk)
        page = [row(number + one, at + timedelta(minutes=one), offer_id=str(one % 3)) for one in range(per_chunk)]
        number += per_chunk
        with store.write() as session:
            feed = feeds.ensure(session, key)
            chunk_cache.record(
                session, cache, feed.id, report_rows.read(key.kind, page, at).batch, at + timedelta(hours=1)
            )
            feeds.cover(session, feed, since=at, as_of=at + timedelta(hours=1), at=now)


def ask(data: LiveData, store, metric: str, end: int = FAR) -> list[int]:
    with store.read() as session:
        return data.totals(session, Kind.CONVERSIONS, metric, ("offer",), Edges(0, end, FAR)).tolist()


@pytest.fixture
def live(store, now):
    def look() -> LiveData:
        data = LiveData()
        with store.read() as session:
            data.refresh(session, now, now - timedelta(days=500))
        return data

    return look


def chunks(store) -> list[Level]:
    with store.read() as session:
        return [info.level for info in observations.overlapping(session, [1])]


def test_many_readings_become_one_chunk_that_says_the_same(store, live, now):
    fill(store, now)
    before = ask(live(), store, "payout", int(now.timestamp()) - 4000)
    apply(store, Keep(), now)
    assert chunks(store) == [Level.MERGED]
    assert ask(live(), store, "payout", int(now.timestamp()) - 4000) == before


def test_a_process_that_knows_the_old_chunks_counts_nothing_twice(store, live, now):
    fill(store, now)
    data = live()
    before = ask(data, store, "conversions")
    apply(store, Keep(), now)
    with store.read() as session:
        data.refresh(session, now)
    assert ask(data, store, "conversions") == before


def test_a_merge_gives_no_number_again(store, now):
    """A process that knows a chunk by its number would take the new one for it."""
    fill(store, now)
    with store.read() as session:
        before = observations.ids(session)
    apply(store, Keep(), now)
    with store.read() as session:
        assert not observations.ids(session) & before


def test_rows_are_still_recognised_after_a_merge(store, now):
    fill(store, now)
    apply(store, Keep(), now)
    with store.write() as session:
        again = report_rows.read(KEY.kind, [row(0, now - timedelta(hours=40), offer_id="0")], now)
        assert chunk_cache.record(session, ChunkCache(), 1, again.batch, now).new == 0


def test_old_rows_become_sums_per_hour(store, live, now):
    fill(store, now)
    before = {metric: ask(live(), store, metric) for metric in ("conversions", "approved", "payout")}
    later = now + timedelta(days=120)
    assert apply(store, Keep(), later).summed == 1000
    assert chunks(store) == [Level.HOURLY]
    assert {metric: ask(live(), store, metric) for metric in before} == before


def test_what_is_too_old_goes_and_the_feed_begins_later(store, now):
    fill(store, now)
    apply(store, Keep(), now + timedelta(days=900))
    with store.read() as session:
        feed = feeds.find(session, KEY)
    assert chunks(store) == []
    assert feed is not None
    assert feed.since is not None
    assert feed.since > now - timedelta(hours=3)


def test_marks_of_readings_go_with_what_was_read_but_for_the_last(store, now):
    with store.write() as session:
        feed = feeds.ensure(session, KEY)
        for days in (900, 850, 10):
            at = now - timedelta(days=days)
            feeds.advance(session, feed, since=at - timedelta(hours=1), as_of=at, at=at)
    apply(store, Keep(), now)
    with store.read() as session:
        left = [(now - at).days for at, _ in feeds.marks(session, 1, now - timedelta(days=1000), now)]
    assert left == [850, 10]


def test_what_was_taken_back_within_the_hour_leaves_nothing(now):
    batch = report_rows.read(KEY.kind, [row(1, now), row(2, now)], now).batch
    taken_back = batch.take(np.array([1])).taken_back()
    summed = retention.hourly(join([batch, taken_back]))
    assert (summed.weight.tolist(), summed.payout.tolist()) == ([1], [1_100_000])


def test_rows_cannot_be_given_up_before_their_status_has_settled():
    with pytest.raises(ValueError, match="7 days"):
        Keep(rows=timedelta(days=1))


def test_a_merge_across_the_edge_of_memory_loses_no_facts_of_any_kind(store, now):
    clicks = FeedKey(kind=Kind.CLICKS)
    fill(store, now)
    fill(store, now, key=clicks)
    data, later = LiveData(), now + timedelta(days=19)
    with store.read() as session:
        data.refresh(session, later)  # the older chunks stay outside
        held = data.windows.held()
    apply(store, Keep(), now)
    with store.read() as session:
        data.refresh(session, later)
    assert held < 2000
    assert data.windows.held() == 2000


def test_a_merge_of_chunks_that_did_not_fit_into_memory_keeps_them_countable(store, now, live):
    fill(store, now)
    data = LiveData(most_facts=100)
    with store.read() as session:
        data.refresh(session, now, now - timedelta(days=500))
    apply(store, Keep(), now)
    with store.read() as session:
        data.refresh(session, now, now - timedelta(days=500))
    assert ask(data, store, "payout") == ask(live(), store, "payout")
