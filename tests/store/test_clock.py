"""One clock for all processes of a database, whatever the clocks of their machines say."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from bridge.store.clock import AGE, DatabaseClock, asked
from bridge.store.engine import make_engine

HOUR = timedelta(hours=1)
SOON = timedelta(seconds=20)  # a busy machine


def far_ahead():
    """The clock of a machine that is an hour ahead."""
    return datetime.now(UTC) + HOUR


@pytest.fixture
def server(postgres):
    made = make_engine(postgres())
    yield made
    made.dispose()


class Passing:
    """A monotonic clock, to be moved by hand."""

    seconds = 100.0

    def __call__(self):
        return self.seconds


class Answering:
    """A server that tells the time that it is given, else its own."""

    def __init__(self, time=None):
        self.time = time

    def __call__(self, engine):
        return self.time or asked(engine)


@pytest.fixture
def passing():
    return Passing()


@pytest.mark.postgres
def test_a_machine_that_is_an_hour_ahead_goes_by_the_servers_clock(server):
    assert abs(DatabaseClock(lambda: server, machine=far_ahead)() - datetime.now(UTC)) < SOON


@pytest.mark.postgres
def test_between_two_questions_time_goes_on(server, passing):
    tell = DatabaseClock(lambda: server, monotonic=passing)
    first = tell()
    passing.seconds += AGE / 2
    assert tell() - first == timedelta(seconds=AGE / 2)


@pytest.mark.postgres
def test_a_step_of_the_servers_clock_is_seen_after_a_second(server, passing):
    answers = Answering()
    tell = DatabaseClock(lambda: server, server=answers, monotonic=passing)
    first = tell()
    answers.time = first + HOUR
    assert tell() == first
    passing.seconds += AGE
    assert tell() == first + HOUR


def test_a_server_that_went_away_leaves_its_time_behind(passing):
    there = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    answers = Answering(there)
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    tell = DatabaseClock(lambda: gone, server=answers, monotonic=passing)
    tell()
    answers.time = None
    passing.seconds += 60
    assert tell() == there + timedelta(seconds=60)


def test_without_any_answer_it_is_this_machines_and_the_next_second_asks_again(passing):
    answers = Answering()
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    tell = DatabaseClock(lambda: gone, server=answers, monotonic=passing)
    assert abs(tell() - datetime.now(UTC)) < SOON
    there = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    answers.time = there
    passing.seconds += AGE
    assert tell() == there


def test_a_file_has_the_clock_of_its_machine():
    tell = DatabaseClock(lambda: create_engine("sqlite://"), machine=far_ahead)
    assert tell() - datetime.now(UTC) > HOUR - SOON
