"""Count every request to Integr8: at once for metrics, by the hour for the console.

The sums of an hour are kept in memory and written when a piece of work ends, or after ten seconds of it: one small
transaction for many requests. A process that is killed takes the sums of seconds along, which a chart survives.
"""

import threading
import time
from collections.abc import Callable
from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from bridge.integr8.request_observer import ObservedRequest, RequestObserver
from bridge.observability.metrics import BUDGET_WAIT, CALL_SECONDS, CALLS
from bridge.store import api_usage
from bridge.store.api_usage import Key, Sum
from bridge.store.engine import Store

log = structlog.get_logger()

WRITE_INTERVAL = 10.0  # seconds between two writings while one piece of work goes on


class Meter:
    """Counts requests. Threads may share it. `store` is called when there is something to write."""

    def __init__(self, store: Callable[[], Store], clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._sums: dict[Key, Sum] = {}
        self._lock = threading.Lock()
        self._written = time.monotonic()

    def of(self, account: str) -> RequestObserver:
        """Return the observer for the requests of an account's client."""

        def observe(one: ObservedRequest) -> None:
            CALLS.labels(account, one.operation, one.outcome).inc()
            CALL_SECONDS.labels(one.operation).observe(one.took)
            BUDGET_WAIT.labels(account).observe(one.waited)
            key = Key(account, api_usage.hour_of(self._clock()), one.operation, one.outcome)
            with self._lock:
                self._sums[key] = self._sums.get(key, Sum()) + Sum(1, one.waited, one.took, one.took)
            if time.monotonic() - self._written > WRITE_INTERVAL:
                self.write()

        return observe

    def write(self, *, last: bool = False) -> None:
        """Write the collected counts into the database. If that fails they are kept: a call must not fail for a chart.

        `last`: this process ends, and a command line must not warn about a database that it did not need.
        """
        with self._lock:
            sums, self._sums = self._sums, {}
            self._written = time.monotonic()
        if not sums:
            return
        try:
            with self._store().write() as session:
                api_usage.add(session, sums)
        except SQLAlchemyError as error:
            (log.debug if last else log.warning)("usage not written", error=type(error).__name__)
            with self._lock:
                for key, one in sums.items():
                    self._sums[key] = self._sums.get(key, Sum()) + one
