"""One commit for many requests: the threads of a web process hand their events to a scribe.

The scribe writes whatever has gathered while it was busy with the last commit, so under load a batch grows by
itself and a single event waits for nobody. A request is answered when its own commit is on disk.
"""

import queue
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.store import journal
from bridge.store.engine import Store
from bridge.store.journal import Receipt

log = structlog.get_logger()

BATCH = 500  # requests per commit at most
WAITING = 2_000  # requests that may wait for a commit; beyond that the door says 429


class JournalFull(RuntimeError):
    """More requests wait for the journal than it will take soon."""


class JournalClosed(RuntimeError):
    """The journal could not be written. The sender must keep its copy."""


Job = tuple[list[dict[str, Any]], "Future[list[Receipt]]"]


class Scribe(threading.Thread):
    """Writes the events of one process. `record` may be called from any thread."""

    def __init__(self, store: Store) -> None:
        super().__init__(name="scribe", daemon=True)
        self._store = store
        self._jobs: queue.Queue[Job | None] = queue.Queue(maxsize=WAITING)

    def record(self, rows: list[dict[str, Any]], *, patience: float = 25.0) -> list[Receipt]:
        """Return once the events are committed.

        Raises JournalFull at once when too many wait, JournalClosed when the commit failed or took longer
        than `patience` seconds (the event may be there by then; its repeat will be a duplicate).
        """
        done: Future[list[Receipt]] = Future()
        try:
            self._jobs.put_nowait((rows, done))
        except queue.Full:
            raise JournalFull(f"{WAITING} requests wait for the journal") from None
        try:
            return done.result(timeout=patience)
        except TimeoutError:
            raise JournalClosed(f"no commit within {patience:.0f} s") from None

    def waiting(self) -> int:
        """Requests that wait for a commit, for the metrics."""
        return self._jobs.qsize()

    def run(self) -> None:
        while (first := self._jobs.get()) is not None:
            jobs = [first, *self._gathered()]
            self._commit([job for job in jobs if job is not None])
            if None in jobs:
                return

    def stop(self) -> None:
        """Finish what waits, then end."""
        self._jobs.put(None)
        self.join(timeout=30)

    def _gathered(self) -> list[Job | None]:
        jobs: list[Job | None] = []
        while len(jobs) < BATCH:
            try:
                jobs.append(self._jobs.get_nowait())
            except queue.Empty:
                break
        return jobs

    def _commit(self, jobs: Sequence[Job]) -> None:
        try:
            with self._store.write() as session:
                receipts = journal.record(session, [row for rows, _ in jobs for row in rows])
        except SQLAlchemyError as error:
            log.exception("journal not written", requests=len(jobs))
            for _, done in jobs:
                done.set_exception(JournalClosed(type(error).__name__))
            return
        for rows, done in jobs:
            done.set_result(receipts[: len(rows)])
            receipts = receipts[len(rows) :]
