"""What an event costs does not grow with what came before it. Counted in steps of SQLite's machine, not in seconds."""

import pytest
from sqlalchemy import event

from bridge.operations import decide
from bridge.operations.perform import perform_effects

RULE = """
schema: 1
id: pause-on-demand
mode: live
trigger: {webhook: {source: crm}}
when: {all: [body.amount >= 50]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 12h
guards: {at_most: {targets: 1000}}
"""
EVERY = 10  # steps between two counts


class Steps:
    """Counts what SQLite does on the connections of one engine."""

    def __init__(self, engine):
        self.taken = 0
        event.listen(engine, "checkout", lambda connection, *_: connection.set_progress_handler(self._count, EVERY))

    def _count(self):
        self.taken += EVERY
        return 0


@pytest.fixture
def offers(network):
    network.rule(RULE)
    made = [network.world.offer(f"Offer {number}", active=True) for number in range(420)]
    network.work()  # the mirror knows them
    return [str(one.view()["incremental_id"]) for one in made]


def test_an_event_costs_the_same_after_four_hundred_others(network, offers):
    steps = Steps(network.services.store.engine)

    def one(number):
        network.crm({"id": f"e{number}", "amount": 100, "offer": offers[number]})
        steps.taken = 0
        decide.process_events(network.services, network.now)
        perform_effects(network.services, network.now)
        return steps.taken

    one(0)
    early = one(1)
    for number in range(2, 402):
        network.crm({"id": f"e{number}", "amount": 100, "offer": offers[number]})
    network.work()
    assert len(network.paused) == 402
    assert one(402) < early * 1.2 + 200
