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
_processes = 1


@celeryd_after_setup.connect
def _count(instance: Any = None, **_: Any) -> None:
    global _processes  # noqa: PLW0603 - what the parent knows, for its children
    _processes = instance.concurrency or 1


def work(wanted: WakeUp, look: Callable[[], bool]) -> None:
    """Call `look`, and again whenever this task is wanted soon after it has returned True: nothing is left to do.

    A worker with a single process does not stand by, because everything else waits for that process.
    """
    until = time.monotonic() + AT_MOST
    services = container.services()
    while look():
        if _processes < 2 or container.leaving.is_set() or time.monotonic() > until:
            return
        if not services.queue.stand_by(wanted, SECONDS, celery.amqp.queues.consume_from):
            return
