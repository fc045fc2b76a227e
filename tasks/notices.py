"""Tell people and programs: find what is new, deliver what is due."""

from datetime import UTC, datetime

from bridge import delivering, noticing, troubles, wiring
from tasks.app import celery

ROUNDS = 20


@celery.task(name="notices.deliver")
def deliver() -> None:
    """Asked for by the clock. If this message is lost, the next one does the same."""
    house = wiring.house()
    noticing.collect(house, datetime.now(UTC))
    troubles.watch(house, datetime.now(UTC))
    for _ in range(ROUNDS):
        if wiring.leaving.is_set() or not delivering.deliver(house, datetime.now(UTC)):
            return
