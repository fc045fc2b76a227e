"""Without BRIDGE_SECRET_KEY only what makes a secret waits; whatever else is due is done and written down."""

from dataclasses import replace

from bridge.store.holds import Hold
from bridge.store.ledger import Effect, EffectState

PAUSE = """
schema: 1
id: pause-on-demand
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.offer != null]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 1h
"""
USER = """
schema: 1
id: user-on-demand
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.email matches "@"]}
then:
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {role: accountManager, password: generate}
"""


def test_a_pause_is_done_and_held_and_a_user_is_made_once_there_is_a_key(network):
    offer = network.world.offer("Bad", active=True)
    network.rule(PAUSE, "pause.yaml")
    network.rule(USER, "user.yaml")
    network.work()
    settings = network.services.settings
    network.services.settings = replace(settings, secret_key=None)
    network.crm({"id": "e1", "offer": str(offer.view()["incremental_id"])})
    network.crm({"id": "e2", "email": "ann@example.com"})
    network.work()
    states = {effect.verb: (effect.state, effect.error) for effect in network.all(Effect)}
    assert network.paused == ["Bad"]
    assert states["pause"][0] == EffectState.APPLIED
    assert len(network.all(Hold)) == 1
    assert states["ensure"][0] == EffectState.PLANNED
    assert "BRIDGE_SECRET_KEY is missing" in states["ensure"][1]
    assert network.calls("users.create") == 0

    network.services.settings = settings
    network.pass_time(minutes=2)
    network.work()
    assert {effect.state for effect in network.all(Effect)} == {EffectState.APPLIED}
    assert network.calls("users.create") == 1
