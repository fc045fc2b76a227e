"""Reports are read completely, once, whatever happens while they are read."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from bridge.integr8.errors import BudgetExhausted, ServerError
from bridge.reports import polling
from bridge.reports.current_facts import facts_for
from bridge.reports.polling import Page, Purpose
from bridge.reports.windows import Edges
from bridge.simulator.world import World
from bridge.store import feeds, slots
from bridge.store.feeds import FeedKey, Kind
from bridge.store.lease import LeaseLost
from tests.reports.conftest import PLANS, Reader
from tests.reports.metric_rules import rule

FAR = 10**11  # an edge that is later than everything


def total(reader: Reader, metric: str, now: datetime, kind: Kind = Kind.CONVERSIONS) -> int:
    data = reader.data(now)
    return int(data.windows.totals(kind, metric, ("offer",), Edges(0, FAR, FAR)).sum())


def of_feed(reader: Reader, kind: Kind) -> feeds.Feed:
    with reader.store.read() as session:
        feed = feeds.find(session, FeedKey(kind=kind))
    assert feed is not None
    return feed


def test_all_clicks_and_conversions_are_read(reader, world: World):
    now = world.clock.now()
    world.offer(clicks=1234, conversions=57)
    reader.read(now)
    assert (total(reader, "clicks", now, Kind.CLICKS), total(reader, "conversions", now)) == (1234, 57)


def test_reading_again_adds_nothing(reader, world: World):
    now = world.clock.now()
    world.offer(clicks=500, conversions=20)
    for minutes in (0, 5, 70):
        reader.read(now + timedelta(minutes=minutes))
    assert total(reader, "clicks", now + timedelta(hours=2), Kind.CLICKS) == 500


def test_a_feed_is_complete_up_to_the_moment_of_its_reading(reader, world: World):
    now = world.clock.now()
    reader.read(now)
    feed = of_feed(reader, Kind.CONVERSIONS)
    assert (feed.since, feed.as_of) == (now.replace(microsecond=0) - timedelta(days=3), now.replace(microsecond=0))


def test_a_later_rejection_takes_money_and_approval_back(reader, world: World):
    now = world.clock.now()
    world.offer(clicks=300, conversions=10, default_payout={"payout": 2.5, "revenue": 4})
    reader.read(now)
    before = total(reader, "payout", now)
    row = world.conversions.rows[3]
    row.status = "Rejected"
    later = now + timedelta(hours=1, minutes=1)
    reader.read(later)
    assert total(reader, "rejected", later) == 1
    assert total(reader, "approved", later) == 9
    assert total(reader, "conversions", later) == 10
    assert before - total(reader, "payout", later) == round(row.payout * 1_000_000)


@pytest.mark.parametrize("minute", [0, 10, 54])
def test_a_row_that_slips_in_late_is_found_by_the_rescan(reader, world: World, minute):
    now = world.clock.now().replace(minute=minute)  # rescans come at full hours: the next is not within five minutes
    offer = world.offer(clicks=200, conversions=5)
    reader.read(now)
    late = now - timedelta(hours=30)
    world.traffic(offer, [next(world.directory.publishers.living())], 40, 0, start=late, end=late + timedelta(hours=1))
    reader.read(now + timedelta(minutes=5))
    assert total(reader, "clicks", now + timedelta(minutes=5), Kind.CLICKS) == 200
    reader.read(now + timedelta(minutes=65))
    assert total(reader, "clicks", now + timedelta(minutes=65), Kind.CLICKS) == 240


def test_a_clock_that_ran_ahead_leaves_no_hole_and_no_mark_in_the_future(reader, world: World):
    now = world.clock.now().replace(minute=10)
    offer = world.offer(clicks=200, conversions=5)
    reader.read(now)
    reader.read(now + timedelta(hours=1))  # the clock runs ahead, and is put right
    home = [next(world.directory.publishers.living())]
    world.traffic(offer, home, 40, 0, start=now + timedelta(minutes=1), end=now + timedelta(minutes=5))
    at = now + timedelta(minutes=6)
    reader.read(at)
    assert of_feed(reader, Kind.CLICKS).as_of == at.replace(microsecond=0)
    assert total(reader, "clicks", at, Kind.CLICKS) == 240


def test_a_clock_that_falls_behind_takes_nothing_back(reader, world: World):
    now = world.clock.now().replace(minute=10)
    world.offer(clicks=200, conversions=5)
    reader.read(now)
    before = of_feed(reader, Kind.CLICKS).since
    for minutes in (-60, 6, 12):
        reader.read(now + timedelta(minutes=minutes))
    feed = of_feed(reader, Kind.CLICKS)
    assert (feed.since, feed.as_of) == (before, (now + timedelta(minutes=12)).replace(microsecond=0))
    assert total(reader, "clicks", now + timedelta(minutes=12), Kind.CLICKS) == 200


# --- a source that behaves as badly as it can --------------------------------------------------


def row(number: int, at: datetime, **more: Any) -> dict[str, Any]:
    when = at.strftime("%Y-%m-%d %H:%M:%S")
    return {
        "real_tx_id": f"{number:026d}",
        "request_time": when,
        "conversion_time": when,
        "offer_id": "1",
        "publisher": "2",
        "status": "Approved",
        "payout": "1.10",
        **more,
    }


@dataclass
class Report:
    """Rows in memory, newest first; things can be made to happen before a page is given."""

    rows: list[dict[str, Any]]
    size: int = 10
    before_page: dict[int, Any] = field(default_factory=dict)
    asked: list[str | None] = field(default_factory=list)

    def page(self, key: FeedKey, start: datetime, end: datetime, after: str | None) -> Page:
        self.asked.append(after)
        happening = self.before_page.pop(len(self.asked), None)
        if isinstance(happening, Exception):
            raise happening
        if happening is not None:
            happening(self)
        newest_first = sorted(self.rows, key=lambda one: one["real_tx_id"], reverse=True)
        inside = [one for one in newest_first if str(start)[:19] <= one["request_time"] <= str(end)[:19]]
        rest: Sequence[dict[str, Any]] = [one for one in inside if after is None or one["real_tx_id"] < after]
        part = rest[: self.size]
        return Page(part, part[-1]["real_tx_id"] if len(rest) > self.size else None)


def rows_until(now: datetime, count: int) -> list[dict[str, Any]]:
    return [row(number, now - timedelta(minutes=count - number)) for number in range(count)]


@pytest.fixture
def one_feed(reading):
    def make(report: Report) -> Reader:
        reader = reading(report)
        reader.plans = [PLANS[1]]
        return reader

    return make


def test_rows_that_arrive_while_a_page_is_read_are_counted_once(one_feed, now):
    report = Report(rows_until(now, 35))
    for page in (2, 3, 4):
        report.before_page[page] = lambda of: of.rows.append(row(1000 + len(of.rows), now))
    reader = one_feed(report)
    reader.read(now)
    reader.read(now + timedelta(minutes=5))
    assert total(reader, "conversions", now) == 38


@pytest.mark.parametrize("failing_page", [1, 2, 3, 5])
def test_a_failure_at_any_page_leaves_no_gap_and_no_double(one_feed, now, failing_page):
    report = Report(rows_until(now, 47))
    report.before_page[failing_page] = ServerError("reports.conversions", status=502)
    reader = one_feed(report)
    first = reader.read(now)
    assert first[0].problem
    reader.read(now + timedelta(minutes=1))
    assert total(reader, "conversions", now) == 47
    assert len(report.asked) == 6  # five pages and the failure: nothing was read twice


@pytest.mark.parametrize("killed_after", [1, 2, 4])
def test_a_killed_worker_is_followed_by_one_that_reads_on(one_feed, now, killed_after, store):
    report = Report(rows_until(now, 60))
    reader = one_feed(report)
    with store.write() as session:
        polling.due_slots(session, now, reader.plans)
        taken = slots.take(session, polling.KIND, limit=1, now=now)[0]
    polling.poll_once(store, report, reader.plans[0], taken, now, max_pages=killed_after)
    reader.read(now + timedelta(minutes=10))
    assert total(reader, "conversions", now) == 60


def test_a_worker_that_lost_its_slot_writes_nothing(one_feed, now, store):
    report = Report(rows_until(now, 25))
    reader = one_feed(report)
    with store.write() as session:
        polling.due_slots(session, now, reader.plans)
        frozen = slots.take(session, polling.KIND, limit=1, now=now)[0]
    reader.read(now + timedelta(minutes=10))
    with pytest.raises(LeaseLost):
        polling.poll_once(store, report, reader.plans[0], frozen, now)
    assert total(reader, "conversions", now) == 25


def test_a_page_that_repeats_itself_changes_nothing(one_feed, now):
    report = Report(rows_until(now, 30))
    reader = one_feed(report)
    real = report.page

    def twice(key, start, end, after):
        given = real(key, start, end, after)
        return Page([*given.rows, *real(key, start, end, None).rows[:5]], given.cursor)

    reader.source = type("Repeating", (), {"page": staticmethod(twice)})()
    reader.read(now)
    assert total(reader, "conversions", now) in {30, 35}


def test_equal_rows_of_one_transaction_are_different_conversions(one_feed, now):
    report = Report([row(5, now), row(5, now), row(4, now)])
    reader = one_feed(report)
    reader.read(now)
    reader.read(now + timedelta(minutes=5))
    assert total(reader, "conversions", now) == 3


def test_an_exhausted_budget_postpones_without_a_complaint(one_feed, now):
    report = Report(rows_until(now, 25))
    report.before_page[2] = BudgetExhausted(40.0)
    reader = one_feed(report)
    results = reader.read(now)
    assert (results[0].done, results[0].wait) == (False, timedelta(seconds=40))
    assert of_feed(reader, Kind.CONVERSIONS).problem is None


def test_the_next_reading_stops_where_known_ground_begins(one_feed, now):
    report = Report(rows_until(now, 200))
    reader = one_feed(report)
    reader.plans = [polling.FeedPlan(key=PLANS[1].key, rescan_every=timedelta(days=9))]
    reader.read(now)
    asked = len(report.asked)
    report.rows.append(row(5000, now + timedelta(minutes=4)))
    reader.read(now + timedelta(minutes=5))
    assert len(report.asked) - asked <= 2


def test_two_beats_open_one_slot(store, now):
    for moment in (now, now, now + timedelta(seconds=3)):
        with store.write() as session:
            polling.due_slots(session, moment, PLANS)
    with store.write() as session:
        assert len(slots.take(session, polling.KIND, limit=10, now=now + timedelta(minutes=1))) == 2


def test_a_dead_hour_is_covered_by_one_reading(one_feed, now):
    report = Report(rows_until(now, 10))
    reader = one_feed(report)
    reader.plans = [polling.FeedPlan(key=PLANS[1].key, rescan_every=timedelta(days=9))]
    reader.read(now)
    report.rows += [row(100 + minute, now + timedelta(minutes=minute)) for minute in range(1, 60)]
    assert len(reader.read(now + timedelta(hours=1))) == 1
    assert total(reader, "conversions", now + timedelta(hours=1)) == 69


def test_a_stalled_feed_is_told_once(one_feed, now, store):
    reader = one_feed(Report(rows_until(now, 10)))
    reader.read(now)
    for minutes, told in ((5, 0), (40, 1), (50, 0)):
        with store.write() as session:
            assert len(polling.stalled(session, now + timedelta(minutes=minutes), reader.plans)) == told


def test_a_row_that_cannot_be_read_is_counted_as_such(one_feed, now):
    report = Report([row(1, now), row(2, now, payout="a lot"), row(3, now) | {"conversion_time": ""}])
    reader = one_feed(report)
    reader.read(now)
    feed = of_feed(reader, Kind.CONVERSIONS)
    assert (feed.refused_rows, "no readable time" in str(feed.problem) or "no number" in str(feed.problem)) == (2, True)


def test_a_costly_rescan_comes_less_often(store, now):
    feed = feeds.Feed(rescan_pages=10_000)
    assert polling.rescan_interval(PLANS[0], feed) > PLANS[0].rescan_every


def test_facts_speak_of_the_offers_that_have_traffic(reader, world: World):
    now = world.clock.now()
    offer = world.offer(clicks=240, conversions=12)
    reader.read(now)
    with reader.store.read() as session:
        facts = facts_for(session, reader.data(now), rule(), now)
        clicks = facts.measure("clicks", ("offer",), now - timedelta(days=2), now)
    assert ([subject.ids for subject in facts.subjects], clicks.values.tolist()) == ([(str(offer.number),)], [240.0])


def test_the_purpose_is_part_of_the_slot(now):
    key = polling.slot_key(PLANS[0].key, Purpose.RESCAN)
    assert polling.parse_key(key) == (PLANS[0].key, Purpose.RESCAN)
