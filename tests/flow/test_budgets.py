"""Rules that share a budget: of one moment, of the events of a batch, over a day and over a month."""

import pytest
from network import YAML, Network

from bridge.store.ledger import StoredPlan

RULE = """
schema: 1
id: {name}
mode: live
priority: {priority}
trigger: {{every: 15m}}
scope: {{per: [offer], where: {{offer.name: {offer}}}}}
data: {{window: 24h, need: {{clicks: 100}}}}
when: [cr < 1%]
then: [{{pause: offer}}]
guards: {{budgets: [pauses], if_over: stop}}
"""
ON_EVENT = """
schema: 1
id: asked
mode: live
trigger: {webhook: {source: crm}}
scope: {per: [offer], from: {offer: "{{ body.offer }}"}}
then: [{pause: offer}]
guards: {budgets: [pauses], if_over: stop}
"""


@pytest.fixture
def made(tmp_path, sqlite_url, now, monkeypatch):
    networks = []

    def make(per="day", effects=2, names="ABC"):
        yaml = f"{YAML}budgets: {{pauses: {{effects: {effects}, per: {per}}}}}\n"
        found = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=yaml)
        networks.append(found)
        for name in names:
            found.world.offer(name, clicks=1000, conversions=1, active=True)
        return found

    yield make
    for one in networks:
        one.close()


def rules(network, names="ABC"):
    for number, name in enumerate(names):
        network.rule(RULE.format(name=f"low-{name}".lower(), offer=name, priority=-number), f"{name}.yaml")


def stops(network):
    return [stop["message"] for one in network.all(StoredPlan) for stop in one.stops if stop["guard"] == "budget"]


def test_of_three_rules_of_one_moment_only_two_act(made):
    network = made()
    rules(network)
    network.work()
    assert len(network.paused) == 2
    assert stops(network)[0] == (
        "1 more after 2 of all rules of the budget pauses this day, at most 2 allowed: nothing is done"
    )


@pytest.mark.parametrize(("per", "paused"), [("day", 2), ("month", 1)])
def test_the_next_day_begins_a_day_anew_and_no_month(made, per, paused):
    network = made(per, effects=1, names="AB")
    rules(network, "AB")
    network.work()
    assert len(network.paused) == 1
    network.pass_time(hours=14)
    network.work()
    assert len(network.paused) == paused


def test_the_events_of_one_batch_share_it_as_well(made):
    network = made()
    network.rule(ON_EVENT)
    network.work()
    for number in ("1001", "1002", "1003"):
        network.crm({"offer": number, "id": number})
    network.work()
    assert len(network.paused) == 2
    assert stops(network)[0].startswith("1 more after 2 of all rules of the budget pauses this day")
