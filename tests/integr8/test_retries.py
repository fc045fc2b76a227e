"""What is made again, what is not, and after how long."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from bridge.integr8 import LocalBudget, errors, wait_before_retry
from bridge.integr8.error_text import retry_after

BUSY = (429, 500, 502, 503, 504)


@pytest.mark.parametrize("status", BUSY)
def test_a_read_is_repeated_until_it_works(client, integr8, double, status):
    integr8.will(double.says({}, status), double.says({}, status))
    assert client.offers.get("42")["name"] == "Summer"
    assert len(integr8.seen) == 3


@pytest.mark.parametrize("status", BUSY)
def test_an_absolute_write_is_repeated_too(client, integr8, double, status):
    integr8.will(double.says({}, status))
    client.offers.set_status(["42"], active=False)
    assert len(integr8.seen) == 2


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 405, 409, 501])
def test_a_clear_no_is_not_asked_again(client, integr8, double, status):
    integr8.script = lambda _: double.says({}, status)
    with pytest.raises(errors.ApiError):
        client.users.get("u1")
    assert len(integr8.seen) == 1


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_create_that_met_a_server_error_is_left_unknown(client, integr8, double, status):
    integr8.will(double.says({}, status))
    with pytest.raises(errors.OutcomeUnknown):
        client.publishers.create(name="n")
    assert len(integr8.seen) == 1


FATES = {
    "its answer never came": {"drop": True},
    "its answer took too long": {"delay": 1.0},
    "half of its answer came": {"body": b'{"created_item_id": "abc"}', "cut": 10},
    "its answer is not JSON": {"body": b'{"created_item'},
    "its answer has no id": {"body": b"{}"},
}


@pytest.mark.parametrize("fate", FATES)
def test_a_create_is_never_repeated_when(make_client, integr8, double, fate):
    integr8.will(double.Answer(**FATES[fate]))
    with pytest.raises(errors.OutcomeUnknown) as caught:
        make_client(timeout=0.5).publishers.create(name="n")
    assert integr8.lines == ["POST /api/v2/publishers"]
    assert "read the object before repeating" in str(caught.value)


@pytest.mark.parametrize("fate", [name for name in FATES if name != "its answer has no id"])
def test_a_read_is_repeated_when(make_client, integr8, double, fate):
    integr8.will(double.Answer(**FATES[fate]))
    assert make_client(timeout=0.5).offers.get("42")["name"] == "Summer"
    assert len(integr8.seen) == 2


def test_a_create_that_was_turned_away_is_made_again(client, integr8, double):
    integr8.will(double.says({}, 429, Retry_After="3"))
    assert client.publishers.create(name="n")["id"] == "wvv9f89xio"
    assert integr8.lines[:2] == ["POST /api/v2/publishers"] * 2


def test_a_start_of_an_export_is_not_repeated(client, integr8, double, now):
    integr8.will(double.Answer(drop=True))
    with pytest.raises(errors.OutcomeUnknown):
        client.downloads.clicks(now - timedelta(hours=1), now, fields=["payout"])
    assert len(integr8.seen) == 1


def test_a_delete_whose_answer_was_lost_is_done_when_the_object_is_gone(client, integr8, double):
    integr8.will(double.Answer(drop=True), double.says({}, 404))
    client.users.delete("u1")
    assert len(integr8.seen) == 2


def test_a_delete_of_nothing_is_not_found(client, integr8, double):
    integr8.will(double.says({}, 429), double.says({}, 404))
    with pytest.raises(errors.NotFound):
        client.users.delete("u1")


def test_what_nobody_listens_to_never_left(make_client, integr8):
    client = make_client()
    integr8.close()
    with pytest.raises(errors.Unreachable):
        client.publishers.create(name="n")


def test_retry_after_in_seconds_is_kept(client, integr8, double, clock):
    integr8.will(double.says({}, 429, Retry_After="7"))
    began = clock.now
    client.users.get("u1")
    assert clock.now - began >= 7


def test_retry_after_as_a_date_is_measured_by_the_servers_clock(now):
    stamps = {"date": "Mon, 02 Mar 2020 12:00:00 GMT", "retry-after": "Mon, 02 Mar 2020 12:00:09 GMT"}
    assert retry_after(stamps, now) == 9


def test_retry_after_as_a_date_is_measured_by_ours_where_the_server_tells_no_time(now):
    assert retry_after({"retry-after": format_datetime(now + timedelta(seconds=30))}, now) == 30
    assert retry_after({"retry-after": "Mon, 02 Mar 2020 12:00:09 GMT"}, now) == 0


@pytest.mark.parametrize(
    "value",
    ["1795939200", "1795939200000", "99999999999", "999999999999", "9" * 400, "Fri, 31 Dec 9999 23:59:59 GMT"],
)
def test_no_retry_after_is_longer_than_an_hour(now, value):
    assert retry_after({"retry-after": value}, now) == 3600


def test_a_date_in_retry_after_is_waited_for(client, integr8, double, clock):
    until = format_datetime(datetime.now(UTC) + timedelta(seconds=20), usegmt=True)
    integr8.will(double.says({}, 429, Retry_After=until))
    began = clock.now
    client.users.get("u1")
    assert 18 <= clock.now - began <= 22


def test_a_pause_longer_than_the_deadline_is_told_at_once(make_client, integr8, double, clock):
    integr8.will(double.says({}, 429, Retry_After="600"))
    with pytest.raises(errors.RateLimited) as caught:
        make_client().users.get("u1")
    assert caught.value.retry_after == 600
    assert clock.slept == []


def test_the_next_call_keeps_the_pause_as_well(make_client, integr8, double, clock):
    client = make_client(budget=LocalBudget(100, clock=clock))
    integr8.will(double.says({}, 429, Retry_After="600"))
    with pytest.raises(errors.RateLimited):
        client.users.get("u1")
    with pytest.raises(errors.BudgetExhausted) as caught:
        client.call("users.get", path={"userID": "u1"}, deadline=5)
    assert caught.value.wait == pytest.approx(600, abs=1)
    assert len(integr8.seen) == 1


def test_it_gives_up_in_the_end(client, integr8, double):
    integr8.script = lambda _: double.says({}, 500)
    with pytest.raises(errors.ServerError):
        client.users.get("u1")
    assert len(integr8.seen) == 6


def test_backoff_doubles_under_full_jitter():
    error = errors.ServerError("users.list", status=500)
    longest = [wait_before_retry(error, attempt, jitter=lambda: 1.0) for attempt in range(1, 7)]
    assert longest == [*(timedelta(seconds=0.5 * 2**step) for step in range(5)), None]
    assert wait_before_retry(error, 3, jitter=lambda: 0.0) == timedelta(0)


@pytest.mark.parametrize("value", ["soon", "-3", "", "1e9", "Mon, 99 Foo"])
def test_an_unreadable_retry_after_is_no_retry_after(client, integr8, double, value):
    integr8.will(double.says({}, 429, Retry_After=value))
    client.users.get("u1")
    assert len(integr8.seen) == 2


@pytest.mark.parametrize(
    "value", ["", "-5", "soon", "1e9", "nan", "inf", "0x10", "\u0661\u0662", "1,5", "12 s", "Tue, 99 Foo"]
)
def test_a_pause_that_cannot_be_read_is_none(now, value):
    assert retry_after({"retry-after": value}, now) is None


@pytest.mark.parametrize("value", ["0", "0.0", "Mon, 01 Jan 0001 00:00:00 +2359", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_a_moment_that_is_past_asks_for_no_pause(now, value):
    assert retry_after({"retry-after": value}, now) == 0
