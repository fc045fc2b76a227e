"""Read Integr8's reports."""

from bridge import feeding, wiring
from tasks.app import celery

ROUNDS = 10


@celery.task(name="reports.poll")
def poll() -> None:
    """Go on with feeds that are due. If this message is lost, the next tick sends another."""
    house = wiring.house()
    with feeding.in_turn(house, house.clock()) as ours:
        for _ in range(ROUNDS if ours else 0):
            if wiring.leaving.is_set() or not feeding.read_due(house, house.clock()):
                return
            if not feeding.answered(house):
                return
    if ours:
        house.queue.nudge("reports.poll")
