"""The rate budget: never over the limit, urgent first, smaller after a 429, closed when it cannot see."""

import math
import subprocess
import sys
from pathlib import Path

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bridge.integr8 import BudgetUnavailable, LocalBudget, Outcome, Priority, RedisBudget, budget_key, errors
from bridge.integr8.rate_budget import acquire
from bridge.integr8.rate_limiter import COUNTED_AFTER, GROW_BY, GROW_EVERY, HELD, Pace


def _fullest(arrivals, length=1.0):
    return max((sum(1 for at in arrivals if start <= at < start + length) for start in arrivals), default=0)


# --- the window ------------------------------------------------------------------------------------


@given(
    rate=st.sampled_from([0.5, 1, 2.5, 5, 20]),
    burst=st.integers(1, 12),
    delays=st.lists(st.floats(0, COUNTED_AFTER), min_size=40, max_size=40),
    answers=st.lists(st.floats(0, 3), min_size=40, max_size=40),
)
def test_no_second_of_the_server_ever_holds_more_than_the_limit(rate, burst, delays, answers):
    """Each request arrives at some time after its slot was granted, and is answered some time later still."""
    pace, now, arrivals, open_calls = Pace(rate, burst), 100.0, [], []
    for number, (delay, answer) in enumerate(zip(delays, answers, strict=True)):
        token = str(number)
        while True:
            for ended in [one for one in open_calls if one[0] <= now]:
                open_calls.remove(ended)
                pace.settle(ended[0], ended[1], Outcome.ANSWERED)
            wait = pace.ask(now, Priority.NORMAL, token)
            if wait == 0:
                break
            now += min([wait, *(max(one[0] - now, 0.0005) for one in open_calls)])
        pace.sent(now, token)
        arrivals.append(now + delay)
        open_calls.append((now + delay + answer, token))
    assert _fullest(arrivals) <= max(rate, burst)


def test_the_limit_is_used(clock):
    budget, calls = LocalBudget(5, clock=clock), 0
    began = clock.now
    while clock.now - began < 60:
        token = acquire(budget, clock=clock, sleep=clock.sleep)
        clock.now += 0.002
        budget.settle(token, Outcome.ANSWERED)
        calls += 1
    assert calls / 60 >= 0.95 * 5


def test_a_burst_is_paid_back(clock):
    budget, arrivals = LocalBudget(5, burst=10, clock=clock), []
    for _ in range(30):
        budget.settle(acquire(budget, clock=clock, sleep=clock.sleep), Outcome.ANSWERED)
        arrivals.append(clock.now)
    assert _fullest(arrivals) == 10
    assert arrivals[-1] - arrivals[0] >= (30 - 10) / 5


def test_a_caller_that_died_holds_its_slot_for_a_while_only():
    pace = Pace(1, 1)
    assert pace.ask(0, Priority.NORMAL, "dead") == 0
    assert pace.ask(HELD - 1, Priority.NORMAL, "next") > 0
    assert pace.ask(HELD + 1, Priority.NORMAL, "next") == 0


def test_a_request_that_never_left_gives_its_slot_back():
    pace = Pace(1, 1)
    pace.ask(0, Priority.NORMAL, "a")
    pace.settle(0.1, "a", Outcome.UNSENT)
    assert pace.ask(0.1, Priority.NORMAL, "b") == 0


# --- lanes -----------------------------------------------------------------------------------------


def test_an_urgent_call_overtakes_those_that_wait():
    pace = Pace(1, 1)
    pace.ask(0, Priority.BULK, "first")
    pace.settle(0, "first", Outcome.ANSWERED)
    assert pace.ask(0.5, Priority.BULK, "bulk") > 0
    assert pace.ask(0.6, Priority.URGENT, "pause") > 0
    assert pace.ask(1.01, Priority.BULK, "bulk") > 0
    assert pace.ask(1.02, Priority.URGENT, "pause") == 0


