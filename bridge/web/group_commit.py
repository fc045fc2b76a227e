"""Group commit: the requests of a web process hand their events to one writer, which commits them in batches.

The writer takes whatever has gathered during its last commit, so batches grow with the load. A commit costs much more
than a row in it, so right after another one the writer lets more requests gather for a millisecond; an event that comes
alone never waits for others. A request is answered once its own commit is on disk.
"""

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import duplicate_events
from bridge.store.duplicate_events import Receipt
from bridge.store.engine import Store
from bridge.web.deadlines import within

log = structlog.get_logger()

MAX_REQUESTS_PER_COMMIT = 500  # requests per commit at most
MAX_LOGGED_EVENTS = 3  # events of one commit in the log
GATHER = 0.001  # seconds in which a commit waits for more requests, where the one before it has only just ended:
RECENT = 0.01  # less than so many seconds ago
RUSH = 5.0  # requests in a commit, by its mean over the last MEMORY commits, from which on there is a rush
MEMORY = 32
WAITING = 2_000  # requests that may wait for a commit; beyond that the endpoint answers 429


class JournalFull(RuntimeError):
    """More requests already wait for the event journal than it can write soon."""


class JournalClosed(RuntimeError):
    """The journal could not be written. The sender must keep its copy."""


class _Job:
    """The events of one request, and the future of its event loop."""

    __slots__ = ("done", "receipts", "rows")

    def __init__(self, rows: list[dict[str, Any]], done: "asyncio.Future[str | None]") -> None:
        self.rows = rows
        self.receipts: list[Receipt] = []
        self.done = done  # gets what went wrong, or None


def _release(jobs: Sequence[_Job], error: str | None = None) -> None:
    """Wake the waiting requests, all of one event loop in one step."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[str | None]]] = {}
    for job in jobs:
        by_loop.setdefault(job.done.get_loop(), []).append(job.done)
    for loop, waiting in by_loop.items():
        try:
            loop.call_soon_threadsafe(_resolve, waiting, error)
        except RuntimeError:
            log.warning("no one waits for the answer any more", requests=len(waiting))  # the loop is closed


def _resolve(waiting: Sequence["asyncio.Future[str | None]"], error: str | None) -> None:
    for one in waiting:
        if not one.done():  # given up meanwhile
            one.set_result(error)


class GroupCommitWriter(threading.Thread):
    """Writes the events of one process. `record` may be awaited on any event loop."""

    def __init__(
        self,
        store: Store,
        *,
        rest: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(name="group-commit", daemon=True)
        self._store = store
        self._rest = rest
        self._clock = clock
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._mean = 0.0  # requests in a commit

    async def record(self, rows: list[dict[str, Any]], *, patience: float = 25.0) -> list[Receipt]:
        """Return once the events are committed. The request waits on its event loop.

        Raises JournalFull at once when too many wait, JournalClosed when the commit failed or took longer than
        `patience` seconds (the event may be stored by then; its repetition will be a duplicate).
        """
        loop = asyncio.get_running_loop()
        job = _Job(rows, loop.create_future())
        self._put(job)
        try:
            error = await within(patience, job.done)
        except TimeoutError:
            error = f"no commit within {patience:.0f} s"
        if error is not None:
            raise JournalClosed(error)
        return job.receipts

    def _put(self, job: _Job) -> None:
        if self._jobs.qsize() >= WAITING:
            raise JournalFull(f"{WAITING} requests already wait for the event journal")
        self._jobs.put(job)

    def waiting(self) -> int:
        """Return the requests that wait for a commit, for the metrics."""
        return self._jobs.qsize()

    def is_rush(self) -> bool:
        """Return whether commits hold many webhooks, so that work in large batches pays."""
        return self._mean >= RUSH

    def run(self) -> None:
        ended = float("-inf")
        while (first := self._jobs.get()) is not None:
            if self._clock() - ended < RECENT:
                self._rest(GATHER)
            jobs = [first, *self._gathered()]
            self._commit([job for job in jobs if job is not None])
            ended = self._clock()
            self._mean += (len(jobs) - self._mean) / MEMORY
            if None in jobs:
                return

    def stop(self) -> None:
        """Finish the waiting requests, then end."""
        self._jobs.put(None)
        self.join(timeout=30)

    def _gathered(self) -> list[_Job | None]:
        jobs: list[_Job | None] = []
        while len(jobs) < MAX_REQUESTS_PER_COMMIT:
            try:
                jobs.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return jobs

    def _commit(self, jobs: Sequence[_Job]) -> None:
        rows = [row for job in jobs for row in job.rows]
        try:
            with self._store.write_plainly() as connection:
                receipts = duplicate_events.record(connection, rows)
        except SQLAlchemyError as error:
            log.exception("journal not written", requests=len(jobs))
            _release(jobs, type(error).__name__)
            return
        left = iter(receipts)
        for job in jobs:
            job.receipts = list(islice(left, len(job.rows)))
        _release(jobs)
        _tell(rows, receipts)


def _tell(rows: Sequence[dict[str, Any]], receipts: Sequence[Receipt]) -> None:
    """Log one line for a commit's events of one source: a line for each webhook costs as much as accepting it."""
    taken: dict[str, list[Receipt]] = {}
    for row, receipt in zip(rows, receipts, strict=True):
        taken.setdefault(row["source"], []).append(receipt)
    for source, of_it in taken.items():
        again = sum(one.duplicate for one in of_it)
        ids = [one.event_id for one in of_it[:MAX_LOGGED_EVENTS]]
        log.info("webhooks journalled", source=source, count=len(of_it), duplicates=again, events=ids)
