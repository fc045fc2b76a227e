"""A source that should have spoken and did not."""

import pytest

from bridge.store.runs import Run

RULE = """
schema: 1
id: crm-silent
mode: live
trigger: {silence: {source: crm, for: 1h}}
when: {all: [body.minutes >= 60]}
then:
  - ensure: publisher
    key: {email: "oncall@example.com"}
    with: {name: "CRM is silent since {{ body.last_event_at }}"}
"""


@pytest.fixture
def speaking(network):
    network.rule(RULE)
    network.crm({"id": "1", "type": "ping"})
    network.work()
    return network


def test_while_the_source_speaks_nothing_happens(speaking):
    speaking.pass_time(minutes=50)
    speaking.work()
    assert speaking.all(Run) == []


def test_after_the_time_is_up_the_rule_runs_once(speaking):
    for _ in range(6):
        speaking.pass_time(minutes=30)
        speaking.work()
    assert len(speaking.all(Run)) == 1
    assert len(list(speaking.world.directory.publishers.living())) == 1


def test_a_second_silence_is_another_one(speaking):
    speaking.pass_time(minutes=90)
    speaking.work()
    speaking.crm({"id": "2", "type": "ping"})
    speaking.work()
    speaking.pass_time(minutes=90)
    speaking.work()
    assert len(speaking.all(Run)) == 2
