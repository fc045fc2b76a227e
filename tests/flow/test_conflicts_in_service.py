"""Rules that meet on one item in the running service: who wins, who holds, and when it comes back."""

import pytest
from whole_way import story

from bridge.operations.holds import release_holds
from bridge.store.holds import Hold
from tests.conftest import NOW

pytestmark = pytest.mark.network
RULE = """
schema: 1
id: {name}
mode: live
priority: {priority}
trigger: {{every: 15m}}
scope: {{per: [offer], where: {{offer.name: {offer}}}}}
data: {{window: 24h, need: {{clicks: 100}}}}
when: [clicks > 100]
then: [{then}]
"""
PAUSE, WAKE = "{pause: offer, hold: 1d}", "{activate: offer}"
RULES = {
    "pauses": ("Paused", 1, PAUSE),
    "wakes": ("Paused", 5, WAKE),
    "first": ("Both", 2, PAUSE),
    "second": ("Both", 1, PAUSE),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory, new_database):
    with story(tmp_path_factory.mktemp("conflicts"), new_database("sqlite"), NOW) as made:
        for name in ("Paused", "Both"):
            made.network.world.offer(name, clicks=300, conversions=3, active=True)
        for name, (offer, priority, then) in RULES.items():
            made.network.rule(RULE.format(name=name, offer=offer, priority=priority, then=then), f"{name}.yaml")
        made.work()
        made.network.begin_anew()
        made.work(minutes=15)
        yield made


@pytest.mark.parametrize("name", RULES)
def test_each_rule_runs_is_explained_and_is_shown(told, name):
    told.check_runs(name)
    told.explained(name, "offer=1001" if RULES[name][0] == "Paused" else "offer=1002")
    told.check_pages(name)


def test_what_one_rule_holds_another_does_not_switch_on(told):
    assert ("hold", "offer 1001 is held by pauses") in told.stops("wakes")
    assert "Paused" in told.network.paused


def test_what_two_rules_hold_comes_back_when_the_second_lets_go(told):
    """The last test of this module: it ends holds."""
    for name, still in (("first", True), ("second", False)):
        [hold] = [one for one in told.network.all(Hold) if one.rule_id == name]
        with told.lived():
            release_holds(told.network.services, [hold.id], who="ann", now=told.network.now)
        told.work(seconds=5)
        assert ("Both" in told.network.paused) is still
    assert told.errors == []
