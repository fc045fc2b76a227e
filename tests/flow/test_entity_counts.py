"""Counts of entities in a whole network: by the clock, for an event, and what a backtest says of them."""

from datetime import timedelta

from bridge.operations.backtest import BacktestRequest, parse, replayed
from bridge.store.runs import StoredVerdict

RULE = """
schema: 1
id: few-offers
mode: live
trigger: {every: 15m}
scope: {per: [advertiser]}
when: [count(offers where active) < 2]
then: [{update: advertiser, with: {description: few}}]
"""
ON_EVENT = RULE.replace("{every: 15m}", "{webhook: {source: crm}}").replace(
    "{per: [advertiser]}", '{per: [advertiser], from: {advertiser: "{{ body.advertiser }}"}}'
)


def test_the_clock_an_event_and_the_past_count_alike(network):
    big, small = network.world.advertiser("Big"), network.world.advertiser("Small")
    for name, owner, active in (("A", big, True), ("B", big, True), ("C", small, True), ("D", small, False)):
        network.world.offer(name, clicks=10, active=active, advertiser=owner)
    network.rule(RULE)
    network.rule(ON_EVENT.replace("few-offers", "asked"), "asked.yaml")
    network.work()
    for number in (big.number, small.number):
        network.crm({"advertiser": number, "id": number})
    network.work()
    found = {(one.subject, one.answer, one.reason) for one in network.all(StoredVerdict) if one.answer == 1}
    words = "count(offers where offer.active) per advertiser (1) is below 2"
    assert found == {(f"advertiser={small.number}", 1, words)}
    question = BacktestRequest(start=network.now - timedelta(hours=1), end=network.now, step=timedelta(hours=1))
    report = replayed(network.services, parse(network.services, RULE)[0], question)
    assert report.answers["yes"] == 2
    assert any("is taken from what Integr8 lists today" in one for one in report.warnings)
