"""A condition on `event.time` sees when the sender says that it happened, or else when it arrived."""

import pytest
from network import YAML, Network

from bridge.store.journal import Event
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


AT_THE_SENDER = YAML.replace("delivery_id: id}", "delivery_id: id, event_time: at}")


@pytest.mark.parametrize(
    ("at", "seen"),
    [
        ("2026-03-02T11:55:00Z", (1, 0, 0)),
        ("2026-03-02T08:00:00Z", (0, 1, 0)),
        (None, (1, 0, 0)),  # the sender names no time: it is that of arrival
        ("0001-01-01T00:00:00Z", (0, 0, 1)),
        ("9999-12-31T23:59:59Z", (0, 0, 1)),
        ("yesterday", (0, 0, 1)),
    ],
)
def test_a_time_that_is_none_is_missing_and_not_that_of_arrival(tmp_path, sqlite_url, now, monkeypatch, at, seen):
    network = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=AT_THE_SENDER)
    network.rule(RULE)
    network.crm({"id": "1", "type": "ping", "at": at})
    network.work()
    [run], [event] = network.all(Run), network.all(Event)
    assert (run.yes, run.no, run.no_decision) == seen
    assert bool(event.faults) == (seen == (0, 0, 1))
    network.close()
