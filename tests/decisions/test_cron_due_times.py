"""Due times of cron rules, found backwards from any minute, are those that cronsim yields forwards: above all in the
nights in which the clock changes."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pytest
from cronsim import CronSim
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.decisions.cron import latest
from rules.model.local_time import last_midnight

EXPRESSIONS = (
    "*/15 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "*/20 2 * * *", "30 */2 * * *",
    "59 23 * * *", "0 12 1 * *", "10 1 * * 0",
)  # fmt: skip
DAYS = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=n) for n in range(3 * 365 + 1)]
HOURS = [timedelta(hours=n) for n in range(25)]


def changes(zone):
    """The hours from which on the offset of a zone is another one. Days first: no zone changes twice in a day."""
    there = ZoneInfo(zone)
    offsets = [day.astimezone(there).utcoffset() for day in DAYS]
    days = [day for day, before, after in zip(DAYS, offsets, offsets[1:], strict=False) if before != after]
    return tuple(
        next(
            day + hour
            for hour in HOURS
            if (day + hour).astimezone(there).utcoffset() != day.astimezone(there).utcoffset()
        )
        for day in days
    )


@cache
def nights():
    """(zone, change) for each pattern of changes once."""
    zones = {changes(zone): zone for zone in sorted(available_timezones())}
    return [(zone, change) for at, zone in zones.items() for change in at]


def forwards(expression, zone, begin, end):
    slots = []
    for local in CronSim(expression, begin.astimezone(ZoneInfo(zone))):
        if local.astimezone(UTC) > end:
            return slots
        slots.append(local.astimezone(UTC))
    return slots


@settings(max_examples=60)
@given(st.data(), st.sampled_from(EXPRESSIONS), st.integers(-180, 180))
def test_the_newest_due_time_is_the_one_that_the_search_forwards_finds(data, expression, minutes):
    zone, change = data.draw(st.sampled_from(nights()))
    now = change + timedelta(minutes=minutes)
    back = timedelta(days=40) if expression.endswith(("1 * *", "* * 0")) else timedelta(days=3)
    assert latest(expression, zone, now) == forwards(expression, zone, now - back, now)[-1]


def test_no_quarter_of_the_repeated_hour_is_passed_over():
    begin = datetime(2026, 10, 25, 0, 0, tzinfo=UTC)
    found = {latest("*/15 * * * *", "Europe/Berlin", begin + timedelta(minutes=n)) for n in range(150)}
    assert sorted(found) == [begin + timedelta(minutes=15) * n for n in range(10)]


@pytest.mark.parametrize("expression", ["0 0 30 2 1", "0 0 29 2 *"])
def test_a_rule_that_is_hardly_ever_due_costs_no_search_of_years(expression):
    assert latest(expression, "Europe/Berlin", datetime(2026, 11, 29, tzinfo=UTC)) is not None


@pytest.mark.parametrize("minutes", [0, 30, 59, 60, 90, 119])
def test_a_day_begins_at_the_first_of_two_midnights(minutes):
    """In Havana the clock goes back from 01:00 to 00:00 on 1 November 2026."""
    first = datetime(2026, 11, 1, 4, 0, tzinfo=UTC)
    assert last_midnight(first + timedelta(minutes=minutes), "America/Havana") == first
