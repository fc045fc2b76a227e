"""Sliding sums against a second, slow calculation that shares nothing with them, on made-up data."""

import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bridge.reports import compression, report_rows, row_changes, row_identity
from bridge.reports.fact_batch import NUMBERS, Batch, join
from bridge.reports.past_facts import Past
from bridge.reports.report_rows import read
from bridge.reports.row_changes import KnownRows
from bridge.reports.windows import Edges, Windows
from bridge.store.feeds import Kind
from rules.evaluation.windows import period
from rules.model.facts import Subject
from rules.model.revision import Calendar

T0 = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)
STATUSES = ("Approved", "Rejected", "Pending")
METRICS = ("conversions", "approved", "rejected", "pending", "payout", "revenue")


@dataclass(frozen=True)
class Version:
    """How one row looked at one reading."""

    tx: int
    minute: int  # of the event
    seen: int
    offer: str
    publisher: str
    status: str
    payout: Decimal

    def row(self) -> dict[str, object]:
        return {
            "real_tx_id": f"{self.tx:026d}",
            "conversion_time": (T0 + timedelta(minutes=self.minute)).strftime("%Y-%m-%d %H:%M:%S"),
            "offer_id": self.offer,
            "publisher": self.publisher,
            "status": self.status,
            "payout": str(self.payout),
            "revenue": str(self.payout * 2),
        }


money = st.decimals("0", "99.999999", places=6)
versions = st.builds(
    Version,
    tx=st.integers(1, 12),
    minute=st.just(0),
    seen=st.integers(0, 400),
    offer=st.sampled_from(["1", "2", "3"]),
    publisher=st.sampled_from(["a", "b"]),
    status=st.sampled_from(STATUSES),
    payout=money,
)
# One transaction has one event time, whatever else about it changes, and no two readings at one time.
readings = st.lists(versions, max_size=40, unique_by=lambda one: (one.tx, one.seen)).map(
    lambda found: sorted(
        (
            Version(v.tx, v.tx * 29 % 300, v.seen + v.tx * 29 % 300, v.offer, v.publisher, v.status, v.payout)
            for v in found
        ),
        key=lambda one: one.seen,
    )
)
looks = st.lists(st.tuples(st.integers(0, 720), st.integers(1, 300), st.integers(0, 60)), min_size=1, max_size=12)


def facts_of(history: list[Version]) -> list[Batch]:
    """What polling writes down, one reading after the other."""
    written: list[Batch] = []
    for version in history:
        seen = T0 + timedelta(minutes=version.seen)
        found = row_changes.difference(KnownRows.of(written), read(Kind.CONVERSIONS, [version.row()], seen).batch, seen)
        if len(found.facts):
            written.append(found.facts)
    return written


def slowly(history: list[Version], metric: str, start: int, end: int, known: int) -> dict[tuple[str, str], int]:
    """The same from the rows as they looked at `known`, without any of our columns. Minutes."""
    latest: dict[int, Version] = {}
    for version in history:
        if version.seen <= known:
            latest[version.tx] = version
    found: dict[tuple[str, str], int] = {}
    for one in latest.values():
        if not start <= one.minute < end:
            continue
        owed = Decimal(0) if one.status == "Rejected" else one.payout
        amount = {
            "conversions": 1,
            "payout": int(owed * 1_000_000),
            "revenue": int(owed * 2_000_000),
        }.get(metric, int(one.status.lower() == metric))
        key = (one.offer, one.publisher)
        found[key] = found.get(key, 0) + amount
    return {key: amount for key, amount in found.items() if amount}


def seen_at(minute: int) -> datetime:
    return T0 + timedelta(minutes=minute)


def minutes(edge: int) -> int:
    return int((T0 + timedelta(minutes=edge)).timestamp())


def quickly(windows: Windows, metric: str, start: int, end: int, known: int) -> dict[tuple[str, ...], int]:
    per = ("offer", "publisher")
    totals = windows.totals(Kind.CONVERSIONS, metric, per, Edges(minutes(start), minutes(end), minutes(known)))
    names = windows.subjects.known(per)
    return {names[code]: int(totals[code]) for code in np.flatnonzero(totals)}


