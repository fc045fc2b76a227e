"""How long a hold lasts."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.model.revision import HoldFor
from rules.planning.holds import LAST_TIMED, is_over, until
from tests.planning.builders import HOUR, NOW, hold

ZONES = st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "Asia/Kolkata"])
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001
DURATIONS = st.timedeltas(timedelta(minutes=1), timedelta(days=30))


@pytest.mark.parametrize(("count", "hours"), [(1, 12), (2, 24), (3, 48)])
def test_each_hold_in_a_row_is_twice_as_long(count, hours):
    assert until(HoldFor("duration", 12 * HOUR), count, NOW, "UTC") == NOW + hours * HOUR


def test_the_fourth_is_for_a_person():
    assert until(HoldFor("duration", 12 * HOUR), LAST_TIMED + 1, NOW, "UTC") is None


def test_a_daily_ceiling_that_is_reached_every_day_is_no_flapping():
    assert until(HoldFor("midnight"), 9, NOW, "UTC") == NOW + 14 * HOUR


def test_only_holds_whose_time_is_up_end():
    over, running, manual = hold("1", until=NOW), hold("2", until=NOW + HOUR), hold("3", until=None)
    assert [is_over(one, NOW) for one in (over, running, manual)] == [True, False, False]


@given(MOMENTS, DURATIONS, ZONES, st.integers(1, LAST_TIMED))
def test_a_duration_is_real_time_whatever_the_clock_does(start, duration, tz, count):
    end = until(HoldFor("duration", duration), count, start, tz)
    assert end is not None
    assert end - start == duration * 2 ** (count - 1)


@given(MOMENTS, ZONES)
def test_a_hold_until_midnight_ends_with_the_local_day(start, tz):
    end = until(HoldFor("midnight"), 1, start, tz)
    assert end is not None
    before, after = (end - timedelta(seconds=1)).astimezone(ZoneInfo(tz)), end.astimezone(ZoneInfo(tz))
    assert timedelta(0) < end - start <= timedelta(hours=25)
    assert before.date() == start.astimezone(ZoneInfo(tz)).date()
    assert after.date() > before.date()
