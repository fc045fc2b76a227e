"""Quarantined and dead events: accepted as they are, accepted with a corrected body, or discarded."""

import pytest
from rule_texts import onboarding_rule

from bridge.operations import Refused
from bridge.operations.replay import matching, replay, settle_aside
from bridge.store.audit_log import Audit
from bridge.store.journal import Event
from bridge.store.runs import Run

RULE = onboarding_rule(dedupe="body.deal", email="{{ body.email }}")
FIXED = b'{"id": "0", "deal": 0, "type": "deal", "go": true, "email": "ann@example.com"}'


@pytest.fixture
def events(network):
    """Three events that were handled."""
    network.rule(RULE)
    network.ids = []
    for number in range(3):
        body = {"id": str(number), "deal": number, "type": "other", "go": False}
        network.ids.append(network.crm(body).get_json()["event_id"])
        network.work()
    return network


def set_state(network, event_id, state):
    with network.services.store.write() as session:
        event = session.get(Event, event_id)
        event.state, event.problem = state, "broken"


def dead(network):
    with network.services.store.read() as session:
        return matching(session, state="dead")


def settle(network, **more):
    settle_aside(network.services, network.ids[0], who="ann", now=network.now, **more)


def test_a_quarantined_event_is_not_let_in_by_a_replay(events):
    set_state(events, events.ids[0], "quarantined")
    with pytest.raises(Refused, match="events accept"):
        replay(events.services, events.ids[:1], revision="current", who="ann", now=events.now)


def test_a_correction_that_cannot_be_read_is_refused_at_once(events):
    set_state(events, events.ids[0], "dead")
    with pytest.raises(Refused, match="the corrected body cannot be read"):
        settle(events, accept=True, body=b"{")
    assert dead(events) == events.ids[:1]


def test_a_correction_changes_the_type_too_and_leaves_a_trace_in_the_audit(events):
    set_state(events, events.ids[0], "dead")
    settle(events, accept=True, body=FIXED)
    assert events.all(Event)[0].event_type == "deal"
    assert len(events.all(Audit)[-1].detail["corrected_from"]) == 64


def test_an_event_that_had_a_run_makes_no_second_one_when_it_is_accepted(events):
    set_state(events, events.ids[0], "dead")
    settle(events, accept=True, body=FIXED)
    events.work()
    assert len(events.all(Run)) == 3


def test_a_postback_that_came_by_get_can_be_corrected(network):
    network.rule(RULE)
    network.postback(offer_id="1", conversion_status="approved")
    [event] = network.all(Event)
    set_state(network, event.id, "dead")
    network.ids = [event.id]
    settle(network, accept=True, body=b'{"transaction_id": "t1", "offer_id": "1", "conversion_status": "approved"}')
    network.work()
    assert network.all(Event)[0].state == "done"


def test_a_discarded_event_says_by_whom(events):
    set_state(events, events.ids[0], "quarantined")
    settle(events, accept=False)
    assert events.all(Event)[0].problem == "discarded by ann; before that: broken"
