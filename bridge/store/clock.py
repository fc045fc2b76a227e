"""The clock of the service: the same for every process that shares a database.

Leases are moments: a worker whose own clock is an hour ahead would see everybody else's leases as ended and do their
work a second time. So a moment never comes from the machine that a process happens to run on. On PostgreSQL it is the
server's, asked for once a second and carried on by the monotonic clock in between; a SQLite file has one machine, and
that machine has one clock.
"""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine, func, select
from sqlalchemy.exc import SQLAlchemyError

log = structlog.get_logger()

AGE = 1.0  # seconds after which the server is asked again; one of its own clock's steps is seen within that time


def own() -> datetime:
    """Return the time by the clock of this machine, in UTC."""
    return datetime.now(UTC)


def asked(engine: Engine) -> datetime:
    """Return the time by the clock of the database server, in UTC."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        found: datetime = connection.scalars(select(func.clock_timestamp())).one()
    return found.astimezone(UTC)


class DatabaseClock:
    """Returns the time when called: an aware moment in UTC. Any thread may call; one at a time asks the server.

    While the database does not answer, it extrapolates the last answer, or uses this machine's clock if there was none:
    nothing can be claimed or journalled then.
    """

    def __init__(
        self,
        engine: Callable[[], Engine],
        *,
        machine: Callable[[], datetime] | None = None,
        server: Callable[[Engine], datetime] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """Create it. `machine`, `server` and `monotonic` replace the clocks of the machine and of the database."""
        self._engine = engine
        self._machine, self._server, self._monotonic = machine, server, monotonic
        self._asking = threading.Lock()
        self._last: tuple[float, datetime] | None = None  # (monotonic seconds, what the server said then)
        self._next = float("-inf")  # monotonic seconds

    def __call__(self) -> datetime:
        engine = self._engine()
        if engine.dialect.name == "sqlite":
            return (self._machine or own)()
        if self._monotonic() >= self._next and self._asking.acquire(blocking=self._last is None):
            try:
                self._ask(engine)
            finally:
                self._asking.release()
        if self._last is None:
            return (self._machine or own)()
        at, said = self._last
        return said + timedelta(seconds=self._monotonic() - at)

    def _ask(self, engine: Engine) -> None:
        before = self._monotonic()
        if before < self._next:
            return  # another thread has just asked
        try:
            said = (self._server or asked)(engine)
        except SQLAlchemyError as error:
            log.warning("the database was not asked for the time", error=type(error).__name__)
        else:
            after = self._monotonic()
            self._last = (before + (after - before) / 2, said)
        self._next = self._monotonic() + AGE
