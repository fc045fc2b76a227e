"""A condition on `event.time` sees when the sender says that it happened, or else when it arrived."""

from bridge.store.runs import Run

RULE = """
schema: 1
id: fresh-only
mode: shadow
trigger: {webhook: {source: crm}}
when: ["age(event.time) < 1h"]
then: [{update: offer, which: "1001", with: {description: seen}}]
"""


def test_an_event_that_has_just_arrived_is_fresh(network):
    network.rule(RULE)
    network.crm({"id": "1", "type": "ping"})
    network.work()
    assert [(run.yes, run.no_decision) for run in network.all(Run)] == [(1, 0)]
