"""Halts that overlap, that begin between a decision and its call, and that end while events come in."""

import random
import threading

import pytest
from halted_rules import ALL, ALSO, CLOSE, GREET, bad_offers
from rule_texts import pause_rule

from bridge.operations import decide, feeds, maintenance
from bridge.operations.halt import halt, resume, scope_of
from bridge.operations.perform import perform_effects
from bridge.store.journal import Event
from bridge.store.ledger import Effect
from bridge.store.runs import Run


def stop(network, **what):
    halt(network.services, scope_of(network.services, **what), who="ann", why="outage", now=network.now)


def end(network, events="decide", **what):
    return resume(network.services, who="ann", now=network.now, events=events, of=scope_of(network.services, **what))


def sign(network, number="1", **more):
    network.crm({"id": number, "go": True, "email": f"ann{number}@a.example", **more})


def decided(network):
    return sorted((run.rule_id, run.event_id) for run in network.all(Run))


def rules_asked(network):
    return sorted(run.rule_id for run in network.all(Run))


@pytest.fixture
def offers(network):
    return bad_offers(network)


def of_south(network, kind):
    south = next(one for one in network.world.directory.advertisers.living() if one.view()["name"] == "South")
    return {
        "everything": {}, "rule": {"rule": "low-cr"}, "account": {"account": "main"},
        "advertiser": {"advertiser": str(south.number)},
    }[kind]  # fmt: skip


@pytest.mark.parametrize("events", ["decide", "drop"])
@pytest.mark.parametrize("kind", ["everything", "rule", "account", "advertiser"])
def test_a_halt_between_deciding_and_carrying_out_holds_the_call_back(offers, kind, events):
    offers.rule(pause_rule(guards=ALL))
    maintenance.tick(offers.services, offers.now)
    while feeds.read_due(offers.services, offers.now):
        pass
    while decide.run_due_rules(offers.services, offers.now):
        pass
    assert {effect.state for effect in offers.all(Effect)} == {"planned"}
    what = of_south(offers, kind)
    stop(offers, **what)
    for _ in range(3):
        perform_effects(offers.services, offers.now)
        offers.pass_time(minutes=2)
    assert offers.paused == (["Bad North"] if kind == "advertiser" else [])
    end(offers, events, **what)
    offers.work()
    # What was planned before the halt goes out in either case.
    assert offers.paused == ["Bad North", "Bad South"]
    assert offers.calls("offers.set_status") == 1 + (kind == "advertiser")


@pytest.mark.parametrize("parts", [[{}, {"rule": "greet"}], [{"account": "main"}, {"rule": "greet"}]], ids=str)
@pytest.mark.parametrize("order", [[0, 1], [1, 0]])
@pytest.mark.parametrize("begun", [[0, 1], [1, 0]])
def test_what_two_halts_cover_is_decided_once_when_both_have_ended(network, parts, order, begun):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    for one in begun:
        stop(network, **parts[one])
    sign(network)
    network.work()
    assert rules_asked(network) == []
    end(network, **parts[order[0]])
    network.work()
    network.work()
    assert rules_asked(network) == (["also"] if order[0] == 0 else [])
    end(network, **parts[order[1]])
    network.work()
    network.work()
    assert rules_asked(network) == ["also", "greet"]


@pytest.mark.parametrize("wide", [{}, {"account": "main"}], ids=str)
def test_what_is_dropped_with_one_halt_does_not_come_back_with_the_other(network, wide):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    stop(network, rule="greet")
    stop(network, **wide)
    sign(network)
    network.work()
    dropped = end(network, "drop", **wide).dropped_events
    network.work()
    assert list(dropped) == [network.all(Event)[0].id]
    assert "dropped at resume by ann" in network.all(Event)[0].problem
    end(network, rule="greet")
    network.work()
    assert rules_asked(network) in ([], ["greet"])  # the part that waited for its own halt was not dropped
    assert "also" not in rules_asked(network)


def test_dropped_for_one_rule_the_event_is_still_decided_by_the_others(network):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    stop(network, rule="greet")
    stop(network)
    sign(network)
    network.work()
    end(network)
    network.work()
    assert list(end(network, "drop", rule="greet").dropped_events) == [network.all(Event)[0].id]
    network.work()
    assert rules_asked(network) == ["also"]


def test_an_account_and_its_advertiser_halted_decide_once_when_both_are_over(offers):
    offers.rule(CLOSE)
    offers.work()
    south = of_south(offers, "advertiser")
    stop(offers, **south)
    stop(offers, account="main")
    offers.crm({"id": "1", "stop": True, "offer": "1002"})
    offers.work()
    end(offers, account="main")
    offers.work()
    assert offers.paused == []
    end(offers, **south)
    offers.work()
    assert (offers.paused, len(decided(offers))) == (["Bad South"], 1)


@pytest.mark.parametrize("seed", range(4))
def test_events_that_come_in_during_halts_and_resumes_are_decided_once_each(network, seed):
    network.rule(GREET)
    network.rule(ALSO, "also.yaml")
    dice = random.Random(seed)
    sent, count = threading.Event(), 30

    def send():
        for number in range(count):
            sign(network, str(number))
        sent.set()

    sender = threading.Thread(target=send)
    sender.start()
    parts = [{}, {"rule": "greet"}, {"rule": "also"}, {"account": "main"}]
    while not sent.is_set():
        part = dice.choice(parts)
        dice.choice([stop, end])(network, **part)
        decide.process_events(network.services, network.now)
    sender.join()
    for part in parts:
        end(network, **part)
    network.work()
    events = {one.id for one in network.all(Event)}
    assert len(events) == count
    assert decided(network) == sorted((rule, event) for rule in ("greet", "also") for event in events)


@pytest.mark.parametrize("part", [{}, {"rule": "greet"}, {"account": "main"}], ids=str)
@pytest.mark.parametrize("seed", range(2))
def test_with_drop_each_event_is_either_listed_or_decided(network, part, seed):
    network.rule(GREET)
    dice = random.Random(seed)
    listed = []
    for number in range(40):
        if number % 10 == 3:
            stop(network, **part)
        if number % 10 == 8:
            listed += end(network, "drop", **part).dropped_events
        sign(network, str(number))
        if dice.random() < 0.5:
            decide.process_events(network.services, network.now)
    end(network, **part)
    network.work()
    events = {one.id for one in network.all(Event)}
    done = {event for _, event in decided(network)}
    assert len(listed) == len(set(listed)) > 0
    assert done.isdisjoint(listed)
    assert done | set(listed) == events
