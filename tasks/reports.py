"""Read Integr8's reports."""

from datetime import UTC, datetime

from bridge import feeding, wiring
from tasks.app import celery

ROUNDS = 10


@celery.task(name="reports.poll")
def poll() -> None:
    """Go on with feeds that are due. If this message is lost, the next tick sends another."""
    house = wiring.house()
    for _ in range(ROUNDS):
        if wiring.leaving.is_set() or not feeding.read_due(house, datetime.now(UTC)):
            return
    house.queue.nudge("reports.poll")
