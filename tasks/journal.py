"""Process waiting events in batches: each becomes runs and plans."""

import time
from collections.abc import Callable

from bridge.decisions.event_batches import MAX_EVENTS_PER_BATCH, BatchResult
from bridge.observability.metrics import EVENT_BATCH_SECONDS
from bridge.operations import decide
from bridge.services import container
from bridge.services.queue import Queue, WakeUp
from tasks import standby
from tasks.app import celery

NAME = "journal.process"
BATCHES = 3  # then the task ends and asks for another: effects, too, need a process to carry them out
BUSY_BATCH = 25  # events in one batch: then more are on their way
MAX_REST_SECONDS = 0.3  # seconds; a batch costs ten milliseconds and its effects two calls, however few events it has


@celery.task(name=NAME)
def process() -> None:
    """Process batches until none is left. If this message is lost, the sweep sends another."""
    services = container.services()
    standby.work(
        WakeUp(NAME), lambda: process_batches(services.queue, lambda: decide.process_events(services, services.clock()))
    )


def process_batches(
    queue: Queue,
    process_one: Callable[[], BatchResult],
    *,
    rest: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Process a few batches of events, then request the task again. Returns whether no event is left.

    Under load a rest between two of them makes batches larger. It is as long as the batch took, so that a worker works
    half of its time: with room left an event waits for tens of milliseconds, without any batches grow until there is.
    In a rush, which a web process tells us of, it is as long as it may be, because each batch costs the time in which
    webhooks could be taken. Nobody else looks meanwhile, because we will; and there is none where a whole batch was
    full, because then events wait already.
    """
    if queue.debounced(NAME):
        return False
    for _ in range(BATCHES):
        started = clock()
        with EVENT_BATCH_SECONDS.time():
            batch = process_one()
        if BUSY_BATCH <= batch.events < MAX_EVENTS_PER_BATCH and not container.leaving.is_set():
            seconds = MAX_REST_SECONDS if queue.is_rush() else min(clock() - started, MAX_REST_SECONDS)
            queue.debounce(NAME, seconds)
            rest(seconds)
            queue.clear(NAME)
        elif not batch.more:
            return True
    queue.wake(NAME)
    return False
