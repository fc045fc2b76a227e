"""What people do in one day, on SQLite and on PostgreSQL."""

from rule_texts import pause_rule

from bridge.operations.approval_review import reviews
from bridge.operations.approvals import Person, approve
from bridge.operations.doctor import examine
from bridge.operations.explain import explain, parse_subject
from bridge.operations.health_checks import checks
from bridge.operations.replay import cancel, matching, replay
from bridge.operations.undo import undo
from bridge.store.journal import Event

RULE = pause_rule("approve", guards="")


def test_a_plan_is_reviewed_approved_called_off_and_explained(on_either_database):
    network, services = on_either_database, on_either_database.services
    for name, conversions in (("Good", 50), ("Fine", 60), ("Fair", 40), ("Bad", 1)):
        network.world.offer(name, clicks=1000, conversions=conversions, active=True)
    network.rule(RULE)
    network.work()
    [plan] = reviews(services, now=network.now)
    assert plan.changed == "nothing"
    approve(services, plan.plan_id, person=Person(name="ann"), now=network.now)
    assert list(undo(services, plan.run_id, who="ann", now=network.now).effects) == ["cancelled: pause offer 1004"]
    network.work()
    assert network.paused == []
    found = explain(services, "low-cr", parse_subject("offer=1004"), now=network.now)
    assert found.evaluations[0].did == ("pause offer 1004: skipped (cancelled by ann)",)
    assert not [one for one in examine(services, network.now, health=checks) if one["status"] == "fail"]


def test_events_are_found_sent_again_bit_by_bit_and_taken_back(on_either_database):
    network, services = on_either_database, on_either_database.services
    for number in range(3):
        network.crm({"id": str(number), "type": "deal"})
    network.work()
    with services.store.read() as session:
        found = matching(session, source="crm", event_type="deal", since=network.now)
    replay(services, found, revision="current", who="ann", now=network.now, per_minute=12)
    network.work()
    assert cancel(services, who="ann", now=network.now) == 2
    assert {event.state for event in network.all(Event)} == {"done"}
