"""The clock ran an hour ahead and is set right: nothing waits for the hour."""

import time
from datetime import timedelta

import pytest
from network import ONBOARDING
from sqlalchemy import update

from bridge import draining, tending
from bridge.store import upkeep
from bridge.store.ledger import Effect, EffectState
from bridge.store.slots import Slot, SlotState
from tasks.app import celery
from tasks.beat import Scheduler

HOUR = timedelta(hours=1)


@pytest.fixture
def ahead(network):
    """An event was taken and decided about by a clock that was an hour ahead."""
    network.rule(ONBOARDING)
    network.pass_time(hours=1)
    network.crm({"id": "1", "email": "ann@example.com"})
    tending.tick(network.house, network.now)
    draining.drain(network.house, network.now)
    return network


def test_what_was_decided_by_the_wrong_clock_is_carried_out_at_once(ahead):
    ahead.pass_time(hours=-1)
    ahead.work()
    assert ahead.calls("publishers.create") == 1


def test_one_worker_ahead_of_the_others_delays_nothing(ahead):
    ahead.pass_time(hours=-1)
    with ahead.house.store.write() as session:
        upkeep.beat(session, "tick", ahead.now)  # the ticks come from a worker whose clock is right
    ahead.work()
    assert ahead.calls("publishers.create") == 1


def test_what_is_meant_for_later_keeps_its_moment(ahead):
    later = ahead.now + HOUR
    with ahead.house.store.write() as session:
        session.execute(update(Effect).values(due_at=later, attempts=1))
    ahead.pass_time(hours=-1)
    ahead.work()
    assert [one.due_at for one in ahead.all(Effect)] == [later]


def test_a_lease_of_then_ends_within_the_longest_one(ahead):
    with ahead.house.store.write() as session:
        held = {"state": EffectState.CLAIMED, "claimed_by": "gone", "claimed_until": ahead.now + timedelta(minutes=1)}
        session.execute(update(Effect).values(held))
    ahead.pass_time(hours=-1)
    tending.tick(ahead.house, ahead.now)
    ahead.pass_time(minutes=4)
    ahead.work()
    assert ahead.calls("publishers.create") == 1


def test_no_slot_of_times_to_come_keeps_another_from_being_opened(ahead):
    ahead.pass_time(hours=-1)
    tending.tick(ahead.house, ahead.now)
    assert [one.at for one in ahead.all(Slot) if one.state == SlotState.DUE and one.at > ahead.now] == []


def test_a_second_of_difference_between_machines_moves_nothing(ahead):
    before = [one.due_at for one in ahead.all(Effect)]
    ahead.pass_time(seconds=-1)
    tending.tick(ahead.house, ahead.now)
    assert [one.due_at for one in ahead.all(Effect)] == before


def test_beat_goes_on_at_once():
    """Celery's own would wait until the clock has passed the last run again."""
    beat = Scheduler(celery, lazy=True)
    beat.setup_schedule()
    beat._seen = time.time() + 3600  # an hour ago by the clock of now, it was an hour later
    for entry in beat.schedule.values():
        entry.last_run_at += HOUR
    beat.tick()
    assert beat.schedule["tick"].is_due()[1] <= 1
