"""Postbacks fill what the report has not reached, and their loss is noticed."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from bridge.reports import conversion_lag, polling, postbacks
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.current_facts import facts_for
from bridge.reports.polling import FeedPlan
from bridge.sources.postback import PostbackFacts
from bridge.store.feeds import FeedKey, Kind
from tests.reports.metric_rules import rule
from tests.reports.test_polling import Report, row

PLAN = FeedPlan(key=FeedKey(kind=Kind.CONVERSIONS), rescan_every=timedelta(days=9))


def told(number: int, at: datetime, **more: Any) -> PostbackFacts:
    values: dict[str, Any] = {
        "kind": "conversion",
        "transaction_id": f"{number:026d}",
        "status": "approved",
        "payout": Decimal("1.10"),
        "offer": "1",
        "publisher": "2",
        "sub_ids": {},
        "conversion_time": at,
    }
    return PostbackFacts(**(values | more))


@pytest.fixture
def tell(store):
    cache = ChunkCache()

    def send(received: datetime, *facts: PostbackFacts) -> int:
        with store.write() as session:
            return postbacks.record(session, cache, FeedKey(kind=Kind.POSTBACKS), facts, received)

    return send


@pytest.fixture
def conversions(store, reading):
    def measure(reader, now: datetime, hours: int = 24) -> float:
        data = reader.data(now)
        with store.read() as session:
            facts = facts_for(session, data, rule(), now)
            return float(facts.measure("conversions", ("offer",), now - timedelta(hours=hours), now).values.sum())

    return measure


def reader_of(reading, rows_of_report):
    reader = reading(Report(rows_of_report))
    reader.plans = [PLAN]
    return reader


def test_postbacks_speak_for_the_newest_stretch(reading, tell, conversions, now):
    reader = reader_of(reading, [row(number, now - timedelta(minutes=number)) for number in range(1, 6)])
    tell(now - timedelta(days=2))
    reader.read(now)
    later = now + timedelta(minutes=4)
    tell(later, *[told(100 + number, now + timedelta(minutes=number)) for number in (1, 2, 3)])
    assert conversions(reader, later) == 8


def test_what_the_report_has_reached_is_not_counted_twice(reading, tell, conversions, now):
    reader = reader_of(reading, [row(number, now - timedelta(minutes=number)) for number in range(1, 6)])
    tell(now, *[told(number, now - timedelta(minutes=number)) for number in range(1, 6)])
    reader.read(now)
    assert conversions(reader, now + timedelta(seconds=1)) == 5


def test_a_repeated_postback_changes_nothing(tell, now):
    assert [tell(now, told(1, now)), tell(now + timedelta(hours=1), told(1, now))] == [1, 0]


def test_a_later_rejection_changes_the_same_conversion(reading, tell, now, store):
    reader = reader_of(reading, [])
    reader.read(now - timedelta(hours=1))
    tell(now, told(1, now))
    tell(now + timedelta(minutes=9), told(1, now, status="rejected"))
    later = now + timedelta(minutes=10)
    data = reader.data(later)
    with store.read() as session:
        facts = facts_for(session, data, rule(), later)
        found = [
            facts.measure(name, ("offer",), now - timedelta(minutes=30), later).values.sum()
            for name in ("approved", "rejected", "payout")
        ]
    assert found == [0, 1, 0]


def test_clicks_told_by_postback_are_left_to_the_report(tell, now):
    assert tell(now, told(1, now, kind="click")) == 0


def test_lost_postbacks_are_shown_per_hour_and_offer(reading, tell, now, store):
    start = now - timedelta(hours=5)
    tell(start - timedelta(hours=1))
    tell(start, told(9_000, start - timedelta(hours=1), offer="7"))
    rows_of_report = [row(number, start + timedelta(minutes=number)) for number in range(10)]
    reader_of(reading, rows_of_report).read(now)
    tell(now, *[told(number, start + timedelta(minutes=number)) for number in range(7)])
    with store.read() as session:
        found = postbacks.compare(session, "main", "default", start, now)
    assert found is not None
    assert [(one.hour, one.offer, one.lost) for one in found.differing] == [(start, "1", 3)]


def test_what_the_report_lacks_is_read_again(reading, tell, now, store):
    start = now - timedelta(hours=5)
    tell(start - timedelta(hours=2), told(9_000, start - timedelta(hours=2), offer="7"))
    report = Report([row(number, start + timedelta(minutes=number)) for number in range(10)])
    reader = reading(report)
    reader.plans = [PLAN]
    missing = report.rows.pop(4)
    reader.read(now)
    tell(now, *[told(number, start + timedelta(minutes=number)) for number in range(10)])
    report.rows.append(missing)
    with store.write() as session:
        found = postbacks.compare(session, "main", "default", start, now)
        assert found is not None
        assert postbacks.backfill(session, "main", "default", found, now) == 1
    reader.read(now + timedelta(minutes=1))
    with store.read() as session:
        again = postbacks.compare(session, "main", "default", start, now)
    assert again is not None
    assert again.differing == ()


def test_the_delay_from_click_to_conversion_is_measured_per_offer(reading, now, store):
    rows_of_report = [
        row(number, now - timedelta(hours=1), offer_id=str(number % 2 + 1))
        | {"click_time": (now - timedelta(hours=1, seconds=60 * (number // 2) * (number % 2 + 1))).isoformat()}
        for number in range(80)
    ]
    reader_of(reading, rows_of_report).read(now)
    with store.write() as session:
        found = {
            one.offer: (one.p50, one.p90, one.sample) for one in conversion_lag.measure(session, "main", "default", now)
        }
    assert found["1"] == (19 * 60, 35 * 60, 40)
    assert found["2"] == (19 * 120, 35 * 120, 40)
    assert found[""][2] == 80


def test_settle_auto_leaves_out_what_was_measured(reading, now, store):
    rows_of_report = [
        row(number, now - timedelta(hours=1)) | {"click_time": (now - timedelta(hours=3)).isoformat()}
        for number in range(30)
    ]
    reader = reader_of(reading, rows_of_report)
    reader.read(now)
    with store.write() as session:
        conversion_lag.measure(session, "main", "default", now)
    with store.read() as session:
        facts = facts_for(session, reader.data(now), rule(), now)
        assert facts.settle().values.tolist() == [7200.0]


def test_few_conversions_say_nothing_about_delay(reading, now, store):
    reader_of(reading, [row(1, now) | {"click_time": now.isoformat()}]).read(now)
    with store.write() as session:
        assert conversion_lag.measure(session, "main", "default", now) == []


def test_heal_slots_are_read_like_any_other(store, now):
    with store.write() as session:
        polling.open_backfill(session, PLAN.key, now - timedelta(hours=2), now - timedelta(hours=1), now)
        assert polling.due_slots(session, now, [PLAN]) == 2
