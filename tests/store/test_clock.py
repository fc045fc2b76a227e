"""One clock for all processes of a database, whatever the clocks of their machines say."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine

from bridge.store import clock
from bridge.store.clock import AGE, DatabaseClock
from bridge.store.engine import make_engine

HOUR = timedelta(hours=1)
SOON = timedelta(seconds=20)  # a busy machine


@pytest.fixture
def far_ahead(monkeypatch):
    """This machine's clock is an hour ahead."""
    monkeypatch.setattr(clock, "own", lambda: datetime.now(UTC) + HOUR)


@pytest.fixture
def server(postgres):
    made = make_engine(postgres())
    yield made
    made.dispose()


@pytest.fixture
def passing(monkeypatch):
    """The monotonic clock, to be moved by hand."""

    class Passing:
        seconds = 100.0

        def monotonic(self):
            return self.seconds

    made = Passing()
    monkeypatch.setattr(clock, "time", made)
    return made


@pytest.mark.postgres
def test_a_machine_that_is_an_hour_ahead_goes_by_the_servers_clock(server, far_ahead):
    assert abs(DatabaseClock(lambda: server)() - datetime.now(UTC)) < SOON


@pytest.mark.postgres
def test_between_two_questions_time_goes_on(server, passing):
    tell = DatabaseClock(lambda: server)
    first = tell()
    passing.seconds += AGE / 2
    assert tell() - first == timedelta(seconds=AGE / 2)


@pytest.mark.postgres
def test_a_step_of_the_servers_clock_is_seen_after_a_second(server, passing, monkeypatch):
    tell = DatabaseClock(lambda: server)
    first = tell()
    monkeypatch.setattr(clock, "asked", lambda _engine: first + HOUR)
    assert tell() == first
    passing.seconds += AGE
    assert tell() == first + HOUR


def test_a_server_that_went_away_leaves_its_time_behind(passing, monkeypatch):
    there = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "asked", lambda _engine: there)
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    tell = DatabaseClock(lambda: gone)
    tell()
    monkeypatch.undo()
    monkeypatch.setattr(clock, "time", passing)
    passing.seconds += 60
    assert tell() == there + timedelta(seconds=60)


def test_without_any_answer_it_is_this_machines_and_the_next_second_asks_again(passing, monkeypatch):
    gone = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    tell = DatabaseClock(lambda: gone)
    assert abs(tell() - datetime.now(UTC)) < SOON
    there = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
    monkeypatch.setattr(clock, "asked", lambda _engine: there)
    passing.seconds += AGE
    assert tell() == there


def test_a_file_has_the_clock_of_its_machine(far_ahead):
    tell = DatabaseClock(lambda: create_engine("sqlite://"))
    assert tell() - datetime.now(UTC) > HOUR - SOON