def test_an_idle_lane_holds_nobody_up():
    pace = Pace(5, 5)
    pace.ask(0, Priority.URGENT, "a")
    assert pace.ask(0.01, Priority.BULK, "b") == 0


def test_bulk_work_does_not_starve_and_does_not_hinder(clock):
    budget, done = LocalBudget(5, clock=clock), {Priority.URGENT: 0, Priority.BULK: 0}
    until = clock.now + 60
    while clock.now < until:
        for priority in (Priority.URGENT, Priority.BULK):  # both have more to do at any time
            while budget.ask(priority, f"{priority}{done[priority]}") == 0:
                budget.settle(f"{priority}{done[priority]}", Outcome.ANSWERED)
                done[priority] += 1
        clock.now += 0.01
    assert 10 <= done[Priority.BULK] <= 20
    assert done[Priority.URGENT] >= 270


def test_a_wait_beyond_the_deadline_is_refused_at_once(clock):
    budget = LocalBudget(1, clock=clock)
    budget.settle(acquire(budget, clock=clock, sleep=clock.sleep), Outcome.ANSWERED)
    with pytest.raises(errors.BudgetExhausted) as caught:
        acquire(budget, deadline=0.2, clock=clock, sleep=clock.sleep)
    assert caught.value.wait == pytest.approx(1.0)
    assert clock.slept == []


# --- learning --------------------------------------------------------------------------------------


def test_a_429_halves_the_rate_once_for_all_that_were_on_their_way():
    pace = Pace(8, 8)
    for token in "abcd":
        pace.ask(0, Priority.NORMAL, token)
    for token in "abcd":
        pace.settle(0.1, token, Outcome.THROTTLED, 2.0)
    assert pace.share == 0.5
    assert pace.state(0.1).closed_for == 2.0


def test_the_pause_that_the_server_named_is_kept():
    pace = Pace(8, 8)
    pace.settle(0, "a", Outcome.THROTTLED, 30.0)
    assert pace.ask(1, Priority.URGENT, "b") == pytest.approx(29)
    assert pace.ask(30.1, Priority.URGENT, "b") == 0


def test_without_a_named_pause_ours_doubles_until_something_works():
    pace, waits = Pace(8, 8), []
    for now in (0.0, 100.0, 200.0):
        pace.settle(now, "a", Outcome.THROTTLED)
        waits.append(pace.ask(now, Priority.NORMAL, "b"))
    assert waits == pytest.approx([0.5, 1.0, 2.0])
    pace.settle(300, "c", Outcome.ANSWERED)
    pace.settle(400, "d", Outcome.THROTTLED)
    assert pace.ask(400, Priority.NORMAL, "b") == pytest.approx(0.5)


def test_success_grows_the_rate_back_by_steps():
    pace = Pace(10, 10)
    pace.settle(0, "a", Outcome.THROTTLED)
    steps = math.ceil(0.5 / GROW_BY)
    for number in range(steps):
        assert pace.share < 1
        pace.settle((number + 1) * GROW_EVERY, "b", Outcome.ANSWERED)
    assert pace.share == pytest.approx(1)


def test_a_halved_rate_is_a_halved_rate(clock):
    budget, arrivals = LocalBudget(10, clock=clock), []
    budget.settle("x", Outcome.THROTTLED, 0.0)
    for _ in range(20):
        token = acquire(budget, clock=clock, sleep=clock.sleep)
        budget.settle(token, Outcome.ANSWERED)
        arrivals.append(clock.now)
    assert _fullest(arrivals) <= 5


# --- the breaker -----------------------------------------------------------------------------------


def test_many_failures_delay_and_one_success_ends_it():
    pace = Pace(100, 100)
    for number in range(10):
        pace.settle(1.0, str(number), Outcome.FAILED)
    assert pace.ask(1.5, Priority.URGENT, "a") == pytest.approx(0.5)
    assert pace.ask(2.1, Priority.URGENT, "probe") == 0
    assert pace.ask(2.2, Priority.URGENT, "other") > 0  # one at a time
    pace.settle(2.3, "probe", Outcome.ANSWERED)
    assert pace.ask(2.4, Priority.URGENT, "other") == 0


