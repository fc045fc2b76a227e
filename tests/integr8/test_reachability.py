"""Whether calls make sense now, found out by one cheap read."""

import socket
import threading

import pytest

from bridge.integr8 import LocalBudget, Outcome, errors, httpx_adapter
from bridge.integr8.call import CallOptions
from bridge.integr8.rate_limiter import Priority
from bridge.services.reachability import UNREAD, seconds_away


@pytest.fixture
def away(make_client, clock):
    """A client whose last two calls got no answer."""
    client = make_client(budget=LocalBudget(100, clock=clock))
    for name in ("a", "b"):
        client.budget.settle(name, Outcome.LOST)
    return client


def test_while_all_is_well_nothing_is_asked(client, integr8):
    assert seconds_away(client) == 0
    assert integr8.seen == []


def test_between_two_probes_nothing_is_asked(away, integr8):
    assert 0 < seconds_away(away) <= 1
    assert integr8.seen == []


def test_an_answer_ends_the_outage(away, integr8, clock):
    clock.now += 1.1
    assert seconds_away(away) == 0
    assert [seen.query["page[size]"] for seen in integr8.seen] == [["1"]]


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_error_is_no_answer(away, integr8, double, clock, status):
    integr8.script = lambda _: double.says({}, status)
    clock.now += 1.1
    assert seconds_away(away) > 0
    assert seconds_away(away) <= 1.5
    assert len(integr8.seen) == 1


@pytest.fixture
def frozen():
    """A server whose kernel takes connections and what is sent, while its program reads nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=50) as server:
        yield server


def outage(make_client, clock, server, *, trips):
    """A client of that server, after so many probes without an answer."""
    budget = LocalBudget(100, clock=clock)
    for name in ("a", "b"):
        budget.settle(name, Outcome.LOST)
    while budget.state().trips < trips:
        clock.now += 2
        budget.ask(Priority.URGENT, "probe")
        budget.settle("probe", Outcome.UNSENT)
    clock.now += 2
    return make_client(budget=budget, url=f"http://127.0.0.1:{server.getsockname()[1]}")


def test_a_frozen_server_has_no_request_to_count_when_it_goes_on(make_client, clock, frozen):
    client = outage(make_client, clock, frozen, trips=1)
    for _ in range(9):
        assert not client.answers(timeout=0.02)
        clock.now += 2
    assert client.budget.state().trips == 10
    queued = b""
    for _ in range(9):
        with frozen.accept()[0] as connection:
            queued += connection.recv(1000)
    assert queued == httpx_adapter.GREETING * 9


def test_a_server_that_ignores_the_greeting_is_asked_now_and_then(make_client, clock, frozen):
    def answer_requests_only():
        with frozen.accept()[0] as connection:
            if connection.recv(1000).startswith(b"GET"):
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")

    threading.Thread(target=answer_requests_only, daemon=True).start()
    assert seconds_away(outage(make_client, clock, frozen, trips=UNREAD)) == 0


def test_a_greeting_reaches_no_program_of_the_server(make_client, clock, integr8):
    assert httpx_adapter.server_reads(integr8.url, 2.0)
    assert integr8.seen == []


def test_a_server_that_is_gone_is_away(make_client, clock, frozen):
    client = outage(make_client, clock, frozen, trips=1)
    frozen.close()
    assert not client.answers(timeout=1)


def test_a_refusal_is_an_answer(away, integr8, double, clock):
    integr8.script = lambda _: double.says({}, 403)
    clock.now += 1.1
    assert seconds_away(away) == 0


def test_what_would_take_long_is_told_at_once_to_who_does_not_wait(make_client, integr8, double, clock):
    integr8.script = lambda _: double.says({}, 503, Retry_After="30")
    client = make_client(call_options=CallOptions(clock=clock, max_wait=2, max_pause=1))
    with pytest.raises(errors.ServerError):
        client.users.get("u1")
    assert (len(integr8.seen), clock.slept) == (1, [])


def test_a_write_of_unknown_outcome_is_not_repeated_where_the_caller_reads_first(make_client, integr8, double, clock):
    integr8.script = lambda _: double.Answer(drop=True)
    client = make_client(call_options=CallOptions(clock=clock, repeat_writes=False))
    with pytest.raises(errors.OutcomeUnknown):
        client.users.update("u1", status="Deactivated")
    assert len(integr8.seen) == 1
