"""One offer by its text id and by its number is one target: held once, and brought back only when nobody holds it."""

import pytest
from sqlalchemy import update

from bridge.operations.holds import release_holds
from bridge.store.entities import Entity
from bridge.store.holds import Hold

EVENT = """
schema: 1
id: NAME
mode: live
trigger: {webhook: {source: crm}}
when: {all: ['body.rule = "NAME"']}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
"""


@pytest.fixture
def two_rules(network):
    network.offer = network.world.offer("Bad", clicks=10, conversions=1, active=True)
    for name in ("first", "second"):
        network.rule(EVENT.replace("NAME", name), f"{name}.yaml")
    network.work()
    [entity] = [one for one in network.all(Entity) if one.kind == "offer"]
    network.names = (entity.number, entity.ref)
    assert all(network.names)
    assert entity.number != entity.ref
    return network


def ask(network, rule, offer, number):
    network.crm({"id": str(number), "rule": rule, "offer": offer})
    network.work()


def test_a_second_pause_by_the_other_id_makes_no_second_hold_of_the_rule(two_rules):
    for number, name in enumerate(two_rules.names):
        ask(two_rules, "first", name, number)
    assert [(hold.rule_id, hold.target_id) for hold in two_rules.all(Hold)] == [("first", two_rules.names[0])]


def test_releasing_one_of_two_holders_leaves_the_offer_paused(two_rules):
    ask(two_rules, "first", two_rules.names[0], 1)
    ask(two_rules, "second", two_rules.names[1], 2)
    assert len(two_rules.all(Hold)) == 2
    found = release_holds(two_rules.services, [1], who="ann", now=two_rules.now)
    two_rules.work()
    assert (list(found.returns), two_rules.paused) == ([], ["Bad"])


def test_a_hold_that_was_recorded_under_the_other_id_counts_too(two_rules):
    ask(two_rules, "first", two_rules.names[0], 1)
    ask(two_rules, "second", two_rules.names[1], 2)
    with two_rules.services.store.write() as session:
        session.execute(update(Hold).where(Hold.id == 2).values(target_id=two_rules.names[1]))
    release_holds(two_rules.services, [1], who="ann", now=two_rules.now)
    two_rules.work()
    assert two_rules.paused == ["Bad"]