def test_a_probe_is_made_every_second_or_two_however_long_it_takes():
    pace = Pace(100, 100)
    pace.settle(1.0, "a", Outcome.LOST)
    pace.settle(1.0, "b", Outcome.LOST)
    for now in (2.1, 4.0, 6.0, 8.0, 600.0):
        assert pace.ask(now, Priority.URGENT, f"probe {now}") == 0
        pace.settle(now, f"probe {now}", Outcome.LOST)
        assert 1.0 <= pace.ask(now, Priority.URGENT, "a") <= 1.5
    assert pace.state(601).trips == 6


def _granted(pace, now):
    """How many calls may go at this moment."""
    return next(number for number in range(1_000) if pace.ask(now, Priority.URGENT, f"one of {now} {number}") > 0)


def test_what_a_frozen_server_had_not_read_is_counted_when_it_goes_on():
    pace, now = Pace(20, 20), 0.0
    for number in range(12):
        now += 4.0
        assert pace.ask(now, Priority.URGENT, f"probe {number}") == 0
        pace.settle(now + 2, f"probe {number}", Outcome.LOST)
    now += 4.0
    assert pace.ask(now, Priority.URGENT, "the one that is answered") == 0
    pace.settle(now, "the one that is answered", Outcome.ANSWERED)
    assert _granted(pace, now) == 20 - 12 - 1 - 1  # the last one for a call that may be on its way
    assert _granted(pace, now + 11) == 20


def test_what_was_never_sent_or_was_answered_is_counted_once():
    for outcome in (Outcome.UNSENT, Outcome.FAILED):
        pace = Pace(20, 20)
        for second in range(12):
            pace.settle(4.0 * second, "probe", outcome)
        pace.settle(60.0, "probe", Outcome.ANSWERED)
        assert _granted(pace, 60.0) == 20


@pytest.mark.parametrize(("outcome", "calls"), [(Outcome.LOST, 2), (Outcome.UNSENT, 2), (Outcome.FAILED, 5)])
def test_failures_in_a_row_open_the_breaker(outcome, calls):
    pace = Pace(100, 100)
    for number in range(calls):
        assert pace.state(1.0).trips == 0
        pace.settle(1.0, str(number), outcome)
    assert pace.state(1.0).trips == 1


def test_a_few_failures_among_many_calls_change_nothing():
    pace = Pace(100, 100)
    for number in range(40):
        pace.settle(1.0, str(number), Outcome.FAILED if number % 3 == 0 else Outcome.ANSWERED)
    assert pace.ask(1.0, Priority.NORMAL, "a") == 0


# --- on Redis --------------------------------------------------------------------------------------


@pytest.fixture
def server(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        yield client


STEPS = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(list(Priority)), st.integers(0, 9)),
    st.tuples(st.just("sent"), st.none(), st.integers(0, 9)),
    st.tuples(
        st.just("settle"),
        st.tuples(st.sampled_from(list(Outcome)), st.sampled_from([None, 0.0, 0.4, 7.0])),
        st.integers(0, 9),
    ),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    rate=st.sampled_from([1, 2.5, 5, 8]),
    burst=st.integers(1, 10),
    steps=st.lists(st.tuples(st.integers(1, 1500), STEPS), max_size=60),
)
def test_redis_and_this_process_keep_the_same_rules(server, rate, burst, steps):
    server.flushall()
    pace, shared = Pace(rate, burst), RedisBudget(server, budget_key("k"), rate, burst, quiet_start=0)
    now = 1_700_000_000.0
    for milliseconds, (what, detail, number) in steps:
        now += milliseconds / 1000 + 0.0003
        token = f"t{number}"
        if what == "ask":
            theirs = float(shared._call("ask", int(detail), token, now=now))
            assert theirs == pytest.approx(pace.ask(now, detail, token), abs=1e-4)
        elif what == "sent":
            shared._call("sent", token, now=now)
            pace.sent(now, token)
        else:
            outcome, pause = detail
            shared._call("settle", token, outcome.value, "" if pause is None else pause, now=now)
            pace.settle(now, token, outcome, pause)
    share, closed, opened, count, trips = (float(part) for part in shared._call("state", now=now))
    mine = pace.state(now)
    assert (share, closed, opened) == pytest.approx((mine.share, mine.closed_for, mine.breaker_open_for), abs=1e-4)
    assert (count, trips) == (mine.in_window, mine.trips)


