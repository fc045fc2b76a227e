"""Turn waiting events into runs and plans, a batch at a time."""

import time

from bridge import draining, wiring
from bridge.metrics import DRAIN_SECONDS
from tasks.app import celery

BATCHES = 10  # then the task ends and asks for another: effects, too, need a process to carry them out
MANY = 25  # events in one batch: then more are on their way
REST = 0.3  # seconds; a batch costs ten milliseconds and its effects two calls, however few events it has


@celery.task(name="journal.drain")
def drain() -> None:
    """Take batches until none is left. If this message is lost, the sweep sends another.

    Under load a short rest between two of them makes batches larger. Nobody else need look meanwhile: we will.
    """
    house = wiring.house()
    for _ in range(BATCHES):
        with DRAIN_SECONDS.time():
            drained = draining.drain(house, house.clock())
        if drained.effects_due:
            house.queue.nudge("effects.perform")
        if drained.events >= MANY and not wiring.leaving.is_set():
            house.queue.hold_off("journal.drain", REST)
            time.sleep(REST)
            house.queue.begun("journal.drain")
        elif not drained.more:
            return
    house.queue.nudge("journal.drain")
