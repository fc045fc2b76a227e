from datetime import UTC, datetime, timedelta

import pytest

from rules.evaluation.windows import TimeRange, before, earlier, period, same_hours, time_range
from rules.model.revision import Calendar, Rolling

BERLIN = "Europe/Berlin"  # clocks go forward on 2026-03-29 at 02:00 and back on 2026-10-25 at 03:00
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_rolling_window_is_elapsed_time_even_when_the_clocks_change():
    found = time_range(Rolling(DAY), at("2026-03-29T12:00"), timedelta(0), BERLIN)
    assert found == TimeRange(at("2026-03-28T12:00"), at("2026-03-29T12:00"))


def test_a_rolling_window_moves_back_by_what_has_to_settle():
    assert time_range(Rolling(DAY), at("2026-03-04T12:00"), HOUR, "UTC").end == at("2026-03-04T11:00")


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-28T12:00", 24), ("2026-03-29T12:00", 23), ("2026-10-25T12:00", 25)]
)
def test_a_day_has_the_hours_that_the_clock_on_the_wall_gives_it(day, hours):
    start, end = period(Calendar("today"), at(day), BERLIN)
    assert end - start == hours * HOUR


def test_today_begins_at_local_midnight():
    found = time_range(Calendar("today"), at("2026-03-04T00:30"), timedelta(0), BERLIN)
    assert found == TimeRange(at("2026-03-03T23:00"), at("2026-03-04T00:30"))


def test_yesterday_is_whole_and_in_the_zone():
    found = time_range(Calendar("yesterday"), at("2026-03-30T08:00"), timedelta(0), BERLIN)
    assert found == TimeRange(at("2026-03-28T23:00"), at("2026-03-29T22:00"))


def test_a_calendar_window_loses_its_end_to_settle_and_keeps_its_start():
    found = time_range(Calendar("today"), at("2026-03-04T12:00"), HOUR, "UTC")
    assert found == TimeRange(at("2026-03-04T00:00"), at("2026-03-04T11:00"))


def test_today_is_empty_while_its_first_minutes_settle():
    assert time_range(Calendar("today"), at("2026-03-04T00:10"), HOUR, "UTC").empty


@pytest.mark.parametrize(
    ("unit", "start", "end"),
    [
        ("this_hour", "2026-03-04T12:00", "2026-03-04T13:00"),
        ("last_week", "2026-02-23T00:00", "2026-03-02T00:00"),
        ("last_month", "2026-02-01T00:00", "2026-03-01T00:00"),
        ("month_to_date", "2026-03-01T00:00", "2026-04-01T00:00"),
    ],
)
def test_a_calendar_window_has_the_edges_that_its_name_says(unit, start, end):
    assert period(Calendar(unit), at("2026-03-04T12:40"), "UTC") == (at(start), at(end))


@pytest.mark.parametrize("minute", ["00:20", "01:20"])
def test_of_an_hour_that_comes_twice_each_is_an_hour(minute):
    start, end = period(Calendar("this_hour"), at(f"2026-10-25T{minute}"), BERLIN)
    assert (start, end) == (at(f"2026-10-25T{minute[:2]}:00"), at(f"2026-10-25T{minute[:2]}:00") + HOUR)


@pytest.mark.parametrize(
    ("now", "window", "baseline", "start", "end"),
    [
        ("2026-03-03T12:30", "month_to_date", "last_month", "2026-02-01T00:00", "2026-02-03T12:30"),
        ("2026-03-31T12:30", "this_month", "last_month", "2026-02-01T00:00", "2026-03-01T00:00"),  # there is no 31st
        ("2026-01-15T08:00", "month_to_date", "last_month", "2025-12-01T00:00", "2025-12-15T08:00"),
        ("2026-03-04T09:00", "this_week", "last_week", "2026-02-23T00:00", "2026-02-25T09:00"),
        ("2026-03-04T09:00", "today", "last_week", "2026-02-23T00:00", "2026-03-02T00:00"),
    ],
)
def test_what_still_grows_is_compared_with_the_same_part(now, window, baseline, start, end):
    current = time_range(Calendar(window), at(now), timedelta(0), "UTC")
    found = before(current, Calendar(baseline), at(now), "UTC", Calendar(window))
    assert found == TimeRange(at(start), at(end))


def test_the_same_part_follows_the_clock_on_the_wall():
    now = at("2026-04-03T10:00")  # noon in Berlin, an hour earlier than a month before
    current = time_range(Calendar("month_to_date"), now, timedelta(0), BERLIN)
    found = before(current, Calendar("last_month"), now, BERLIN, Calendar("month_to_date"))
    assert found == TimeRange(at("2026-02-28T23:00"), at("2026-03-03T11:00"))


def test_a_week_begins_on_monday():
    assert period(Calendar("this_week"), at("2026-03-08T23:30"), "UTC") == (
        at("2026-03-02T00:00"),
        at("2026-03-09T00:00"),
    )


def test_a_month_crosses_the_year():
    assert period(Calendar("this_month"), at("2026-12-31T23:30"), "UTC") == (
        at("2026-12-01T00:00"),
        at("2027-01-01T00:00"),
    )


def test_a_leap_day_is_a_day():
    assert period(Calendar("today"), at("2028-02-29T12:00"), "UTC")[1] == at("2028-03-01T00:00")


def test_a_day_that_has_no_midnight_begins_when_the_gap_ends():
    start, end = period(Calendar("today"), at("2026-09-06T12:00"), "America/Santiago")  # 0:00 does not exist
    assert end - start == 23 * HOUR
    assert start == at("2026-09-06T04:00")


def test_a_week_earlier_is_the_same_hour_on_the_wall():
    assert earlier(at("2026-03-30T08:00"), 7 * DAY, BERLIN) == at("2026-03-23T09:00")
    assert earlier(at("2026-03-30T08:00"), 36 * HOUR, BERLIN) == at("2026-03-28T20:00")


def test_the_baseline_ends_where_the_present_window_begins():
    current = TimeRange(at("2026-03-03T12:00"), at("2026-03-04T12:00"))
    assert before(current, Rolling(7 * DAY), at("2026-03-04T12:00"), "UTC") == TimeRange(
        at("2026-02-24T12:00"), at("2026-03-03T12:00")
    )


def test_the_same_hours_follow_the_wall_clock_over_the_change():
    current = TimeRange(at("2026-03-30T06:00"), at("2026-03-30T08:00"))  # 8:00 to 10:00 in Berlin, summer time
    assert same_hours(current, 2, BERLIN) == (
        TimeRange(at("2026-03-29T06:00"), at("2026-03-29T08:00")),
        TimeRange(at("2026-03-28T07:00"), at("2026-03-28T09:00")),
    )
