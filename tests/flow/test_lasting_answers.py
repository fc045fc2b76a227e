"""`for: 2 checks` in the running service: the first yes is remembered, the second one acts."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.store import runs
from bridge.store.journal import Event
from bridge.store.runs import Run

RULE = pause_rule().replace('when: {all: ["cr < 1% @95%"]}', 'when: {all: ["cr < 1% @95%"], for: 2 checks}')

WEBHOOK_RULE = """
schema: 1
id: burst
mode: live
trigger: {webhook: {source: crm}}
scope: {per: [offer], from: {offer: body.offer}}
data: {window: 24h, need: {clicks: 100}, fresh: 1h}
when: {all: ["cr < 1%"], for: 2 checks}
then: [{pause: offer, hold: 1h}]
guards: {at_most: {targets: 5}}
"""


@pytest.fixture
def two_offers(on_either_database):
    network = on_either_database
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    return network, bad


def with_more_clicks(network, offer):
    """A quarter of an hour later, after which the reports have news."""
    network.pass_time(minutes=15)
    start, end = network.now - timedelta(minutes=10), network.now - timedelta(minutes=5)
    network.world.traffic(offer, network.world.directory.publishers.living(), 20, 0, start=start, end=end)
    network.work()


def test_the_second_yes_in_a_row_pauses_and_the_first_does_not(two_offers):
    network, bad = two_offers
    network.work()
    assert network.paused == []
    with_more_clicks(network, bad)
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


def test_a_webhook_rule_acts_at_its_second_event_and_no_event_is_tried_twice(two_offers):
    network, bad = two_offers
    network.rule(WEBHOOK_RULE)
    network.work()
    number = str(bad.view()["incremental_id"])
    network.crm({"id": "1", "type": "conversion", "offer": number})
    network.work()
    assert network.paused == []
    with_more_clicks(network, bad)
    network.crm({"id": "2", "type": "conversion", "offer": number})
    network.work()
    assert network.paused == ["Bad"]
    assert {(one.state, one.attempts) for one in network.all(Event)} == {("done", 1)}
