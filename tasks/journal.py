"""Turn waiting events into runs and plans, a batch at a time."""

from bridge import draining, wiring
from bridge.metrics import DRAIN_SECONDS
from tasks.app import celery

BATCHES = 50  # then the task ends and asks for another, so that no task runs for minutes


@celery.task(name="journal.drain")
def drain() -> None:
    """Take batches until none is left. If this message is lost, the sweep sends another."""
    house = wiring.house()
    for _ in range(BATCHES):
        with DRAIN_SECONDS.time():
            drained = draining.drain(house, house.clock())
        if drained.effects_due:
            house.queue.nudge("effects.perform")
        if not drained.more:
            return
    house.queue.nudge("journal.drain")
