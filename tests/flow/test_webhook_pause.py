"""A webhook pauses an offer; the hold is looked after although no event may ever come again."""

import pytest

from bridge.operations import decide
from bridge.store.holds import Hold
from bridge.store.journal import Event, EventState
from bridge.store.ledger import Effect

RULE = """
schema: 1
id: on-demand
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.amount >= 50]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 1h
"""


@pytest.fixture
def offers(network):
    network.rule(RULE)
    return [network.world.offer(name, clicks=0, conversions=0, active=True) for name in ("A", "B", "C", "D")]


def complain(network, offer):
    number = str(offer.view()["incremental_id"])
    network.crm({"type": "complaint", "id": f"{number} {network.now}", "amount": 60, "offer": number})


def test_the_hold_ends_without_another_event(network, offers):
    complain(network, offers[0])
    network.work()
    network.pass_time(minutes=61)
    network.work()
    assert network.paused == []


def test_an_offer_goes_back_once_although_a_batch_of_events_comes_at_that_moment(network, offers):
    complain(network, offers[0])
    network.work()
    network.pass_time(minutes=61)
    for offer in offers[1:]:
        complain(network, offer)
    decide.process_events(network.services, network.now)
    assert [one.verb for one in network.all(Effect)].count("activate") == 1


def test_what_a_person_switches_on_is_let_go_at_once(network, offers):
    complain(network, offers[0])
    network.work()
    network.pass_time(minutes=10)
    network.world.directory.update(offers[0], {"active": True})
    network.pass_time(minutes=2)
    network.work()
    network.work()
    [hold] = network.all(Hold)
    assert (str(hold.state), network.paused) == ("overridden", [])


def test_the_second_hold_lasts_twice_as_long(network, offers):
    complain(network, offers[0])
    network.work()
    network.pass_time(minutes=61)
    network.work()
    network.pass_time(minutes=61)
    complain(network, offers[0])
    network.work()
    first, second = network.all(Hold)
    assert second.until - second.since == 2 * (first.until - first.since)


def test_workers_hear_of_effects_when_these_are_committed_and_not_before(network, offers, monkeypatch):
    """Nor is one woken for an event that leads to nothing."""
    seen = []

    def wake(task):
        if task == "effects.perform":
            seen.append((len(network.all(Effect)), {one.state for one in network.all(Event)}))

    network.crm({"type": "complaint", "id": "low", "amount": 1, "offer": "1"})
    monkeypatch.setattr(network.services.queue, "wake", wake)
    decide.process_events(network.services, network.now)
    assert seen == []
    complain(network, offers[0])
    decide.process_events(network.services, network.now)
    assert seen == [(1, {EventState.DONE})]
