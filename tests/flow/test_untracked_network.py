"""A network whose conversions never arrive: nothing is paused for that, and people hear what to do."""

from datetime import timedelta

import pytest

from bridge.operations import backtest, explain, rule_preview
from bridge.store import failing_items
from bridge.store.runs import Run

RULE = """
schema: 1
id: low
mode: live
trigger: {every: 10m}
scope: {per: [offer]}
data: {window: 24h, need: {clicks: 100}}
when: ["cr < 2% @95% a month"]
then: [{pause: offer, hold: 1d}]
"""


@pytest.fixture
def untracked(network):
    world = network.world
    owners = [world.advertiser(f"of {number}") for number in range(2)]
    home, now = world.publisher("of them"), network.now
    for number in range(4):
        offer = world.offer(f"offer {number}", active=True, advertiser=owners[number % 2])
        world.traffic(offer, [home], 1_200, 0, start=now - timedelta(days=3), end=now - timedelta(minutes=10))
    network.rule(RULE)
    network.pass_time(minutes=10)
    network.work()
    return network


def incidents(network):
    with network.services.store.read() as session:
        return [one.text for one in failing_items.failing(session) if one.kind == "tracking"]


def test_nothing_is_paused_and_one_incident_says_what_to_do(untracked):
    assert untracked.paused == []
    [run] = untracked.all(Run)
    assert (run.yes, run.no) == (0, 4)
    [text] = incidents(untracked)
    assert "no conversion of the whole integration has arrived" in text
    assert "check that the API key may read conversions" in text


def test_it_is_explained_and_previewed_in_the_same_words(untracked):
    services, now = untracked.services, untracked.now
    [offer] = [one for one in untracked.world.directory.offers.living() if one.view()["name"] == "offer 0"]
    told = explain.explain(services, "low", explain.parse_subject(f"offer={offer.number}"), now=now)
    assert "held back: no conversion of the whole integration" in told.verdict.reason
    [revision] = backtest.parse(services, RULE.replace("id: low", "id: other"))
    assert rule_preview.now_and_before(services, revision, now).counts == {"yes": 0, "no": 4, "no_decision": 0}


def test_it_ends_with_a_conversion(untracked):
    world, now = untracked.world, untracked.now
    sells = world.offer("sells", active=True, advertiser=world.advertiser("new"))
    world.traffic(sells, [world.publisher("p")], 50, 10, start=now, end=now + timedelta(minutes=5))
    untracked.pass_time(minutes=20)
    untracked.work()
    assert sorted(untracked.paused) == [f"offer {number}" for number in range(4)]
    untracked.pass_time_ticking(hours=2, minutes=10)
    untracked.work()
    assert not [one for one in incidents(untracked) if "whole integration" in one]


def test_a_backtest_says_it_as_well(untracked):
    services, now = untracked.services, untracked.now
    [revision] = backtest.parse(services, RULE)
    question = backtest.BacktestRequest.of(now - timedelta(hours=12), now, now, timedelta(hours=1), "imported")
    found = backtest.replayed(services, revision, question)
    assert not found.pauses
    assert found.stops["tracking"] > 0
    assert "were held back, because conversions were missing: the whole integration" in found.warnings[0]
