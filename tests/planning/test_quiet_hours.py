"""Hours in which a rule decides but does nothing, over midnight and over clock changes."""

from datetime import UTC, datetime, time, timedelta

import pytest

from rules.model.local_time import end_of, instant, next_midnight, say
from rules.model.plan import Outcome
from rules.model.revision import Guards, Quiet
from tests.planning.builders import NO, NOW, hold, look, paused, paused_by, rule, why

BERLIN = "Europe/Berlin"
NIGHT = Quiet(time(22), time(7), BERLIN)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "ends"),
    [
        ("2026-11-24T21:00", "2026-11-25T06:00"),  # 22:00 in Berlin: the first minute
        ("2026-11-24T23:30", "2026-11-25T06:00"),
        ("2026-11-25T05:59", "2026-11-25T06:00"),
        ("2026-11-25T06:00", None),
        ("2026-11-24T20:59", None),
    ],
)
def test_a_quiet_night_crosses_midnight(moment, ends):
    assert end_of(NIGHT, at(moment)) == (at(ends) if ends else None)


def test_the_night_is_an_hour_shorter_when_the_clock_goes_forward():
    start = at("2026-03-28T21:00")
    assert end_of(NIGHT, start) == start + timedelta(hours=8)


def test_the_night_is_an_hour_longer_when_the_clock_goes_back():
    start = at("2026-10-24T20:00")
    assert end_of(NIGHT, start) == start + timedelta(hours=10)


def test_hours_that_end_in_the_repeated_hour_stay_one_stretch():
    hours = Quiet(time(22), time(2, 30), BERLIN)
    assert end_of(hours, at("2026-10-25T00:45")) == at("2026-10-25T01:30")
    assert end_of(hours, at("2026-10-25T01:29")) == at("2026-10-25T01:30")


def test_a_night_belongs_to_the_day_on_which_it_begins():
    friday = Quiet(time(22), time(7), "UTC", days=(4,))
    assert end_of(friday, at("2026-11-28T03:00")) is not None  # Saturday morning
    assert end_of(friday, at("2026-11-27T03:00")) is None  # Friday morning


def test_equal_times_mean_the_whole_day():
    assert end_of(Quiet(time(0), time(0), BERLIN), NOW) is not None


def test_a_rule_does_nothing_in_its_quiet_hours_and_says_until_when():
    found = look(rule(guards=Guards(quiet=(NIGHT,))), "1", now=at("2026-11-24T23:30"))
    assert (found.outcome, why(found)) == (Outcome.STOPPED, ["quiet"])
    assert "25 Nov 2026 07:00 Europe/Berlin" in found.stops[0].message


def test_in_quiet_hours_holds_do_not_end_either():
    known = paused("1", hold("1", until=at("2026-11-24T23:00")))
    found = look(rule(guards=Guards(quiet=(NIGHT,))), {"1": NO}, known, now=at("2026-11-24T23:30"))
    assert (found.releases, found.ended, found.outcome) == ((), (), Outcome.STOPPED)


def test_a_rule_with_working_hours_acts_only_inside_them():
    office = Guards(active=(Quiet(time(9), time(17), BERLIN, days=(0, 1, 2, 3, 4)),))
    assert paused_by(look(rule(guards=office), "1", now=at("2026-11-24T10:00"))) == ["1"]
    assert why(look(rule(guards=office), "1", now=at("2026-11-24T17:00"))) == ["active"]
    assert why(look(rule(guards=office), "1", now=at("2026-11-28T10:00"))) == ["active"]


def test_midnight_is_the_next_one_also_when_it_is_midnight_now():
    assert next_midnight(at("2026-11-24T23:00"), BERLIN) == at("2026-11-25T23:00")


def test_a_midnight_that_does_not_exist_is_the_moment_after_the_gap():
    # in Beirut the clock goes from 00:00 to 01:00 on 29 March 2026
    assert next_midnight(at("2026-03-28T12:00"), "Asia/Beirut") == at("2026-03-28T22:00")


def test_a_time_that_comes_twice_is_the_first_or_the_last_of_the_two():
    day = datetime(2026, 10, 25, tzinfo=UTC).date()
    assert instant(day, time(2, 30), BERLIN) == at("2026-10-25T00:30")
    assert instant(day, time(2, 30), BERLIN, last=True) == at("2026-10-25T01:30")


def test_moments_are_told_in_the_local_time_of_the_rule():
    assert say(NOW, BERLIN) == "24 Nov 2026 11:00 Europe/Berlin"
