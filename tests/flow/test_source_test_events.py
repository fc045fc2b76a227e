"""A test event proves that a sender is set up. It changes nothing unless a rule asks for test events."""

from network import TOKEN

from bridge.store.journal import Event
from bridge.store.observations import Chunk
from bridge.store.runs import Run

RULE = """
schema: 1
id: everything
mode: live
trigger: {{webhook: {{source: postback{event}}}}}
when: {{all: [body.transaction_id matches "."]}}
then:
  - ensure: publisher
    key: {{email: "a@b.example"}}
    with: {{name: Ann, active: true}}
"""
AGENT = {"user-agent": "integr8-bridge-test"}


def send(network):
    query = {"type": "conversion", "tx": "TEST1", "offer": "1", "status": "approved", "payout": "1"}
    return network.webhooks.get(f"/hooks/postback/{TOKEN}", query_string=query, headers=AGENT)


def test_no_rule_is_asked_and_nothing_is_counted(network):
    network.rule(RULE.format(event=""))
    assert send(network).status_code == 202
    network.work()
    [event] = network.all(Event)
    assert (event.event_type, event.state) == ("test", "done")
    assert (network.all(Run), network.all(Chunk)) == ([], [])


def test_a_rule_that_names_test_events_is_asked(network):
    network.rule(RULE.format(event=", event: test"))
    send(network)
    network.work()
    assert [run.rule_id for run in network.all(Run)] == ["everything"]
