"""`for: 2 checks` in the running service: the first yes is remembered, the second one acts."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.store import runs
from bridge.store.runs import Run

RULE = pause_rule().replace('when: {all: ["cr < 1% @95%"]}', 'when: {all: ["cr < 1% @95%"], for: 2 checks}')


@pytest.fixture
def two_offers(on_either_database):
    network = on_either_database
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    return network, bad


def test_the_second_yes_in_a_row_pauses_and_the_first_does_not(two_offers):
    network, bad = two_offers
    network.work()
    assert network.paused == []
    network.pass_time(minutes=15)
    start, end = network.now - timedelta(minutes=10), network.now - timedelta(minutes=5)
    network.world.traffic(bad, network.world.directory.publishers.living(), 20, 0, start=start, end=end)
    network.work()
    assert network.paused == ["Bad"]
    assert {run.outcome for run in network.all(Run)}.isdisjoint({"error"})


def test_what_was_counted_is_in_the_database_for_the_next_process(two_offers):
    network, _ = two_offers
    network.work()
    with network.services.store.read() as session:
        [streak] = runs.streaks(session, "low-cr").values()
    assert streak.evaluations == 1
    assert streak.since is not None
    assert timedelta(0) <= network.now - streak.since < timedelta(minutes=15)
