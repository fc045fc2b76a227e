"""When a delivery is tried again, and when an endpoint is left alone."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.outbound.circuit_breaker import TRIP, Health, disabled, failed, succeeded
from bridge.outbound.http import Answer
from bridge.outbound.retry_schedule import RETRY_WAITS, wait
from bridge.outbound.signed_webhook import classify

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


def test_the_ladder_has_ten_steps_up_to_a_day():
    hours = [step.total_seconds() / 3600 for step in RETRY_WAITS[4:]]
    assert RETRY_WAITS[:4] == (timedelta(0), timedelta(seconds=5), timedelta(minutes=5), timedelta(minutes=30))
    assert hours == [2, 5, 10, 14, 20, 24]


def test_the_end_of_the_ladder_is_the_end():
    assert wait(9, dice=0.5) == timedelta(hours=24)
    assert wait(10, dice=0.5) is None


def test_waits_are_spread():
    assert wait(4, dice=0) == timedelta(hours=2) * 0.9
    assert wait(4, dice=1) == timedelta(hours=2) * 1.1


def test_a_receiver_may_ask_for_more_time_but_not_for_less():
    assert wait(1, dice=0.5, asked=timedelta(minutes=3)) == timedelta(minutes=3)
    assert wait(3, dice=0.5, asked=timedelta(seconds=1)) == timedelta(minutes=30)
    assert wait(1, dice=0.5, asked=timedelta(days=400)) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("Mon, 02 Mar 2026 12:01:00 GMT", 60),
        ("Mon, 02 Mar 2020 12:01:00 GMT", None),
        ("soon", None),
        ("1795939200", 3600),
    ],
)
def test_retry_after_comes_as_seconds_or_as_a_date(header, seconds):
    asked = classify(Answer(429, {"retry-after": header}, b""), NOW).asked
    assert asked == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("status", "result"),
    [(200, "taken"), (204, "taken"), (302, "again"), (404, "again"), (410, "gone"), (503, "again")],
)
def test_only_2xx_is_a_yes(status, result):
    assert classify(Answer(status, {}, b""), NOW).result == result


def test_five_failures_open_the_breaker_and_a_probe_tries_it():
    health = Health()
    for _ in range(TRIP):
        assert health.at_most(NOW) is None
        health = failed(health, NOW)
    assert health.at_most(NOW) == 0
    assert health.at_most(NOW + timedelta(minutes=1)) == 1
    assert succeeded(health).at_most(NOW) is None


def test_the_breaker_rests_longer_each_time_but_never_more_than_an_hour():
    health = Health()
    rests = []
    for _ in range(20):
        health = failed(health, NOW)
        rests.append(health.open_until and health.open_until - NOW)
    assert rests[4:7] == [timedelta(minutes=1), timedelta(minutes=2), timedelta(minutes=4)]
    assert rests[-1] == timedelta(hours=1)


def test_five_days_of_failures_switch_an_endpoint_off():
    health = failed(failed(Health(), NOW), NOW + timedelta(days=4, hours=23))
    assert health.disabled_at is None
    health = failed(health, NOW + timedelta(days=5))
    assert health.disabled_at == NOW + timedelta(days=5)
    assert health.at_most(NOW + timedelta(days=9)) == 0


def test_one_success_begins_the_five_days_anew():
    health = succeeded(failed(Health(), NOW))
    assert failed(health, NOW + timedelta(days=6)).disabled_at is None


def test_what_switched_an_endpoint_off_first_is_remembered():
    assert disabled(disabled(Health(), NOW, "410"), NOW, "later").disabled_why == "410"
