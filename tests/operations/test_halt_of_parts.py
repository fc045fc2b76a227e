"""Halts of one rule, one account or one advertiser: what they cover waits, everything else goes on."""

import pytest
from halted_rules import ALL, ALSO, CLOSE, GREET, bad_offers
from rule_texts import pause_rule
from sqlalchemy import select

from bridge.operations.approvals import Person, approve
from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.operations.halt import halt, halted_parts, resume, scope_of
from bridge.operations.health_checks import checks
from bridge.operations.holds import release_holds
from bridge.operations.retention import apply_retention
from bridge.store.deferred_events import DeferredEvent
from bridge.store.holds import Hold
from bridge.store.journal import Event
from bridge.store.ledger import Effect, StoredPlan
from bridge.store.runs import Run


def stopped(network, **what):
    of = scope_of(network.services, **what)
    return halt(network.services, of, who="ann", why="outage", now=network.now)


def go_on(network, events="decide", **what):
    found = resume(network.services, who="ann", now=network.now, events=events, of=scope_of(network.services, **what))
    network.work()
    return found


def waits(network):
    with network.services.store.read() as session:
        return [(one.about, one.waiting.events, one.waiting.runs) for one in halted_parts(network.services, session)]


def deferred(network):
    with network.services.store.read() as session:
        return [(one.event_id, one.rule_id) for one in session.scalars(select(DeferredEvent))]


def signed(network, number="1", **more):
    network.crm({"id": number, "go": True, "email": f"ann{number}@a.example", **more})
    network.work()


def decided(network):
    return sorted((run.rule_id, run.event_id is not None) for run in network.all(Run))


def test_one_rule_waits_while_the_others_decide(network):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    stopped(network, rule="greet")
    signed(network)
    assert decided(network) == [("also", True)]
    assert network.all(Event)[0].state == "done"
    assert waits(network) == [("rule greet", 1, 0)]
    assert go_on(network, rule="greet").waiting.events == 1
    assert decided(network) == [("also", True), ("greet", True)]  # and nobody was asked twice
    assert len(list(network.world.directory.publishers.living())) == 2
    assert (waits(network), deferred(network)) == ([], [])


def test_the_remedy_ends_the_halt_that_is_told(network):
    network.rule(GREET)
    stopped(network, rule="greet")
    [found] = [one for one in checks(network.services, network.now) if one["name"] == "halt"]
    assert found["remedy"] == "`integr8-bridge resume --rule greet` lets it go on"
    stopped(network)
    [found] = [one for one in checks(network.services, network.now) if one["name"] == "halt"]
    assert found["remedy"] == "`integr8-bridge resume --rule greet`, `integr8-bridge resume` lets it go on"


def test_what_waited_can_be_dropped_and_is_listed(network):
    network.rule(GREET)
    stopped(network, rule="greet")
    signed(network)
    found = go_on(network, "drop", rule="greet")
    assert list(found.dropped_events) == [network.all(Event)[0].id]
    assert "dropped at resume by ann" in network.all(Event)[0].problem
    assert decided(network) == []


def test_an_event_that_waits_for_two_halts_is_decided_once_by_each_rule(network):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    stopped(network, rule="greet")
    stopped(network, rule="also")
    signed(network)
    go_on(network, rule="greet")
    assert decided(network) == [("greet", True)]
    go_on(network, rule="also")
    assert decided(network) == [("also", True), ("greet", True)]


def test_what_a_second_halt_covers_waits_on(network):
    network.rule(GREET)
    stopped(network, rule="greet")
    signed(network)
    stopped(network, account="main")
    go_on(network, rule="greet")
    assert decided(network) == []
    assert waits(network) == [("account main", 1, 0)]
    go_on(network, account="main")
    assert decided(network) == [("greet", True)]


def test_a_rule_that_came_during_the_halt_is_not_asked_about_what_was_before_it(network):
    network.rule(GREET)
    stopped(network, rule="greet")
    signed(network)
    network.rule(ALSO, "also.yaml")
    go_on(network, rule="greet")
    assert decided(network) == [("greet", True)]


def test_events_that_wait_are_kept_however_old_they_are(network):
    network.rule(GREET)
    stopped(network, rule="greet")
    signed(network)
    network.pass_time(days=800)
    apply_retention(network.services, network.now)
    go_on(network, rule="greet")
    assert [run.rule_id for run in network.all(Run)] == ["greet"]


