"""Events once more: one, many, bit by bit."""

from datetime import timedelta

import pytest
from rule_texts import onboarding_rule

from bridge.operations.replay import cancel, matching, replay
from bridge.store.journal import Event
from bridge.store.runs import Run

RULE = onboarding_rule(dedupe="body.deal", email="{{ body.email }}")


@pytest.fixture
def events(network):
    """Three events that were handled."""
    network.rule(RULE)
    network.ids = []
    for number in range(3):
        body = {"id": str(number), "deal": number, "type": "deal" if number else "other", "go": False}
        network.ids.append(network.crm(body).get_json()["event_id"])
        network.work()
        network.pass_time(minutes=1)
    return network


def again(network, ids=None, **more):
    return replay(network.services, ids or network.ids, revision="current", who="ann", now=network.now, **more)


def set_state(network, event_id, state, problem="broken"):
    with network.services.store.write() as session:
        event = session.get(Event, event_id)
        event.state, event.problem = state, problem


def found(network, **wanted):
    with network.services.store.read() as session:
        return matching(session, **wanted)


def test_a_replay_makes_runs_of_its_own_although_the_deal_is_known(events):
    again(events)
    events.work()
    assert [run.cause for run in events.all(Run)] == ["event"] * 3 + ["replay"] * 3


def test_a_paced_replay_comes_due_bit_by_bit_and_live_events_go_between(events):
    again(events, per_minute=12)
    events.work()
    assert len(events.all(Run)) == 4
    events.crm({"id": "live", "deal": 99, "go": False})
    events.work()
    assert events.all(Run)[-1].cause == "event"
    events.pass_time(seconds=10)
    events.work()
    assert len(events.all(Run)) == 7


def test_what_is_still_to_come_of_a_paced_replay_can_be_cancelled(events):
    again(events, per_minute=12)
    events.work()
    assert cancel(events.services, who="ann", now=events.now) == 2
    events.pass_time(minutes=1)
    events.work()
    assert len(events.all(Run)) == 4


def test_a_replay_that_a_worker_has_in_hand_is_not_cancelled(events):
    [copy] = again(events, events.ids[:1])
    with events.services.store.write() as session:
        event = session.get(Event, copy)
        event.claimed_by, event.claimed_until = "somewhere:1", events.now + timedelta(minutes=1)
    assert cancel(events.services, who="ann", now=events.now) == 0


def test_a_dead_event_is_closed_by_its_replay(events):
    set_state(events, events.ids[0], "dead")
    [copy] = again(events, events.ids[:1])
    assert found(events, state="dead") == []
    assert events.all(Event)[0].problem == f"replayed as {copy}; before that: broken"


def test_a_filter_finds_by_type_and_time_and_never_what_waits_for_a_decision(events):
    set_state(events, events.ids[2], "quarantined")
    assert found(events) == events.ids[:2]
    assert found(events, event_type="deal") == events.ids[1:2]
    assert found(events, until=events.now - timedelta(minutes=2, seconds=30)) == events.ids[:1]