def test_two_processes_share_one_budget(server):
    one, two = (RedisBudget(server, budget_key("k"), 2, 2, quiet_start=0) for _ in range(2))
    assert [one.ask(Priority.NORMAL, "a"), two.ask(Priority.NORMAL, "b")] == [0, 0]
    assert one.ask(Priority.NORMAL, "c") > 0


def test_two_keys_share_nothing(server):
    one, two = (RedisBudget(server, budget_key(key), 1, 1, quiet_start=0) for key in ("k1", "k2"))
    assert [one.ask(Priority.NORMAL, "a"), two.ask(Priority.NORMAL, "b")] == [0, 0]


def test_the_key_cannot_be_read_from_its_name(server):
    RedisBudget(server, budget_key("k3y-secret"), 1, 1, quiet_start=0).ask(Priority.NORMAL, "a")
    assert not any(b"k3y" in name for name in server.scan_iter())


def test_a_flushed_server_loses_scripts_and_state_but_no_call(server):
    budget = RedisBudget(server, budget_key("k"), 5, 5, quiet_start=0)
    budget.ask(Priority.NORMAL, "a")
    server.flushall()
    server.script_flush()
    assert budget.ask(Priority.NORMAL, "b") == 0


def test_a_budget_that_redis_does_not_know_begins_as_if_it_were_spent(server):
    budget = RedisBudget(server, budget_key("k"), 5, 5)
    server.flushall()  # what was granted a moment ago is forgotten, Integr8 still counts it
    assert 1 <= budget.ask(Priority.URGENT, "a") <= 1.3


@pytest.mark.slow
def test_without_redis_nothing_goes_out():
    nobody = redis.Redis(port=1, socket_connect_timeout=0.2)
    budget = RedisBudget(nobody, budget_key("k"), 5, 5)
    with pytest.raises(BudgetUnavailable, match="until Redis answers"):
        budget.ask(Priority.NORMAL, "a")
    budget.settle("a", Outcome.ANSWERED)  # telling it something is no reason to fail
    nobody.close()


@pytest.mark.slow
def test_a_blind_budget_sends_nothing(make_client, integr8):
    nobody = redis.Redis(port=1, socket_connect_timeout=0.2)
    client = make_client(budget=RedisBudget(nobody, budget_key("k"), 5, 5))
    with pytest.raises(BudgetUnavailable):
        client.users.get("u1")
    assert integr8.seen == []
    nobody.close()


@pytest.mark.parametrize("key", ["slots", "state", "urgent"])
def test_everything_it_keeps_expires(server, key):
    budget = RedisBudget(server, budget_key("k"), 1, 1, quiet_start=0)
    budget.ask(Priority.URGENT, "a")
    budget.ask(Priority.URGENT, "b")
    budget.settle("a", Outcome.THROTTLED)
    assert 0 < server.ttl(f"{budget_key('k')}:{key}") <= 7200


@pytest.mark.journey
def test_four_processes_together_never_exceed_the_limit():
    command = [sys.executable, "-m", "benchmarks.budget", "6"]
    root = Path(__file__).parents[2]
    said = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True, timeout=600).stdout
    assert "'fullest_second': 5," in said
