"""From clicks in a report to a verified pause, and back."""

from datetime import timedelta

import pytest
from rule_texts import GUARDS, pause_rule

from bridge.observability.bulkhead import Bulkhead
from bridge.operations import feeds, maintenance
from bridge.operations.holds import end_due
from bridge.store.entities import EntityChange
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run, StoredVerdict


def rule(mode="live", guards=GUARDS):
    return pause_rule(mode, guards=guards)


@pytest.fixture
def offers(network):
    good = network.world.offer("Good", clicks=1000, conversions=50, active=True)
    bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    few = network.world.offer("Few", clicks=50, conversions=0, active=True)
    return good, bad, few


def test_only_the_collapsing_offer_is_paused(network, offers):
    network.rule(rule())
    network.work()
    assert network.paused == ["Bad"]


def test_the_same_on_either_database(on_either_database):
    network = on_either_database
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(rule())
    network.work()
    assert network.paused == ["Bad"]
    assert [str(one.state) for one in network.all(Effect)] == ["applied"]


def test_each_verdict_has_its_numbers(network, offers):
    network.rule(rule())
    network.work()
    [yes] = [one for one in network.all(StoredVerdict) if one.answer == 1]
    assert yes.reason == "conversion rate 0.10% (1 of 1,000 clicks) is below 1.00% with 95% confidence"
    [run] = network.all(Run)
    assert (run.yes, run.no, run.no_decision) == (1, 1, 1)


def test_looking_again_changes_nothing_and_calls_nobody(network, offers):
    network.rule(rule())
    network.work()
    calls = network.calls("offers.set_status")
    network.pass_time(minutes=15)
    network.work()
    assert network.calls("offers.set_status") == calls == 1


def test_in_shadow_everything_is_decided_and_nothing_is_touched(network, offers):
    network.rule(rule(mode="shadow"))
    network.work()
    assert network.paused == []
    assert network.calls("offers.set_status") == 0
    [plan] = [one for one in network.all(StoredPlan) if one.state == "shadow"]
    assert plan.rule_id == "low-cr"


def test_what_was_only_recorded_in_shadow_keeps_no_rule_from_acting_later(network, offers):
    cooled = "{at_most: {targets: 5}, cooldown: 6h}"
    network.rule(rule(mode="shadow", guards=cooled))
    network.work()
    network.pass_time(minutes=15)
    network.work()
    assert [one.state for one in network.all(StoredPlan)] == ["shadow", "stopped"]  # cooled down in shadow, too
    network.rule(rule(guards=cooled))
    network.pass_time(minutes=15)
    network.work()
    assert network.paused == ["Bad"]


def test_without_fresh_data_nothing_is_decided(network, offers):
    network.rule(rule())
    network.world.faults.add({"kind": "status", "status": 403, "operation": "reports.*"})
    network.work()
    assert network.paused == []
    assert network.all(Run)[0].no_decision == 3


def test_the_hold_ends_by_itself_and_the_offer_comes_back(network, offers):
    network.rule(rule())
    network.work()
    network.pass_time(hours=12, minutes=1)
    network.work()
    assert network.paused == []
    [hold] = network.all(Hold)
    assert (str(hold.state), hold.ended_why.partition(":")[0]) == ("released", "time")


def test_a_second_hold_lasts_twice_as_long(network, offers):
    _, bad, _ = offers
    network.rule(rule())
    network.work()
    network.pass_time(hours=12, minutes=1)
    network.work()
    network.world.traffic(
        bad, list(network.world.directory.publishers.living()), 1000, 1,
        start=network.now, end=network.now + timedelta(minutes=20),
    )  # fmt: skip
    network.pass_time(minutes=30)
    network.work()
    first, second = network.all(Hold)
    assert second.until - second.since == 2 * timedelta(hours=12)
    assert second.count == first.count + 1


def test_a_return_and_the_next_pause_that_wait_together_leave_it_paused_and_held(network, offers):
    """A hold ends, and the rule says yes again before the return was sent: no offer runs that counts as held."""
    network.rule(rule())
    network.work()
    network.pass_time(hours=12)
    maintenance.tick(network.services, network.now)
    while feeds.read_due(network.services, network.now):
        pass
    assert end_due(network.services, network.all(Hold), network.now, Bulkhead(network.services.store, network.now))
    network.work()
    assert network.paused == ["Bad"]
    assert [str(hold.state) for hold in network.all(Hold)] == ["released", "active"]
    assert [(one.verb, str(one.state)) for one in network.all(Effect)] == [
        ("pause", "applied"), ("activate", "skipped"), ("pause", "applied"),
    ]  # fmt: skip


def test_what_a_person_switches_on_stays_on(network, offers):
    _, bad, _ = offers
    network.rule(rule())
    network.work()
    network.pass_time(minutes=30)
    network.world.directory.update(bad, {"active": True})
    network.work()
    network.pass_time(minutes=30)
    network.work()
    assert network.active(bad)
    [hold] = network.all(Hold)
    assert str(hold.state) == "overridden"
    assert network.calls("offers.set_status") == 1


def test_the_mirror_knows_who_paused_it(network, offers):
    network.rule(rule())
    network.work()
    [change] = [one for one in network.all(EntityChange) if one.field == "active"]
    assert (change.before, change.after, str(change.cause), change.rule) == (True, False, "rule", "low-cr")


def test_over_the_limit_nothing_is_done_and_the_plan_waits(network, offers):
    network.world.offer("Bad too", clicks=1000, conversions=1, active=True)
    network.rule(rule(guards="{at_most: {targets: 1}}"))
    network.work()
    assert network.paused == []
    [plan] = network.all(StoredPlan)
    assert plan.state == "waiting"
    assert plan.stops[0]["guard"] == "at_most.targets"


def test_during_a_halt_nothing_leaves(network, offers):
    from bridge.store import halts

    network.rule(rule())
    with network.services.store.write() as session:
        halts.halt(session, by="ann", why="outage", now=network.now)
    network.work()
    assert network.paused == []
    assert network.calls("offers.set_status") == 0


def test_a_lost_answer_is_settled_without_a_second_pause(network, offers):
    network.rule(rule())
    network.world.faults.add({"kind": "drop", "when": "after", "operation": "offers.set_status", "count": 1})
    network.work()
    network.pass_time(seconds=30)
    network.work()
    assert network.paused == ["Bad"]
    assert [str(one.state) for one in network.all(Effect)] == ["applied"]


def test_when_integr8_is_away_the_pause_waits_and_then_stands(network, offers):
    network.rule(rule())
    fault = network.world.faults.add({"kind": "status", "status": 503, "operation": "offers.*", "skip": 1})
    network.work()
    assert network.paused == []
    network.world.faults.remove(fault.id)
    network.pass_time(minutes=10)
    network.work()
    assert network.paused == ["Bad"]


def test_a_protected_offer_is_never_touched(network):
    world = network.world
    bad = world.offer("Vip", clicks=1000, conversions=0, active=True)
    text = (network.home / "bridge.yaml").read_text().replace("9001", str(bad.number))
    (network.home / "bridge.yaml").write_text(text)
    from bridge.config import settings

    network.services.settings = settings.load(network.home)
    network.rule(rule())
    network.work()
    assert network.paused == []