@settings(max_examples=60)
@given(history=readings, asked=looks, metric=st.sampled_from(METRICS))
def test_sums_that_slide_forwards_in_time_are_exact(history, asked, metric):
    windows = Windows()
    windows.load(Kind.CONVERSIONS, facts_of(history))
    for now, length, settle in sorted(asked):
        start, end = now - settle - length, now - settle
        assert quickly(windows, metric, start, end, now) == slowly(history, metric, start, end, now)


@settings(max_examples=40)
@given(history=readings, asked=looks, metric=st.sampled_from(METRICS))
def test_sums_are_exact_whatever_is_asked_after_what(history, asked, metric):
    windows = Windows()
    windows.load(Kind.CONVERSIONS, facts_of(history))
    for now, length, settle in asked:
        assert quickly(windows, metric, now - length, now + settle, now) == slowly(
            history, metric, now - length, now + settle, now
        )


@settings(max_examples=40)
@given(history=readings, asked=looks, metric=st.sampled_from(METRICS))
def test_facts_that_arrive_between_two_questions_are_in_the_second(history, asked, metric):
    windows, waiting = Windows(), facts_of(history)
    for now, length, settle in sorted(asked):
        ready = [batch for batch in waiting if int(batch.seen[0]) <= minutes(now)]
        waiting = waiting[len(ready) :]
        for batch in ready:
            windows.load(Kind.CONVERSIONS, [batch])
        start, end = now - settle - length, now - settle
        assert quickly(windows, metric, start, end, now) == slowly(history, metric, start, end, now)


@settings(max_examples=40)
@given(history=readings)
def test_packing_and_unpacking_change_nothing(history):
    batch = join(facts_of(history))
    again = compression.unpack(compression.pack(batch))
    assert all((getattr(again, name) == getattr(batch, name)).all() for name in NUMBERS)
    assert all(again.column(name).texts() == batch.column(name).texts() for name in batch.labels)


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=30)))
def test_any_transaction_id_is_kept_as_it_is(ids):
    high, low, texts = row_identity.pack(ids)
    assert row_identity.unpack(high, low, texts) == ids


