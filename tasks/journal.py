"""Turn waiting events into runs and plans, a batch at a time."""

import time
from collections.abc import Callable

from bridge.decisions.event_batches import BATCH, BatchResult
from bridge.observability.metrics import DRAIN_SECONDS
from bridge.operations import decide
from bridge.services import container
from bridge.services.queue import Queue
from tasks.app import celery

NAME = "journal.drain"
BATCHES = 3  # then the task ends and asks for another: effects, too, need a process to carry them out
MANY = 25  # events in one batch: then more are on their way
REST = 0.3  # seconds; a batch costs ten milliseconds and its effects two calls, however few events it has


@celery.task(name=NAME)
def drain() -> None:
    """Take batches until none is left. If this message is lost, the sweep sends another."""
    services = container.services()
    take_batches(services.queue, lambda: decide.process_events(services, services.clock()))


def take_batches(
    queue: Queue, process: Callable[[], BatchResult], *, rest: Callable[[float], None] = time.sleep
) -> None:
    """Process batches of events, a few at most, then ask for the task again.

    Under load a short rest between two of them makes batches larger. Nobody else looks meanwhile, because we will; and
    there is none where a whole batch was full, because then events wait already.
    """
    if queue.held_off(NAME):
        return
    for _ in range(BATCHES):
        with DRAIN_SECONDS.time():
            drained = process()
        if drained.effects_due:
            queue.nudge("effects.perform")
        if MANY <= drained.events < BATCH and not container.leaving.is_set():
            queue.hold_off(NAME, REST)
            rest(REST)
            queue.let_go(NAME)
        elif not drained.more:
            return
    queue.nudge(NAME)
