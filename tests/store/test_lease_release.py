"""What a worker held when it ended is free at once, and what it had sent is asked about first."""

import os
from datetime import timedelta

import pytest
from network import ONBOARDING
from sqlalchemy import update

from bridge.effects.claims import claim_batch
from bridge.operations import decide
from bridge.store import journal
from bridge.store.journal import Event
from bridge.store.lease_release import hand_back
from bridge.store.ledger import Effect, EffectState


@pytest.fixture
def claimed(network):
    network.rule(ONBOARDING)
    network.crm({"id": "1", "email": "ann@example.com"})
    decide.process_events(network.services, network.now)
    claim_batch(network.services.store, network.now)
    return network


def ended(network, pid):
    with network.services.store.write() as session:
        return hand_back(session, [pid], network.now)


def test_an_effect_that_was_not_sent_begins_again_at_once(claimed):
    assert ended(claimed, os.getpid()) == 1
    assert [(one.state, one.claimed_by) for one in claimed.all(Effect)] == [(EffectState.PLANNED, None)]
    claimed.work()
    assert claimed.calls("publishers.create") == 1


def test_an_effect_that_was_sent_is_unknown(claimed):
    with claimed.services.store.write() as session:
        session.execute(update(Effect).values(state=EffectState.SENT))
    ended(claimed, os.getpid())
    assert [one.state for one in claimed.all(Effect)] == [EffectState.UNKNOWN]


def test_the_one_who_held_it_can_write_nothing_any_more(claimed):
    before = [one.fence for one in claimed.all(Effect)]
    ended(claimed, os.getpid())
    assert [one.fence for one in claimed.all(Effect)] == [fence + 1 for fence in before]


def test_what_another_process_holds_stays_with_it(claimed):
    assert ended(claimed, os.getpid() + 1) == 0
    assert [one.state for one in claimed.all(Effect)] == [EffectState.CLAIMED]


def test_an_event_is_taken_by_the_next_worker(network):
    network.rule(ONBOARDING)
    network.crm({"id": "1", "email": "ann@example.com"})
    with network.services.store.write() as session:
        journal.take(session, limit=10, now=network.now)
    ended(network, os.getpid())
    network.pass_time(seconds=1)
    network.work()
    assert [(one.state, one.finished_at - one.received_at) for one in network.all(Event)] == [
        ("done", timedelta(seconds=1))
    ]
