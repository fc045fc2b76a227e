"""What waited through an outage goes out oldest plan first, and of each plan what costs most: up to the requests."""

import json

import pytest
from rule_texts import minute_rule

from bridge.operations import decide, feeds, maintenance
from bridge.store.ledger import Effect


def pauses(name, numbers):
    scope = f"scope: {{per: [offer], where: {{offer.active: true, offer.id: [{', '.join(map(str, numbers))}]}}}}"
    guards = "{at_most: {targets: 50, share: 100%}}"
    return minute_rule(name, guards=guards).replace("scope: {per: [offer]}", scope)


def decided_while_integr8_is_away(network):
    """Workers leave effects where they are while an account is away, and decide all the same."""
    maintenance.tick(network.services, network.now)
    while feeds.read_due(network.services, network.now):
        pass
    while decide.run_due_rules(network.services, network.now):
        pass


@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_oldest_and_most_expensive_pauses_are_written_first(network, one_by_one):
    world = network.world
    terms = {"payout": 1, "payout_type": "CPA", "revenue": 10, "revenue_type": "RPA"}
    for conversions in (3, 9, 1, 7, 5, 2, 8, 4):
        world.offer(f"Bad {conversions}", clicks=1000, conversions=conversions, active=True, default_payout=terms)
    if one_by_one:
        world.faults.add({"kind": "status", "status": 405, "operation": "offers.set_status"})
    network.rule(pauses("older", range(1005, 1009)), "older.yaml")
    decided_while_integr8_is_away(network)
    network.pass_time(minutes=1)
    network.rule(pauses("newer", range(1001, 1005)), "newer.yaml")
    decided_while_integr8_is_away(network)
    assert [effect.state for effect in network.all(Effect)] == ["planned"] * 8
    written = []

    def after(request, status):
        if request.method in {"PUT", "PATCH"} and status < 400:
            of_many = request.url.path.endswith("/offers/bulk")
            written.extend(json.loads(request.content)["data"] if of_many else [request.url.path.rpartition("/")[2]])

    network.after_request = after
    network.work()
    assert len(network.paused) == len(written) == 8
    money = {effect.target_id: effect.money_24h for effect in network.all(Effect)}
    assert len(set(money.values())) == 8
    numbers = {one.key: str(one.number) for one in world.directory.offers.living()}
    order = [(numbers[one] < "1005", -money[numbers[one]]) for one in written]
    assert order == sorted(order)
