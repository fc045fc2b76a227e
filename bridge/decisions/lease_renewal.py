"""Renew leases in the background while their work goes on. One thread of a process renews all that it holds.

Most leases are given back within milliseconds, so a thread for each would cost more than what it is for.
"""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from bridge.store.engine import Store
from bridge.store.lease import LeaseLost

log = structlog.get_logger()

RENEWALS = 3  # in the time of one lease
CHECK_SECONDS = 5.0  # seconds between two checks when nothing is due before; an ordinary lease is due later than that
IDLE = 60.0  # seconds without a lease after which the thread ends


@dataclass(eq=False, slots=True)
class _Held:
    renew: Callable[[], bool]  # False: it is not ours any more
    every: float  # seconds
    due: float  # monotonic
    over: bool = False
    using: threading.Lock = field(default_factory=threading.Lock)


class _Renewer:
    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._held: set[_Held] = set()
        self._thread: threading.Thread | None = None
        self._wakes = 0.0  # monotonic; when the thread looks again by itself

    def add(self, one: _Held) -> None:
        with self._changed:
            self._held.add(one)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="leases", daemon=True)
                self._thread.start()
            elif one.due < self._wakes:
                self._changed.notify()

    def end(self, one: _Held) -> None:
        """End the renewal, and wait for one that is running."""
        with self._changed:
            self._held.discard(one)
        with one.using:
            one.over = True

    def _run(self) -> None:
        last = time.monotonic()
        while True:
            with self._changed:
                now = time.monotonic()
                last = now if self._held else last
                if now - last > IDLE:
                    self._thread = None
                    return
                self._wakes = min([now + CHECK_SECONDS, *(one.due for one in self._held)])
                self._changed.wait(max(0.0, self._wakes - now))
                due = [one for one in self._held if one.due <= time.monotonic()]
            for one in due:
                self._renew(one)

    def _renew(self, one: _Held) -> None:
        try:
            with one.using:
                goes_on = not one.over and one.renew()
        except Exception:  # whoever writes under this lease finds out; the others are renewed all the same
            log.exception("a lease was not renewed")
            goes_on = False
        with self._changed:
            if goes_on:
                one.due = time.monotonic() + one.every
            else:
                self._held.discard(one)


_renewer = _Renewer()


def _forget() -> None:
    """Forget the thread, because threads do not survive a fork."""
    global _renewer  # noqa: PLW0603 - one per process is the point
    _renewer = _Renewer()


os.register_at_fork(after_in_child=_forget)


@contextmanager
def renewed(store: Store, now: datetime, hold: Callable[[Session, datetime], None], lease: timedelta) -> Iterator[None]:
    """While the block runs, call `hold` with a new end of the lease a few times in each lease.

    It runs in a thread with its own transaction. If it fails, whoever writes under the lease finds out.
    """
    began, every = time.monotonic(), lease.total_seconds() / RENEWALS

    def renew() -> bool:
        until = now + timedelta(seconds=time.monotonic() - began) + lease
        try:
            with store.write(durable=False) as session:
                hold(session, until)
        except LeaseLost:
            return False
        except SQLAlchemyError as error:
            log.warning("a lease was not renewed", error=type(error).__name__)
        return True

    one, renewer = _Held(renew, every, began + every), _renewer
    renewer.add(one)
    try:
        yield
    finally:
        renewer.end(one)
