"""Taking a run back while it is being carried out, in part, in another account, and when a step failed."""

import pytest
from rule_texts import pause_rule

from bridge.operations import NothingSelected, decide, feeds, maintenance
from bridge.operations.selection import only
from bridge.operations.undo import undo
from bridge.store import halts
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, StoredPlan
from rules.model.state import target_of

RULE = pause_rule()


@pytest.fixture
def offers(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    for number in (1, 2):
        network.world.offer(f"Bad {number}", clicks=1000, conversions=1, active=True)
    network.rule(RULE)
    return network


@pytest.fixture
def planned(offers):
    """Two pauses are decided on, and no worker has looked for effects yet."""
    look(offers)
    return offers


def look(network):
    maintenance.tick(network.services, network.now)
    while feeds.read_due(network.services, network.now):
        pass
    while decide.run_due_rules(network.services, network.now):
        pass


def take_back(network, run_id=1, **more):
    return undo(network.services, run_id, who="ann", now=network.now, **more)


def test_what_has_not_been_carried_out_yet_is_called_off(planned):
    done = take_back(planned)
    planned.work()
    assert planned.paused == []
    assert list(done.effects) == ["cancelled: pause offer 1002", "cancelled: pause offer 1003"]


def test_what_was_called_off_is_not_wanted_again_at_the_next_look(planned):
    take_back(planned)
    planned.pass_time(minutes=15)
    planned.work()
    assert planned.paused == []


def test_a_part_is_called_off_and_the_rest_goes_on(planned):
    take_back(planned, selection=only([target_of("offer", "1002")]))
    planned.work()
    assert planned.paused == ["Bad 2"]


def test_what_a_worker_has_in_hand_is_left_to_it_and_said(planned):
    with planned.services.store.write() as session:
        session.get(Effect, 1).state = "claimed"
    done = take_back(planned)
    assert done.left == ["offer 1002: a worker has it in hand at this moment; undo again when it has ended"]


def test_a_target_that_the_run_never_touched_is_refused(offers):
    offers.work()
    with pytest.raises(NothingSelected, match="run 1: offer 1001 is not part of it"):
        take_back(offers, selection=only([target_of("offer", "1001")]))


def test_calling_a_return_off_leaves_the_offer_held(offers):
    offers.work()
    (offers.home / "rules" / "rule.yaml").unlink()
    offers.pass_time(hours=12, minutes=1)
    look(offers)
    [released] = [plan.run_id for plan in offers.all(StoredPlan) if plan.state == "ready"]
    take_back(offers, released)
    offers.work()
    assert offers.paused == ["Bad 1", "Bad 2"]
    assert {hold.state for hold in offers.all(Hold)} == {"active"}


def test_a_halt_does_not_keep_people_from_cancelling(planned):
    with planned.services.store.write() as session:
        halts.halt(session, by="ann", why="wrong rule", now=planned.now)
    take_back(planned)
    with planned.services.store.write() as session:
        halts.resume(session, by="ann", now=planned.now)
    planned.work()
    assert planned.paused == []


# --- compensation ----------------------------------------------------------------------------------

TWO_STEPS = """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.go = true]}
then:
  - id: login
    ensure: user
    key: {email: "ann@example.com"}
    with: {role: accountManager, password: generate, first_name: Ann}
  - ensure: publisher
    key: {email: "ann@example.com"}
    with: {name: Ann}
on_failure: undo
"""


def test_steps_that_do_not_need_the_failed_one_do_not_stay_alone(network):
    network.rule(TWO_STEPS)
    network.world.faults.add({"kind": "status", "status": 422, "operation": "users.*"})
    network.crm({"id": "1", "go": True})
    network.work()
    assert list(network.world.directory.publishers.living()) == []
