"""While Integr8 does not answer, reading its reports takes one worker at most."""

from datetime import timedelta

import pytest

from bridge.operations import feeds as operations_feeds
from bridge.operations import maintenance
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind


@pytest.fixture
def away(network):
    with network.services.store.write() as session:
        feeds.ensure(session, FeedKey(kind=Kind.CLICKS)).problem = "Integr8 could not be reached"
    return network


def test_all_workers_may_read_while_all_is_well(network):
    network.work()
    with (
        operations_feeds.in_turn(network.services, network.now) as first,
        operations_feeds.in_turn(network.services, network.now) as second,
    ):
        assert (first, second) == (True, True)


def test_one_worker_reads_while_feeds_fail(away):
    with (
        operations_feeds.in_turn(away.services, away.now) as first,
        operations_feeds.in_turn(away.services, away.now) as second,
    ):
        assert (first, second) == (True, False)


def test_the_next_one_has_its_turn_afterwards(away):
    with operations_feeds.in_turn(away.services, away.now):
        pass
    with operations_feeds.in_turn(away.services, away.now) as ours:
        assert ours


def test_a_worker_that_was_killed_holds_the_others_up_for_minutes_only(away):
    way = operations_feeds.in_turn(away.services, away.now)
    assert way.__enter__()
    with operations_feeds.in_turn(away.services, away.now + timedelta(minutes=6)) as ours:
        assert ours
    way.__exit__(None, None, None)


def test_other_work_has_its_turn_after_a_feed_that_failed(away):
    assert not operations_feeds.answered(away.services)


def polls(network, now=None):
    """The messages about reports that a tick sends."""
    now = now or network.now
    return [one for one in maintenance.tick(network.services, now) if one.task == "reports.poll"]


def test_no_message_is_sent_for_whom_it_is_not_the_turn(away):
    assert polls(away)
    with operations_feeds.in_turn(away.services, away.now):
        assert not polls(away)
        assert polls(away, away.now + timedelta(minutes=6))  # the lock of a worker that was killed ends
    assert polls(away)
