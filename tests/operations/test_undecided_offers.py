"""Of an offer that may have cost too much before the evidence decides, a person is asked; nothing proven waits."""

import pytest

from bridge.operations import explain
from bridge.operations.approval_review import reviews
from bridge.operations.approvals import Person, approve, reject
from bridge.operations.selection import only
from bridge.store.ledger import StoredPlan, effects_of
from bridge.store.runs import StoredVerdict
from rules.model.plan import Target
from tests.support.rule_texts import pause_rule

RULE = pause_rule(
    every="1m",
    fresh="",
    when="cr < 1% @95% a month",
    guards="",
    more="lose_at_most: {amount: 50 USD, worth: 20 USD}\napprove: {within: 2h}",
)
ANN = Person(name="ann")


@pytest.fixture
def asked(network):
    """Of a thousand clicks five conversions are missing: too few to prove anything, and 100 USD."""
    network.world.offer("Good", clicks=1000, conversions=20, active=True)
    network.world.offer("Unknown", clicks=1000, conversions=5, active=True)
    network.rule(RULE)
    network.work()
    return network


def look_again(network, minutes):
    network.pass_time(minutes=minutes)
    network.work()


def states(network):
    return [(plan.state, [effect.target_id for effect in effects(network, plan)]) for plan in network.all(StoredPlan)]


def effects(network, plan):
    with network.services.store.read() as session:
        return effects_of(session, plan.id)


def test_a_person_is_asked_once_and_a_yes_pauses(asked):
    look_again(asked, 2)
    assert [one for one in states(asked) if one[0] == "waiting"] == [("waiting", ["1002"])]
    [told] = [one for one in asked.all(StoredVerdict) if one.subject == "offer=1002"][:1]
    assert "the evidence does not decide: a person is asked" in told.reason
    assert approve(asked.services, 1, person=ANN, now=asked.now).kept == 1
    asked.work()
    assert asked.paused == ["Unknown"]


def test_the_waiting_plan_names_the_money(asked):
    [review] = reviews(asked.services, now=asked.now)
    assert review.why == ("1 item may have lost more than 50 USD before the evidence decides",)


def test_what_is_left_out_at_an_approval_is_not_asked_again(network):
    for name in ("Unknown", "Other"):
        network.world.offer(name, clicks=1000, conversions=5, active=True)
    network.rule(RULE)
    network.work()
    [review] = reviews(network.services, now=network.now)
    assert sorted(one.target_id for one in review.effects) == ["1001", "1002"]
    chosen = only([Target("offer", "1001", "main", "default")])
    assert approve(network.services, review.plan_id, person=ANN, now=network.now, selection=chosen).kept == 1
    look_again(network, 2)
    assert network.paused == ["Unknown"]
    assert [state for state, _ in states(network) if state == "waiting"] == []


def test_after_a_no_it_is_left_on_until_as_much_is_lost_again(asked):
    reject(asked.services, 1, person=ANN, why="it is new", now=asked.now)
    look_again(asked, 2)
    assert [state for state, _ in states(asked) if state == "waiting"] == []
    found = explain.explain(asked.services, "low-cr", explain.parse_subject("offer=1002"), now=asked.now)
    assert any("counted anew since" in why for why in found.stopped_by)


def test_what_is_proven_meanwhile_is_paused_without_an_answer(asked):
    offer = next(one for one in asked.world.directory.offers.living() if one.view()["name"] == "Unknown")
    homes = list(asked.world.directory.publishers.living())
    asked.world.traffic(offer, homes, 3000, 0, start=asked.now, end=asked.now)
    look_again(asked, 3)
    assert asked.paused == ["Unknown"]
    approve(asked.services, 1, person=ANN, now=asked.now)
    assert asked.paused == ["Unknown"]
