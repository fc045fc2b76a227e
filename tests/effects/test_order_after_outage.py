"""What waited through an outage goes out oldest plan first, and of each plan what costs most: up to the requests."""

import json
from datetime import timedelta

import pytest
from rule_texts import minute_rule

from bridge.integr8 import LocalBudget
from bridge.operations import decide, feeds, maintenance
from bridge.operations.perform import perform_effects
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


def eight_bad_offers(network, *, one_by_one=False):
    """Of different payouts, so that their money differs."""
    terms = {"payout": 1, "payout_type": "CPA", "revenue": 10, "revenue_type": "RPA"}
    for conversions in (3, 9, 1, 7, 5, 2, 8, 4):
        network.world.offer(
            f"Bad {conversions}", clicks=1000, conversions=conversions, active=True, default_payout=terms
        )
    if one_by_one:
        network.world.faults.add({"kind": "status", "status": 405, "operation": "offers.set_status"})


def the_older_plan(network):
    network.rule(pauses("older", range(1005, 1009)), "older.yaml")
    decided_while_integr8_is_away(network)


def the_newer_plan(network):
    network.rule(pauses("newer", range(1001, 1005)), "newer.yaml")
    decided_while_integr8_is_away(network)


def noting_what_is_written(network):
    """The offers that Integr8 was told to pause, in this order, from now on."""
    written = []

    def after(request, status):
        if request.method in {"PUT", "PATCH"} and status < 400:
            of_many = request.url.path.endswith("/offers/bulk")
            written.extend(json.loads(request.content)["data"] if of_many else [request.url.path.rpartition("/")[2]])

    network.after_request = after
    return written


def assert_the_oldest_and_most_expensive_came_first(network, written):
    assert len(network.paused) == len(written) == 8
    money = {effect.target_id: effect.money_24h for effect in network.all(Effect)}
    assert len(set(money.values())) == 8
    numbers = {one.key: str(one.number) for one in network.world.directory.offers.living()}
    order = [(numbers[one] < "1005", -money[numbers[one]]) for one in written]
    assert order == sorted(order)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_the_oldest_and_most_expensive_pauses_are_written_first(network, one_by_one):
    eight_bad_offers(network, one_by_one=one_by_one)
    the_older_plan(network)
    network.pass_time(minutes=1)
    the_newer_plan(network)
    assert [effect.state for effect in network.all(Effect)] == ["planned"] * 8
    written = noting_what_is_written(network)
    network.work()
    assert_the_oldest_and_most_expensive_came_first(network, written)


def time_passes(network, *, seconds):
    """Workers carry out what is due, once a second, as the tick has them do."""
    for _ in range(seconds):
        network.pass_time(seconds=1)
        while perform_effects(network.services, network.now):
            pass


def with_the_clock_of_the_test(network):
    """Budget and pauses go by the time that the test lets pass."""

    def clock():
        return network.now.timestamp()

    client = network.services.client()
    client.budget = LocalBudget(1000, 1000, clock=clock)
    client._sleep = lambda seconds: network.pass_time(seconds=seconds)


@pytest.mark.parametrize("failing", ["offers.*", "offers.set_status"])
def test_when_one_endpoint_is_out_its_effects_come_back_together_and_in_their_order(on_either_database, failing):
    network = on_either_database
    eight_bad_offers(network)
    with_the_clock_of_the_test(network)
    the_older_plan(network)
    network.world.faults.add({"kind": "status", "status": 503, "operation": failing})
    time_passes(network, seconds=180)
    assert max(effect.attempts for effect in network.all(Effect)) > 5
    network.pass_time(minutes=1)
    the_newer_plan(network)
    time_passes(network, seconds=10)
    asked = len(network.world.log.find(operation="offers.set_status"))
    network.world.faults.clear()
    written = noting_what_is_written(network)
    over = network.now
    while not written:
        time_passes(network, seconds=1)
    assert network.now - over <= timedelta(seconds=5)
    time_passes(network, seconds=2)
    assert_the_oldest_and_most_expensive_came_first(network, written)
    assert asked < 180


def test_one_target_that_integr8_fails_on_does_not_keep_the_others_waiting(network):
    """Unlike a refusal, a 500 says nothing about which target it is about."""
    eight_bad_offers(network)
    with_the_clock_of_the_test(network)
    poison = next(one for one in network.world.directory.offers.living() if str(one.number) == "1006")
    network.world.faults.add(
        {"kind": "refused_ids", "ids": [poison.key], "status": 500, "operation": "offers.set_status"}
    )
    the_older_plan(network)
    the_newer_plan(network)
    time_passes(network, seconds=60)
    assert len(network.paused) == 7
    assert network.active(poison)
    [waiting] = [effect for effect in network.all(Effect) if effect.state != "applied"]
    assert waiting.target_id == "1006"
    network.world.faults.clear()
    time_passes(network, seconds=65)
    assert not network.active(poison)
