"""What people do: approve, reject, undo, let go, replay."""

from datetime import timedelta

import pytest
from rule_texts import onboarding_rule, pause_rule

from bridge.operations import NotThere, Refused, approvals, holds, replay, undo
from bridge.operations.approvals import Person
from bridge.operations.explain import explain
from bridge.operations.undo_status import undoable_runs, undone_items
from bridge.store.audit_log import Audit
from bridge.store.holds import Hold
from bridge.store.journal import Event
from bridge.store.ledger import StoredPlan
from bridge.store.runs import Run
from rules.model.facts import Subject

RULE = pause_rule("approve", more="MORE")
ANN = Person(name="ann")


def rule(more="approve: {within: 4h}", mode="approve"):
    return RULE.replace("MORE", more).replace("mode: approve", f"mode: {mode}", 1)


@pytest.fixture
def waiting(network):
    """A plan that waits for a person: two bad offers beside a good one."""
    world = network.world
    world.offer("Good", clicks=1000, conversions=50, active=True)
    network.bad = [world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True) for number in (1, 2)]
    network.rule(rule())
    network.work()
    [plan] = network.all(StoredPlan)
    assert plan.state == "waiting"
    return network


def recover(network, offer):
    homes = list(network.world.directory.publishers.living())
    network.world.traffic(offer, homes, 500, 100, start=network.now - timedelta(minutes=30), end=network.now)
    network.pass_time(minutes=2)
    network.work()


def approve(network, plan=1, **more):
    return approvals.approve(network.services, plan, person=more.pop("person", ANN), now=network.now, **more)


def test_nothing_happens_until_someone_says_yes(waiting):
    assert waiting.paused == []
    approve(waiting)
    waiting.work()
    assert waiting.paused == ["Bad 1", "Bad 2"]


def test_what_recovered_meanwhile_drops_out(waiting):
    recover(waiting, waiting.bad[0])
    answer = approve(waiting)
    waiting.work()
    assert waiting.paused == ["Bad 2"]
    assert answer.kept == 1
    assert "no longer says yes" in answer.dropped[0]


def test_when_all_recovered_the_plan_is_dropped(waiting):
    for offer in waiting.bad:
        recover(waiting, offer)
    assert approve(waiting).state == "dropped"


def test_a_no_is_a_no(waiting):
    approvals.reject(waiting.services, 1, person=ANN, why="it is a test offer", now=waiting.now)
    waiting.work()
    assert waiting.paused == []
    with pytest.raises(Refused, match=r"plan 1: does not wait; it was rejected by ann at 2.* \(it is a test offer\)$"):
        approve(waiting)


def test_a_plan_that_was_answered_says_by_whom_and_how_it_ended(waiting):
    approve(waiting)
    with pytest.raises(Refused, match=r"does not wait; it was approved by ann at 2\d{3}-\d\d-\d\d \d\d:\d\d UTC$"):
        approve(waiting)


def test_nobody_answers_and_the_plan_is_dropped(waiting):
    waiting.pass_time(hours=4, minutes=1)
    waiting.work()
    first = waiting.all(StoredPlan)[0]
    assert (first.state, first.decision) == ("dropped", "expired")
    assert waiting.paused == []


