"""The connection breaks while a rule is being decided about: the event is decided about again, not marked as done."""

from contextlib import suppress

import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from bridge.operations import decide
from bridge.store.runs import Run

RULE = """
schema: 1
id: bad-offer
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.offer matches "."]}
then: [{pause: offer, which: "{{ body.offer }}", hold: 12h}]
guards: {at_most: {targets: 1000, share: 100%}}
"""


@pytest.fixture
def breaking(network):
    """The next look at the holds meets a connection that the server has ended."""
    left = [1]

    def cut(connection, cursor, statement, parameters, context, executemany):
        if left[0] and "FROM holds" in statement:
            left[0] -= 1
            raise OperationalError(statement, parameters, Exception("terminating connection"))

    yield lambda: event.listen(network.services.store.engine, "before_cursor_execute", cut)
    with suppress(Exception):
        event.remove(network.services.store.engine, "before_cursor_execute", cut)


def test_an_event_whose_decision_met_a_dead_connection_is_not_lost(network, breaking):
    network.rule(RULE)
    offer = network.world.offer("Bad")
    network.work()  # what the mirror and the first tick look at is done
    network.crm({"id": "1", "offer": offer.key})
    breaking()
    with suppress(OperationalError):
        decide.process_events(network.services, network.now)
    network.pass_time(minutes=2)  # longer than any lease
    network.work()
    assert not network.active(offer)
    assert [one.error for one in network.all(Run)] == [None]
