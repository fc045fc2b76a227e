"""The costs of a rule at the volumes of a network: of what is paused as well, and with the limit of a loss."""

from datetime import timedelta

import pytest

from bridge.operations import backtest
from bridge.operations.rule_costs import costs_of, costs_text, network_of

RULE = """
schema: 1
id: low
mode: live
trigger: {every: 10m}
scope: {per: [offer], where: {offer.active: true}}
data: {window: 24h, need: {clicks: 100}}
when: ["cr < 1% @95% a month"]
MORE
then: [{pause: offer, hold: 1d}]
"""


@pytest.fixture
def read(network):
    home, start = network.world.publisher("p"), network.now - timedelta(hours=20)
    for number in range(3):
        offer = network.world.offer(f"offer {number}", active=True)
        network.world.traffic(offer, [home], 900, 18, start=start, end=network.now, revenue=8.0)
    network.pass_time(minutes=10)
    network.work()
    return network


def costs(network, more=""):
    [revision] = backtest.parse(network.services, RULE.replace("MORE", more))
    return costs_of(network.services, revision, network.now), network_of(network.services, revision, network.now)


def test_what_is_paused_has_the_traffic_of_the_days_before(read):
    before, network = costs(read)
    assert before[0]["subjects"] == len(network.items) == 3
    for one in read.world.directory.offers.living():
        read.world.directory.update(one, {"active": False})
    for days in (1, 8):
        read.pass_time(days=days)
        read.work()
        [row], ahead = costs(read)
        assert (row["subjects"], row["a_day"]) == (3, before[0]["a_day"])
        assert "no traffic is known" not in costs_text(row)
        assert len(ahead.items) == 3


def test_the_money_is_that_until_the_limit_of_the_loss(read):
    [plain], _ = costs(read)
    [limited], _ = costs(read, "lose_at_most: {amount: 20 USD, worth: 8 USD}")
    assert float(limited["missing_revenue"]) < float(plain["missing_revenue"])
    said = costs_text(limited)
    assert "lose_at_most: 20 USD is in these figures; it asks a person" in said
    assert f"a proof alone takes {plain['unnoticed_hours']} h" in said


def test_each_plan_of_a_limit_has_its_words(read):
    probation = "release: {probation: {clicks: 100}}\n"
    [pausing], _ = costs(read, probation + "lose_at_most: {amount: 20 USD, worth: 8 USD, then: pause, hold: 6h}")
    [capped], _ = costs(read, "lose_at_most: {amount: 20 USD, worth: 8 USD, then: cap, clicks_per_day: 200}")
    assert "it pauses, until probation, and does so" in costs_text(pausing)
    assert "it caps to 200 clicks a day, and does so" in costs_text(capped)
