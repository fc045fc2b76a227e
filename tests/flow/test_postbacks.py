"""Integr8's own postbacks: events for rules, and observations until the report has caught up."""

import pytest

from bridge.store.feeds import Feed
from bridge.store.journal import Event
from bridge.store.runs import StoredVerdict

RULE = """
schema: 1
id: fraud-burst
mode: live
trigger: {webhook: {source: postback}}
scope: {per: [offer], from: {offer: "{{ body.offer }}"}}
data: {window: 1h, need: {conversions: 1}}
when: {all: ["rejected >= 3"]}
then:
  - pause: offer
    hold: 1h
"""


@pytest.fixture
def offer(network):
    network.rule(RULE)
    network.world.offer("Other", active=True)
    made = network.world.offer("Bursting", active=True)
    network.work()
    return made


def conversion(offer, tx, status="rejected", **more):
    return {"type": "conversion", "tx": tx, "offer": str(offer.number), "status": status, "payout": "8.00"} | more


def test_three_rejections_within_the_hour_pause_the_offer(network, offer):
    for number in range(3):
        assert network.paused == []
        assert network.postback(**conversion(offer, f"01HVMM5SAS879C0AQZ295VEV{number}A")).status_code == 202
        network.pass_time(seconds=1)
        network.work()
    assert network.paused == ["Bursting"]


def test_a_postback_that_comes_twice_is_one(network, offer):
    for _ in range(5):
        network.postback(**conversion(offer, "01HVMM5SAS879C0AQZ295VEVNA"))
    network.work()
    assert len(network.all(Event)) == 1
    assert network.paused == []


def test_the_same_transaction_approved_and_later_rejected_is_two_events(network, offer):
    network.postback(**conversion(offer, "01HVMM5SAS879C0AQZ295VEVNA", status="approved"))
    network.postback(**conversion(offer, "01HVMM5SAS879C0AQZ295VEVNA", status="rejected"))
    assert len(network.all(Event)) == 2


def test_postbacks_are_kept_as_observations(network, offer):
    network.postback(**conversion(offer, "01HVMM5SAS879C0AQZ295VEVNA"))
    network.work()
    assert "postbacks" in [feed.kind for feed in network.all(Feed)]


def test_a_postback_without_an_offer_decides_nothing(network, offer):
    network.postback(type="conversion", tx="01HVMM5SAS879C0AQZ295VEVNA", status="rejected", offer="{offer_id}")
    network.work()
    assert network.all(StoredVerdict) == []
