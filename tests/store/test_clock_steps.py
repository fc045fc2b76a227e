"""The clock is set while effects are under way: nothing waits for the hour, and nothing is taken too early."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from network import ONBOARDING
from sqlalchemy import update

from bridge.operations import decide, maintenance
from bridge.operations.perform import perform_effects
from bridge.store import clock_steps
from bridge.store.ledger import Effect, EffectState
from bridge.store.notifications import ChannelHealth, Notice
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
    maintenance.tick(network.services, network.now)
    decide.process_events(network.services, network.now)
    return network


def test_what_was_decided_by_the_wrong_clock_is_carried_out_at_once(ahead):
    ahead.pass_time(hours=-1)
    ahead.work()
    assert ahead.calls("publishers.create") == 1


def test_so_is_what_was_written_down_after_it_was_set_right(network):
    """By a worker that had looked at the clock before."""
    network.rule(ONBOARDING)
    network.pass_time(hours=1)
    network.crm({"id": "1", "email": "ann@example.com"})
    maintenance.tick(network.services, network.now)
    before = network.now
    network.pass_time(hours=-1)
    maintenance.tick(network.services, network.now)
    decide.process_events(network.services, before)
    network.work()
    assert network.calls("publishers.create") == 1


def test_so_is_what_was_decided_by_a_clock_that_ran_ahead_between_two_ticks(network):
    """No tick has seen the wrong time, so that nothing looks as if a clock had been set."""
    network.rule(ONBOARDING)
    maintenance.tick(network.services, network.now)
    network.crm({"id": "1", "email": "ann@example.com"})
    decide.process_events(network.services, network.now + HOUR)
    network.pass_time_ticking(minutes=2)
    network.work()
    assert network.calls("publishers.create") == 1


def test_what_is_meant_for_later_keeps_its_moment(ahead):
    later = ahead.now + timedelta(minutes=1)  # nothing waits longer than an hour
    with ahead.services.store.write() as session:
        session.execute(update(Effect).values(due_at=later, attempts=1))
    ahead.pass_time(hours=-1)
    ahead.work()
    assert [one.due_at for one in ahead.all(Effect)] == [later]


def test_what_waits_until_a_moment_of_2083_waits_for_the_ceiling(on_either_database):
    """Stored by a version that believed a far Retry-After; cut at the first tick of this one."""
    network, far = on_either_database, datetime(2083, 1, 1, tzinfo=UTC)
    network.rule(ONBOARDING)
    network.crm({"id": "1", "email": "ann@example.com"})
    maintenance.tick(network.services, network.now)
    decide.process_events(network.services, network.now)
    network.pass_time(minutes=2)
    with network.services.store.write() as session:
        session.execute(update(Effect).values(due_at=far, attempts=1))
        session.execute(update(Slot).where(Slot.state == SlotState.DUE).values(claimed_until=far))
        session.add(Notice(channel="c", topic="t", dedupe_key="d", text="x", created_at=network.now, due_at=far))
        session.add(ChannelHealth(channel="c", open_until=far))
    maintenance.tick(network.services, network.now)
    hour, day = network.now + clock_steps.CEILING, network.now + clock_steps.NOTICES
    assert {one.due_at for one in network.all(Effect)} == {hour}
    due = [one for one in network.all(Slot) if one.state == SlotState.DUE]
    assert due
    assert {one.claimed_until for one in due} <= {hour, None}
    assert hour in {one.claimed_until for one in due}
    assert [one.due_at for one in network.all(Notice)] == [day]
    with network.services.store.read() as session:
        assert session.get_one(ChannelHealth, "c").open_until == day
    network.pass_time_ticking(minutes=66)
    network.work()
    assert network.calls("publishers.create") == 1
    assert not [one for one in network.all(Slot) if one.state == SlotState.DUE and one.claimed_until == hour]


def test_a_lease_of_then_ends_within_the_longest_one(ahead):
    with ahead.services.store.write() as session:
        held = {"state": EffectState.CLAIMED, "claimed_by": "gone", "claimed_until": ahead.now + timedelta(minutes=1)}
        session.execute(update(Effect).values(held))
    ahead.pass_time(hours=-1)
    maintenance.tick(ahead.services, ahead.now)
    ahead.pass_time_ticking(minutes=4)
    ahead.work()
    assert ahead.calls("publishers.create") == 1


def test_no_slot_of_times_to_come_keeps_another_from_being_opened(ahead):
    ahead.pass_time(hours=-1)
    maintenance.tick(ahead.services, ahead.now)
    assert [one.at for one in ahead.all(Slot) if one.state == SlotState.DUE and one.at > ahead.now] == []


def test_a_second_of_difference_between_machines_moves_nothing(ahead):
    before = [one.due_at for one in ahead.all(Effect)]
    ahead.pass_time(seconds=-1)
    maintenance.tick(ahead.services, ahead.now)
    assert [one.due_at for one in ahead.all(Effect)] == before


@pytest.fixture
def under_way(network):
    """A worker has begun to create a publisher, and its answer has not come yet; ticks come."""
    network.rule(ONBOARDING)
    network.crm({"id": "1", "email": "ann@example.com"})
    decide.process_events(network.services, network.now)
    maintenance.tick(network.services, network.now)
    until = network.now + timedelta(minutes=1)
    with network.services.store.write() as session:
        session.execute(update(Effect).values(state=EffectState.SENT, claimed_by="slow", claimed_until=until))
    return network


def test_an_hour_forward_does_not_end_a_lease(under_way):
    under_way.pass_time(hours=1)
    assert not perform_effects(under_way.services, under_way.now)  # before the next tick
    maintenance.tick(under_way.services, under_way.now)
    assert not perform_effects(under_way.services, under_way.now)  # and after it
    assert under_way.calls("publishers.create") == 0


def test_nor_is_its_natural_key_free_for_another_event(under_way):
    under_way.pass_time(hours=1)
    under_way.crm({"id": "2", "email": "ann@example.com"})
    decide.process_events(under_way.services, under_way.now)
    perform_effects(under_way.services, under_way.now)
    assert under_way.calls("publishers.create") == 0


def test_a_worker_that_never_comes_back_is_replaced_one_lease_later(under_way):
    under_way.pass_time(hours=1)
    maintenance.tick(under_way.services, under_way.now)
    under_way.pass_time_ticking(seconds=61)
    under_way.work()
    assert under_way.calls("publishers.create") == 1


def test_beat_goes_on_at_once():
    """Celery's own would wait until the clock has passed the last run again."""
    beat = Scheduler(celery, lazy=True)
    beat.setup_schedule()
    beat._seen = time.time() + 3600  # an hour ago by the clock of now, it was an hour later
    for entry in beat.schedule.values():
        entry.last_run_at += HOUR
    beat.tick()
    assert beat.schedule["tick"].is_due()[1] <= 1