def test_due_runs_of_a_halted_rule_wait_for_resume(network):
    bad_offers(network).rule(pause_rule(guards=ALL))
    stopped(network, rule="low-cr")
    network.work()
    network.pass_time(minutes=30)
    network.work()
    assert (decided(network), network.paused) == ([], [])
    assert waits(network) == [("rule low-cr", 0, 1)]
    go_on(network, rule="low-cr")
    assert network.paused == ["Bad North", "Bad South"]


def test_effects_that_were_planned_before_the_halt_wait(network):
    bad_offers(network).rule(pause_rule("approve", guards=ALL))
    network.work()
    approve(network.services, 1, person=Person(name="ann"), now=network.now)
    stopped(network, account="main")
    network.work()
    assert network.paused == []
    assert {effect.state for effect in network.all(Effect)} == {"planned"}
    go_on(network, account="main")
    assert network.paused == ["Bad North", "Bad South"]


def advertiser_of(network, name):
    return str(next(one for one in network.world.directory.advertisers.living() if one.view()["name"] == name).number)


def test_offers_of_a_halted_advertiser_are_left_alone_and_looked_at_again_at_resume(network):
    bad_offers(network).rule(pause_rule("shadow", guards=ALL))
    network.work()
    south = advertiser_of(network, "South")
    stopped(network, advertiser=south)
    network.rule(pause_rule(guards=ALL))
    network.pass_time(minutes=15)
    network.work()
    assert network.paused == ["Bad North"]
    assert any("is halted: outage" in stop["message"] for run in network.all(StoredPlan) for stop in run.stops)
    go_on(network, advertiser=south)  # not at the rule's next due time: now
    assert network.paused == ["Bad North", "Bad South"]


def test_an_event_about_an_offer_of_a_halted_advertiser_waits(network):
    bad_offers(network).rule(CLOSE)
    network.work()
    south = advertiser_of(network, "South")
    stopped(network, advertiser=south)
    for number, offer in enumerate(("1001", "1002")):
        network.crm({"id": str(number), "stop": True, "offer": offer})
    network.work()
    assert network.paused == ["Bad North"]
    assert waits(network) == [(f"advertiser {south}", 1, 0)]
    go_on(network, advertiser=south)
    assert network.paused == ["Bad North", "Bad South"]


def test_planned_effects_on_offers_of_a_halted_advertiser_wait(network):
    bad_offers(network).rule(pause_rule("approve", guards=ALL))
    network.work()
    approve(network.services, 1, person=Person(name="ann"), now=network.now)
    south = advertiser_of(network, "South")
    stopped(network, advertiser=south)
    network.work()
    assert network.paused == ["Bad North"]
    go_on(network, advertiser=south)
    assert network.paused == ["Bad North", "Bad South"]


def test_a_plan_about_what_is_halted_is_not_approved_and_not_lost(network):
    bad_offers(network).rule(pause_rule("approve", guards=ALL))
    network.work()
    south = advertiser_of(network, "South")
    for what in ({"rule": "low-cr"}, {"account": "main"}, {"advertiser": south}):
        stopped(network, **what)
        with pytest.raises(Refused, match="halted"):
            approve(network.services, 1, person=Person(name="ann"), now=network.now)
        go_on(network, **what)
    assert approve(network.services, 1, person=Person(name="ann"), now=network.now).kept == 2


def test_nobody_lets_go_of_an_offer_of_a_halted_advertiser(network):
    bad_offers(network).rule(pause_rule(guards=ALL))
    network.work()
    stopped(network, advertiser=advertiser_of(network, "South"))
    holds = [hold.id for hold in network.all(Hold)]
    found = release_holds(network.services, holds, who="ann", now=network.now)
    assert (len(found.returns), len(found.stays)) == (1, 1)
    network.pass_time(minutes=1)
    network.work()
    assert network.paused == ["Bad South"]


def test_what_does_not_exist_cannot_be_halted(network):
    for what, error in (
        ({"rule": "nowhere"}, NotThere),
        ({"account": "nowhere"}, NotThere),
        ({"advertiser": "77"}, NotThere),
        ({"rule": "a", "account": "main"}, OperationError),
    ):
        with pytest.raises(error):
            stopped(network, **what)