def test_a_ulid_takes_two_numbers_and_no_text():
    high, low, texts = row_identity.pack(["01HVMM5SAS879C0AQZ295VEVN9", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"])
    assert texts == ["", ""]
    assert row_identity.unpack(high, low, texts) == ["01HVMM5SAS879C0AQZ295VEVN9", "7ZZZZZZZZZZZZZZZZZZZZZZZZZ"]


@pytest.mark.parametrize("cut", [0, 3, 20, -1])
def test_a_chunk_that_was_cut_off_is_refused(cut):
    whole = compression.pack(
        read(Kind.CONVERSIONS, [Version(1, 1, 1, "1", "a", "Approved", Decimal(1)).row()], T0).batch
    )
    with pytest.raises(compression.NotAChunk):
        compression.unpack(whole[:cut])


DAY = 24 * 60
loads = st.tuples(st.integers(1, 400), st.lists(st.integers(1, 30), min_size=33, max_size=80), st.integers(0, 2**32))


def told(number: int, made: random.Random, seen: int) -> Version:
    """A row of the last day before a reading at minute `seen`."""
    return Version(number, seen - made.randrange(DAY), seen, made.choice("123"), "a", "Approved", Decimal(1))


@settings(max_examples=25)
@given(drawn=loads)
@example(drawn=(1000, [10] * 40, 0))
def test_readings_of_any_size_over_days_are_counted_as_a_recount_counts_them(drawn):
    first, sizes, seed = drawn
    made, windows, history = random.Random(seed), Windows(), []
    for number, size in enumerate([first, *sizes]):
        seen = number * 97
        rows_read = [told(len(history) + one, made, seen) for one in range(size)]
        history += rows_read
        windows.load(Kind.CONVERSIONS, [read(Kind.CONVERSIONS, [one.row() for one in rows_read], seen_at(seen)).batch])
        if made.random() < 0.3:
            edges = (seen - made.randrange(3 * DAY), seen, seen)
            assert quickly(windows, "conversions", *edges) == slowly(history, "conversions", *edges)
    assert windows.held() == len(history)


@settings(max_examples=60)
@given(history=readings, random=st.randoms(use_true_random=False))
def test_what_is_known_does_not_depend_on_the_order_of_the_chunks(history, random):
    written = facts_of(history)
    shuffled = random.sample(written, len(written))
    known, again = KnownRows.of(written), KnownRows.of(shuffled)
    assert known.keys.tolist() == again.keys.tolist()
    assert known.rows.payout.tolist() == again.rows.payout.tolist()
    assert known.rows.column("offer").texts() == again.rows.column("offer").texts()


def by_the_hour(day: datetime, hours: int) -> Past:
    """One click in the middle of every hour."""
    times = [day + timedelta(hours=hour, minutes=30) for hour in range(hours)]
    given_rows = [
        {"real_tx_id": f"{number:026d}", "request_time": at.strftime("%Y-%m-%d %H:%M:%S"), "offer_id": "1"}
        for number, at in enumerate(times)
    ]
    windows = Windows()
    windows.load(Kind.CLICKS, [report_rows.read(Kind.CLICKS, given_rows, day).batch])
    return Past(windows=windows, subjects=(Subject(("offer",), ("1",)),))


@pytest.mark.parametrize(
    ("day", "zone", "hours"),
    [
        ((2026, 3, 29), "Europe/Berlin", 23),  # clocks go forward
        ((2026, 10, 25), "Europe/Berlin", 25),  # and back
        ((2028, 2, 29), "UTC", 24),  # a leap day
        ((2026, 3, 8), "America/New_York", 23),
        ((2026, 6, 15), "Asia/Kolkata", 24),
    ],
)
def test_a_calendar_day_holds_the_hours_that_it_really_has(day, zone, hours):
    noon = datetime(*day, 15, tzinfo=ZoneInfo(zone)).astimezone(UTC)
    past = by_the_hour(noon - timedelta(days=2), 120)
    start, end = period(Calendar("today"), noon, zone)
    column = past.hindsight(noon).measure("clicks", ("offer",), start, end)
    assert column.values.tolist() == [float(hours)]


def test_a_row_belongs_to_the_window_that_begins_with_it_and_not_to_the_one_that_ends_with_it():
    past = by_the_hour(T0, 3)
    edge = T0 + timedelta(hours=1, minutes=30)
    ask = past.hindsight(T0).measure
    before, after = ask("clicks", ("offer",), T0, edge), ask("clicks", ("offer",), edge, edge + timedelta(hours=9))
    assert (before.values.tolist(), after.values.tolist()) == ([1.0], [2.0])


def test_unreplaced_macros_and_absurd_amounts_are_no_values():
    found = read(
        Kind.POSTBACKS,
        [
            {"transaction_id": "a", "conversion_time": T0, "offer": "{offer}", "payout": "{payout}"},
            {"transaction_id": "b", "conversion_time": T0, "payout": "1e99"},
            {"transaction_id": "{transaction_id}", "conversion_time": T0},
        ],
        T0,
    )
    assert (len(found.batch), found.batch.column("offer").texts(), len(found.refused)) == (1, [""], 2)


@pytest.mark.parametrize(
    "written",
    [
        "2026-03-28 12:00:00",
        "2026-03-28T12:00:00Z",
        "2026-03-28T13:00:00+01:00",
        1774699200,
        "1774699200",
        1774699200000,
    ],
)
def test_times_are_read_in_every_spelling(written):
    found = read(Kind.CONVERSIONS, [{"real_tx_id": "a", "conversion_time": written}], T0)
    assert found.batch.event.tolist() == [int(T0.timestamp())]
