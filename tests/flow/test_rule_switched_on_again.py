"""A rule that is switched on again does nothing for the time in which it was off."""

from datetime import timedelta

import pytest

from bridge.operations import maintenance
from bridge.store.runs import Run

RULE = """
schema: 1
id: daily
mode: MODE
trigger: {cron: "0 7 * * *"}
scope: {per: [offer], where: all}
data: {need: {clicks: 1}}
when: [clicks >= 0]
then: [{pause: offer, hold: 1h}]
"""


@pytest.fixture
def loaded(network):
    """The rule in a mode, loaded now."""

    def load(mode):
        network.rule(RULE.replace("MODE", mode))
        network.work()

    return load


def pass_days(network, days):
    """With a look every six hours, as beat has it every second."""
    for _ in range(4 * days):
        network.pass_time(hours=6)
        maintenance.tick(network.services, network.now)


def due_times(network):
    return [run.due_at for run in network.all(Run)]


def test_what_was_due_while_it_was_disabled_is_not_made_up_for(network, loaded):
    loaded("shadow")
    pass_days(network, 1)
    network.work()
    [first] = due_times(network)
    loaded("disabled")
    pass_days(network, 3)
    loaded("shadow")
    network.pass_time(hours=1)
    network.work()
    assert due_times(network) == [first]
    pass_days(network, 1)
    network.work()
    assert due_times(network) == [first, first + timedelta(days=4)]


def test_what_was_due_while_the_service_was_down_is(network, loaded):
    loaded("shadow")
    network.pass_time(days=3)
    network.work()
    assert len(due_times(network)) == 1
