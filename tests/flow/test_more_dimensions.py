"""What report rows carry beside offer, publisher and country: declared in bridge.yaml, kept from then on."""

from datetime import timedelta

import pytest
from network import YAML, Network

from bridge.operations.backtest import BacktestRequest, parse, replayed
from bridge.store.runs import Run, StoredVerdict

RULE = """
schema: 1
id: weak-systems
mode: live
trigger: {every: 15m}
scope: {per: [os]}
data: {window: 24h, need: {}, fresh: 30m}
when: [clicks > 10, cr < 50%]
then: [{http: {url: https://example.com}}]
"""


@pytest.fixture
def made(tmp_path, sqlite_url, now, monkeypatch):
    networks = []

    def make(dimensions):
        found = Network(tmp_path / "home", sqlite_url, now, monkeypatch, yaml=f"{YAML}dimensions: {dimensions}\n")
        networks.append(found)
        return found

    yield make
    for one in networks:
        one.close()


def verdicts(network):
    return {one.subject: one.answer for one in network.all(StoredVerdict)}


def test_a_rule_looks_at_what_is_declared_live_and_in_a_backtest(made):
    network = made("[os]")
    network.world.offer(clicks=400, conversions=20, active=True)
    network.rule(RULE)
    network.work()
    found = verdicts(network)
    assert found
    assert all(subject.startswith("os=") and answer == 1 for subject, answer in found.items())
    [run] = network.all(Run)
    question = BacktestRequest(start=network.now - timedelta(hours=1), end=network.now, step=timedelta(hours=1))
    report = replayed(network.services, parse(network.services, RULE)[0], question)
    assert report.answers["yes"] == run.yes == len(found)