def test_where_the_rule_says_so_silence_is_a_yes(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(rule("approve: {within: 1h, otherwise: proceed}"))
    for minutes in (0, 50, 11):
        network.pass_time(minutes=minutes)
        network.work()
    assert network.paused == ["Bad"]


def test_only_those_who_are_named_may_answer(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(rule("approve: {by: [ops]}"))
    network.work()
    with pytest.raises(Refused, match="only ops may answer"):
        approve(network)
    assert approve(network, person=Person(name="bob", roles=frozenset({"ops"}))).state == "ready"


def test_an_unknown_plan_is_not_there(waiting):
    with pytest.raises(NotThere, match="approvals list"):
        approve(waiting, plan=99)


# --- undo and letting go ---------------------------------------------------------------------------


@pytest.fixture
def paused(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.bad = network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(rule("", mode="live"))
    network.work()
    assert network.paused == ["Bad"]
    return network


def test_an_undo_brings_the_offer_back_and_the_rule_leaves_it_alone(paused):
    done = undo.undo(paused.services, 1, who="ann", now=paused.now)
    paused.work()
    assert paused.paused == []
    assert done.effects == ["activate offer 1002"]
    paused.pass_time(minutes=15)
    paused.work()
    assert paused.paused == []


def test_an_undo_can_be_undone(paused):
    done = undo.undo(paused.services, 1, who="ann", now=paused.now)
    paused.work()
    undo.undo(paused.services, done.run_id, who="ann", now=paused.now)
    paused.work()
    assert paused.paused == ["Bad"]


def test_what_a_person_changed_since_is_left_alone(paused):
    paused.pass_time(minutes=5)
    paused.world.directory.update(paused.bad, {"active": True})
    paused.work()
    paused.pass_time(minutes=5)
    done = undo.undo(paused.services, 1, who="ann", now=paused.now)
    assert done.effects == []
    assert "was changed by a person since" in done.left[0]


def test_a_run_that_did_nothing_cannot_be_undone(paused):
    paused.pass_time(minutes=15)
    paused.work()
    with pytest.raises(Refused, match="none of its effects was executed"):
        undo.undo(paused.services, paused.all(Run)[-1].id, who="ann", now=paused.now)


def test_a_hold_let_go_by_hand_ends_and_the_offer_returns(paused):
    [hold] = paused.all(Hold)
    done = holds.release_holds(paused.services, [hold.id], who="ann", now=paused.now)
    paused.work()
    assert done.returns == ["offer 1002"]
    assert paused.paused == []


def test_the_hold_of_a_deleted_rule_ends_all_the_same(paused):
    (paused.home / "rules" / "rule.yaml").unlink()
    paused.pass_time(hours=12, minutes=1)
    paused.work()
    assert paused.paused == []


def test_everything_that_people_do_is_in_the_audit(paused):
    undo.undo(paused.services, 1, who="ann", now=paused.now)
    assert [(one.who, one.what, one.about) for one in paused.all(Audit)] == [("ann", "undo", "run 1")]


# --- replay ----------------------------------------------------------------------------------------


def test_a_replay_is_handled_with_the_rule_of_now_or_of_then(network):
    network.rule(onboarding_rule(name="Before"))
    event_id = network.crm({"id": "1", "go": True}).get_json()["event_id"]
    network.work()
    network.rule(onboarding_rule(name="After"))
    replay.replay(network.services, [event_id], revision="original", who="ann", now=network.now)
    network.work()
    [publisher] = network.world.directory.publishers.living()
    assert publisher.view()["name"] == "Before"
    replay.replay(network.services, [event_id], revision="current", who="ann", now=network.now)
    network.work()
    assert publisher.view()["name"] == "After"


def test_replays_that_were_not_handled_yet_can_be_cancelled(network):
    network.rule(onboarding_rule())
    event_id = network.crm({"id": "1", "go": False}).get_json()["event_id"]
    network.work()
    replay.replay(network.services, [event_id] * 3, revision="current", who="ann", now=network.now)
    assert replay.cancel(network.services, who="ann", now=network.now) == 3
    network.work()
    assert len(network.all(Run)) == 1


def test_a_dead_event_is_corrected_and_handled(network):
    network.rule(onboarding_rule())
    event_id = network.crm({"id": "1", "go": "yes"}).get_json()["event_id"]
    with network.services.store.write() as session:
        session.get(Event, event_id).state = "dead"
    replay.settle_aside(
        network.services, event_id, accept=True, body=b'{"id": "1", "go": true}', who="ann", now=network.now
    )
    network.work()
    assert len(list(network.world.directory.publishers.living())) == 1


# --- compensation ----------------------------------------------------------------------------------


def test_when_a_later_step_fails_the_earlier_one_is_taken_back(network):
    network.rule(
        """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.go = true]}
then:
  - id: pub
    ensure: publisher
    key: {email: "ann@example.com"}
    with: {name: Ann}
  - ensure: user
    key: {email: "ann@example.com"}
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}
on_failure: undo
"""
    )
    network.world.faults.add({"kind": "status", "status": 400, "operation": "users.*"})
    network.crm({"id": "1", "go": True})
    network.work()
    assert list(network.world.directory.publishers.living()) == []


def test_an_undo_that_was_undone_has_undone_nothing(paused):
    done = undo.undo(paused.services, 1, who="ann", now=paused.now)
    paused.work()
    undo.undo(paused.services, done.run_id, who="ben", now=paused.now)
    paused.work()
    with paused.services.store.read() as session:
        assert (1, "offer", "1002") not in undone_items(session, [1]).by
        assert undoable_runs(session, [1])[1].changes == 1


def test_a_rule_that_leaves_an_item_alone_after_an_undo_names_who_undid_it(paused):
    undo.undo(paused.services, 1, who="ann", now=paused.now)
    paused.work()
    found = explain(paused.services, "low-cr", Subject(("offer",), ("1002",)), now=paused.now)
    assert "offer 1002: ann undid its change; muted until 3 Mar 2026 12:00 UTC" in found.stopped_by


def test_a_rule_that_leaves_an_item_alone_after_a_release_names_who_released_it(paused):
    [hold] = paused.all(Hold)
    holds.release_holds(paused.services, [hold.id], who="ben", now=paused.now)
    paused.work()
    found = explain(paused.services, "low-cr", Subject(("offer",), ("1002",)), now=paused.now)
    assert any(one.startswith("offer 1002: ben ended its pause; muted until") for one in found.stopped_by)
