"""After its work a task stands by for a moment: what comes meanwhile needs no message, which takes 3 ms to arrive.

A message goes from its sender through Redis to the parent of the workers, and from there through a pipe to a child.
Where events follow one another closely, a task that has just ended waits for the next one itself.
"""

import time
from collections.abc import Callable
from typing import Any

from celery.signals import celeryd_after_setup

from bridge.services import container
from bridge.services.queue import WakeUp
from tasks.app import celery

SECONDS = 0.25  # for which a task stands by; other tasks of this worker may wait for its process so long
AT_MOST = 60.0  # seconds until a task ends in any case, far below its time limit
_worker: list[Any] = []  # what the parent has set up, for its children


@celeryd_after_setup.connect
def _note_worker(instance: Any = None, **_: Any) -> None:
    _worker[:] = [instance]


def most_processes() -> int:
    """Return how many processes this worker may have."""
    return max((one.max_concurrency or one.concurrency for one in _worker), default=1)


def work(wanted: WakeUp, look: Callable[[], bool]) -> None:
    """Call `look`, and again whenever this task is wanted soon after it has returned True: nothing is left to do.

    A worker with a single process does not stand by, because everything else waits for that process.
    """
    until = time.monotonic() + AT_MOST
    services = container.services()
    while look():
        if most_processes() < 2 or container.leaving.is_set() or time.monotonic() > until:
            return
        if not services.queue.stand_by(wanted, SECONDS, celery.amqp.queues.consume_from):
            return
