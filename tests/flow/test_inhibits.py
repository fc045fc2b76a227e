"""A rule that holds others back, in a whole network: runs, approvals, explanations, events and backtests agree."""

import pytest
from rule_texts import pause_rule

from bridge.operations.approvals import Person, approve
from bridge.operations.explain import explain, parse_subject
from bridge.store.ledger import StoredPlan
from bridge.store.runs import Run

ALARM = """
schema: 1
id: broken-advertiser
mode: {mode}
trigger: {{every: 15m}}
scope: {{per: [advertiser]}}
data: {{window: 24h}}
when: [{when}]
inhibits: [low-*]
"""
ON_EVENT = """
schema: 1
id: low-trust
mode: live
trigger: {webhook: {source: crm}}
scope: {per: [offer], from: {offer: "{{ body.offer }}"}}
when: {all: [body.fraud > 10]}
then: [{pause: offer}]
"""


def alarm(mode="live", when="clicks > 1500"):
    return ALARM.format(mode=mode, when=when)


@pytest.fixture
def offers(network):
    """Two offers that hardly convert: of an advertiser with 2,000 clicks, and of one with 1,000."""
    big, small = network.world.advertiser("Big"), network.world.advertiser("Small")
    for name, owner, conversions in (("Held", big, 1), ("Fine", big, 50), ("Bad", small, 1)):
        network.world.offer(name, clicks=1000, conversions=conversions, active=True, advertiser=owner)
    network.rule(alarm(), "alarm.yaml")
    return network


def stops(network, rule="low-cr"):
    runs = {one.id for one in network.all(Run) if one.rule_id == rule}
    return [stop["message"] for one in network.all(StoredPlan) if one.run_id in runs for stop in one.stops]


def test_what_belongs_to_the_advertiser_is_held_back_and_it_is_said_by_whom(offers):
    offers.rule(pause_rule())
    offers.work()
    assert offers.paused == ["Bad"]
    [message] = stops(offers)
    assert message.startswith("offer 1001: held back by the rule broken-advertiser (advertiser=")
    assert "2,000" in message
    found = explain(offers.services, "low-cr", parse_subject("offer=1001"), now=offers.now)
    assert found.verdict.answer.word == "yes"
    assert found.stopped_by == (message,)
    later = explain(offers.services, "low-cr", parse_subject("offer=1001"), now=offers.now, at=offers.now)
    assert later.stopped_by == (message,)


def test_a_rule_in_shadow_holds_nobody_back(offers):
    offers.rule(alarm("shadow"), "alarm.yaml")
    offers.rule(pause_rule())
    offers.work()
    assert offers.paused == ["Bad", "Held"]


def test_as_soon_as_it_says_no_the_others_act(offers):
    offers.rule(pause_rule())
    offers.work()
    offers.rule(alarm(when="clicks > 5000"), "alarm.yaml")
    offers.pass_time(minutes=15)
    offers.work()
    assert offers.paused == ["Bad", "Held"]


def test_at_the_moment_of_yes_a_person_is_told_who_holds_back(offers):
    offers.rule(alarm(when="clicks > 5000"), "alarm.yaml")
    offers.rule(pause_rule("approve"))
    offers.work()
    offers.rule(alarm(), "alarm.yaml")
    [plan] = [one for one in offers.all(StoredPlan) if one.state == "waiting"]
    found = approve(offers.services, plan.id, person=Person(name="ann"), now=offers.now)
    assert found.kept == 1
    assert any("held back by the rule broken-advertiser" in one for one in found.dropped)


def test_an_event_is_held_back_by_what_holds_at_its_moment(offers):
    offers.rule(ON_EVENT)
    offers.work()
    for offer in ("1001", "1003"):
        assert offers.crm({"offer": offer, "fraud": 20, "id": offer}).status_code == 202
    offers.work()
    assert offers.paused == ["Bad"]
    assert len(stops(offers, "low-trust")) == 1
