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
from rules.model.hours import last_midnight

EXPRESSIONS = (
    "*/15 * * * *", "0 * * * *", "30 2 * * *", "0 0 * * *", "15,45 1-3 * * *", "*/20 2 * * *", "30 */2 * * *",
    "59 23 * * *", "0 12 1 * *", "10 1 * * 0",
)  # fmt: skip
BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2029, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@cache
def changes(zone):
    """The hours after which the offset of a zone is another one."""
    hours = [BEGIN + HOUR * n for n in range(int((END - BEGIN) / HOUR))]
    offsets = [hour.astimezone(ZoneInfo(zone)).utcoffset() for hour in hours]
    return [hours[n] for n in range(1, len(hours)) if offsets[n] != offsets[n - 1]]


@cache
def nights():
    """(zone, change) for each pattern of changes once."""
    zones = {tuple(changes(zone)): zone for zone in sorted(available_timezones()) if changes(zone)}
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
    assert latest(expression, zone, now) == forwards(expression, zone, now - timedelta(days=40), now)[-1]


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
