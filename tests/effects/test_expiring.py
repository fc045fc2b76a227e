"""What was decided a day ago is not carried out, whatever it waited for; what may have arrived is still settled."""

import pytest
from rule_texts import pause_on_webhook
from sqlalchemy import update

from bridge.operations import decide, maintenance
from bridge.operations.halt import resume
from bridge.operations.perform import perform_effects
from bridge.store import halts
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, EffectState, StoredPlan

RULE = pause_on_webhook(hold="12h")
ENSURE = """
schema: 1
id: on-demand
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: ["body.go = true"]}
then:
  - id: first
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: Ann}
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {first_name: Ann, last_name: "{{ first.id }}"}
"""


@pytest.fixture
def decided(network):
    """One offer of a webhook, decided and not yet paused."""
    network.rule(RULE)
    network.offer = network.world.offer("Offer", clicks=0, conversions=0, active=True)
    network.crm({"type": "x", "id": "1", "go": True, "offer": str(network.offer.number)})
    while decide.process_events(network.services, network.now).events:
        pass
    return network


def carry_out(network):
    maintenance.tick(network.services, network.now)
    while perform_effects(network.services, network.now):
        pass


def writes(network):
    return [one for one in network.world.log.find() if one["method"] != "GET"]


def ended(network):
    return [(str(one.state), one.error) for one in network.all(Effect)]


OVER = "expired: decided at 2026-03-02 12:00 UTC and not executed within 24 h"


def test_a_pause_that_was_refused_for_a_day_is_not_carried_out(decided):
    decided.world.faults.add({"kind": "status", "status": 402})
    for _ in range(25):
        carry_out(decided)
        decided.pass_time(hours=1)
    decided.world.faults.clear()
    carry_out(decided)
    [(state, error)] = ended(decided)
    assert (state, error.startswith(OVER), decided.active(decided.offer)) == ("failed", True, True)
    assert decided.all(Hold) == []


def test_nor_one_that_waited_for_the_end_of_a_halt(decided):
    with decided.services.store.write() as session:
        halts.halt(session, by="ann", why="outage", now=decided.now)
    decided.pass_time(days=3)
    resume(decided.services, who="ann", now=decided.now)
    carry_out(decided)
    assert ended(decided) == [("failed", OVER)]
    assert [str(one.state) for one in decided.all(StoredPlan)] == ["done"]
    assert writes(decided) == []


def test_what_may_have_arrived_is_looked_for_and_not_sent_again(decided):
    with decided.services.store.write() as session:
        session.execute(update(Effect).values(state=EffectState.UNKNOWN))
    decided.pass_time(hours=30)
    carry_out(decided)
    assert ended(decided) == [("failed", f"{OVER}; Integr8 shows that it did not happen")]
    assert writes(decided) == []


def test_what_has_arrived_is_applied_however_old_it_is(decided):
    decided.services.client().offers.set_status([decided.offer.key], active=False)
    with decided.services.store.write() as session:
        session.execute(update(Effect).values(state=EffectState.UNKNOWN))
    decided.pass_time(hours=30)
    carry_out(decided)
    assert ended(decided) == [("applied", None)]
    assert [str(one.state) for one in decided.all(Hold)] == ["active"]
    assert len(writes(decided)) == 1


def test_a_create_that_may_have_arrived_is_not_repeated_and_what_follows_it_is_not_begun(network):
    network.rule(ENSURE)
    network.crm({"type": "x", "id": "1", "go": True, "email": "ann@a.example"})
    while decide.process_events(network.services, network.now).events:
        pass
    with network.services.store.write() as session:
        session.execute(update(Effect).where(Effect.step == "first").values(state=EffectState.UNKNOWN))
    network.pass_time(hours=30)
    carry_out(network)
    first, second = ended(network)
    assert first == ("failed", OVER)
    assert second == ("failed", f"step first failed, so this one was not begun: {OVER}")
    assert writes(network) == []


def test_a_return_that_could_not_leave_is_decided_about_again(decided):
    carry_out(decided)
    assert not decided.active(decided.offer)
    decided.pass_time(hours=13)
    maintenance.tick(decided.services, decided.now)  # the hold ends, and its return is planned
    decided.pass_time(hours=30)
    while perform_effects(decided.services, decided.now):
        pass
    assert (decided.active(decided.offer), [str(one.state) for one in decided.all(Hold)]) == (False, ["active"])
    decided.pass_time(hours=2)
    carry_out(decided)
    assert (decided.active(decided.offer), [str(one.state) for one in decided.all(Hold)]) == (True, ["released"])
