"""Tell people and programs: find what is new, deliver what is due."""

from bridge import delivering, noticing, troubles, wiring
from tasks.app import celery

ROUNDS = 20


@celery.task(name="notices.deliver")
def deliver() -> None:
    """Asked for by the clock. If this message is lost, the next one does the same."""
    house = wiring.house()
    noticing.collect(house, house.clock())
    troubles.watch(house, house.clock())
    for _ in range(ROUNDS):
        if wiring.leaving.is_set() or not delivering.deliver(house, house.clock()):
            return
