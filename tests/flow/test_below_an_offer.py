"""Events and landing pages hang on an offer, which each call must name: who knows it, and what helps otherwise."""

import pytest

from bridge.operations import undo
from bridge.store.ledger import Effect

PER_OFFER = """
schema: 1
id: goals
mode: live
trigger: {webhook: {source: crm}}
scope: {per: [offer], from: {offer: body.offer}}
then: [{pause: offer_event, which: "{{ body.goal }}", hold: 1h}]
"""
PER_EVENT = PER_OFFER.replace("scope: {per: [offer], from: {offer: body.offer}}\n", "")


@pytest.fixture
def goals(network):
    """Two offers with a goal each; the mirror does not read goals."""
    offers = [network.world.offer(name, active=True) for name in ("A", "B")]
    made = [network.world.directory.create("offer_events", {"name": "sale"}, offer=one.key) for one in offers]
    return list(zip(offers, made, strict=True))


def ask(network, rule, goals):
    network.rule(rule)
    network.work()
    for offer, goal in goals:
        network.crm({"id": goal.key, "offer": offer.number, "goal": goal.key})
    network.work()
    return network.all(Effect)


def test_a_rule_per_offer_names_it_also_for_several_at_once_and_for_the_way_back(network, goals):
    assert {str(one.state) for one in ask(network, PER_OFFER, goals)} == {"applied"}
    assert [goal.fields["active"] for _, goal in goals] == [False, False]
    undo.undo(network.services, 1, who="ann", now=network.now)
    network.work()
    network.pass_time(minutes=61)
    network.work()
    assert [goal.fields["active"] for _, goal in goals] == [True, True]


def test_where_nobody_knows_it_the_effect_fails_and_says_what_helps(network, goals):
    found = ask(network, PER_EVENT, goals)
    assert {str(one.state) for one in found} == {"failed"}
    assert f"the offer is unknown of offer event {goals[0][1].key}; evaluate the rule per offer" in found[0].error
