"""The database has gone back in time, Integr8 has not: what is in doubt, and what is not done a second time."""

import pytest
from click.testing import CliRunner
from sqlalchemy import update

from bridge.cli import cli
from bridge.effects.claims import claim_batch
from bridge.operations import decide
from bridge.operations.restore import PERHAPS, distrust
from bridge.store import audit_log, halts
from bridge.store.ledger import Effect, EffectState

RULE = """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.email matches "@"]}
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: Ann, active: true}
  - http: {url: "https://crm.example.com/signed", body: {id: "{{ body.id }}"}}
"""


@pytest.fixture
def planned(network):
    """Decided, and nothing carried out: as it was when the copy was made."""
    network.rule(RULE)
    network.crm({"id": "1", "email": "ann@example.com"})
    decide.process_events(network.services, network.now)
    return network


def restored(network):
    with network.services.store.write() as session:
        return distrust(session, by="ann", why="restored", now=network.now)


def states(network):
    return {effect.verb: effect.state for effect in network.all(Effect)}


def resumed(network):
    with network.services.store.write() as session:
        halts.resume(session, by="ann", now=network.now)
    network.work()


def test_nothing_leaves_the_house_before_a_person_has_looked(planned):
    restored(planned)
    planned.work()
    assert planned.calls("publishers.create") == 0


def test_a_request_that_may_have_been_sent_is_not_sent_again(planned):
    assert restored(planned).given_up == 1
    assert [effect.error for effect in planned.all(Effect) if effect.verb == "http"] == [PERHAPS]


def test_what_was_under_way_is_read_before_it_is_sent(planned):
    assert restored(planned).effects == 1
    assert states(planned)["ensure"] == EffectState.UNKNOWN


def test_what_was_created_after_the_copy_is_found_and_not_created_again(planned):
    planned.services.client().publishers.create(name="Ann", email="ann@example.com")
    restored(planned)
    resumed(planned)
    assert (planned.calls("publishers.create"), states(planned)["ensure"]) == (1, EffectState.APPLIED)


def test_a_worker_of_before_the_restore_can_write_nothing(planned):
    batch = claim_batch(planned.services.store, planned.now)[0]
    restored(planned)
    assert all(
        effect.fence > batch.effects[effect.id].fence for effect in planned.all(Effect) if effect.id in batch.effects
    )


def test_events_that_waited_are_decided_about_again(network):
    network.rule(RULE)
    network.crm({"id": "1", "email": "ann@example.com"})
    assert restored(network).events == 1


def test_who_restored_is_written_down(planned):
    restored(planned)
    assert ("ann", "restore") in {(one.who, one.what) for one in planned.all(audit_log.Audit)}


def test_the_same_step_of_the_same_cause_has_the_same_name_for_other_servers(planned):
    """So that a server that knows Idempotency-Key recognises what came before the restore."""

    def names():
        with planned.services.store.write() as session:
            session.execute(update(Effect).values(due_at=planned.now, claimed_until=None))
        return [job.idempotency_key for batch in claim_batch(planned.services.store, planned.now) for job in batch.jobs]

    first = names()
    assert first == names()
    assert len(set(first)) == 2


def test_the_command_says_what_is_in_doubt(planned, monkeypatch):
    monkeypatch.setenv("BRIDGE_HOME", str(planned.home))
    found = CliRunner().invoke(cli, ["db", "restored"])
    assert found.exit_code == 0, found.output
    assert "effects that were under way: 1;" in found.output
    assert "HALTED" in found.output
