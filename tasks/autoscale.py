"""Start the processes of a worker when work waits for one, and end them when there was nothing for them to do.

A process that works keeps some tens of megabytes for itself, and at rest one of them does everything that there is.
Starting another one takes some hundredths of a second, because it is forked from the worker.

Celery's own autoscaler starts a process as soon as two messages are there, as they are every second, and ends none as
long as messages arrive.
"""

import time
from contextlib import suppress
from typing import Any

from celery.concurrency import prefork
from celery.concurrency.asynpool import AsynPool
from celery.worker import state
from celery.worker.autoscale import Autoscaler

URGENT = frozenset({"journal.process", "effects.perform", "rules.run_due", "rules.answer"})
PATIENCE, URGENT_PATIENCE = 1.0, 0.02  # seconds that a message may wait before a process is started for it
FULL_PATIENCE = 0.5  # seconds where a worker holds as many messages as it may: until one is done it sees no urgent one
MORE = 10  # times as long for each process that is at the same work already, because it also does what comes meanwhile
LONGEST = 2.0  # seconds; a message that waits for longer counts as lost, and another one is sent (queue.FORGOTTEN)
IDLE = 75.0  # seconds in which never all were at work, longer than the minute between two evaluations; then one ends
CHECK = 15.0  # seconds between two checks for that


class OnDemand(Autoscaler):
    """Keeps as many processes as there is work for, between the two numbers of `--autoscale`.

    It runs in the event loop of the worker, which is also what gives messages to the processes.
    """

    pool: Any

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options | {"keepalive": CHECK})
        self._all_worked = time.monotonic()  # the last moment when all were at work
        # After a lost connection Celery would take only as many messages as there are processes then, for good.
        self.worker.app.conf.worker_enable_prefetch_count_reduction = False

    def maybe_scale(self, req: Any = None) -> None:
        """Look after a message that has just arrived (`req`), or, every CHECK seconds, for an idle process."""
        if req is None:
            self._end_idle()
        elif self.qty >= self.processes:
            longest = FULL_PATIENCE if self.qty >= self.max_concurrency else float("inf")
            self.worker.hub.call_later(min(patience(req), longest), self._start_for, req)

    def _start_for(self, request: Any) -> None:
        """Start processes if this message still waits for one: for it, and for all that wait in front of it."""
        if self.qty >= self.processes:
            self._all_worked = time.monotonic()
        waits = request.time_start is None and request in state.reserved_requests
        wanted = min(self.qty, self.max_concurrency) - self.processes
        if waits and wanted > 0:
            self.scale_up(wanted)
            self.pool.maintain_pool()

    def _end_idle(self) -> None:
        """End one process. Not while any is at work: a message may be on its way to the one that is to end."""
        idle = time.monotonic() - self._all_worked >= IDLE
        if idle and not self.qty and self.processes > self.min_concurrency and self.pool.is_settled():
            with suppress(ValueError):  # all are at work
                self.pool.shrink(1)
            self.pool.maintain_pool()


def patience(request: Any) -> float:
    """Return how many seconds this message may wait until a process is started for it."""
    same = sum(_work(one) == _work(request) for one in state.active_requests)
    first = URGENT_PATIENCE if request.name in URGENT else PATIENCE
    return min(LONGEST, float(first * MORE**same))


def _work(request: Any) -> tuple[str, str | None]:
    """Return the task and its queue: one of an account is other work."""
    return request.name, request.delivery_info.get("routing_key")


class Processes(AsynPool):
    """Celery's processes, in the order in which they started: the first one works whenever it can.

    What it has read and computed is of use again, and those behind it are idle if they are not needed.
    """

    _pool: list[Any]

    def shrink(self, n: int = 1) -> None:
        """End so many processes that are idle, the youngest first. Raises ValueError if all are at work."""
        self._pool.reverse()
        try:
            super().shrink(n)
        finally:
            self._pool.reverse()

    def _create_write_handlers(self, hub: Any, *arguments: Any, **options: Any) -> None:
        super()._create_write_handlers(hub, *arguments, **options)  # type: ignore[misc]
        give = hub.consolidate_callback  # writes waiting messages to processes without work, given as descriptors

        def oldest_first(idle: list[int]) -> None:
            place = {one.inqW_fd: number for number, one in enumerate(self._pool)}
            give(sorted(idle, key=lambda one: place.get(one, len(place))))

        hub.consolidate_callback = oldest_first


class Pool(prefork.TaskPool):
    """Celery's pool of forked processes, made of `Processes`."""

    Pool = Processes
    _pool: Any

    def is_settled(self) -> bool:
        """Return False while a process ends or has yet to be started."""
        return len(self._pool._pool) == int(self.num_processes)  # noqa: SLF001 - billiard's list
