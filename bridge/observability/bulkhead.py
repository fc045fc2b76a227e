"""Loop over items so that each fails alone: the others continue, and the failure is reported.

A failure is counted in the metrics, written into the database for /readyz, `doctor` and one service alert, and logged
at growing intervals. The database going away is nobody's own failure and ends the loop.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError

from bridge.observability.metrics import ITEM_FAILURES
from bridge.store import failing_items
from bridge.store.engine import Store
from bridge.store.lease import LeaseLost

log = structlog.get_logger()

#: No failure of an item: whatever it is about is done again, when the database is back or by who has the lease.
NOT_ITS_FAULT = (OperationalError, InterfaceError, LeaseLost)
MAX_ERROR_CHARS = 500  # characters of an error's text that are kept


class Bulkhead:
    """The items of one round. `failed` has the keys of those that failed in it."""

    def __init__(self, store: Store, now: datetime) -> None:
        self._store = store
        self._now = now
        self._known: set[tuple[str, str, str]] | None = None
        self.failed: set[tuple[str, str, str]] = set()

    @contextmanager
    def item(self, kind: str, name: str, step: str) -> Iterator[None]:
        """Note an exception of this block, and let the loop continue.

        Not for use within a transaction of the caller.
        """
        try:
            yield
        except NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it stays with its item
            self.failed.add((kind, name, step))
            self._note((kind, name, step), error)
        else:
            self._clear((kind, name, step))

    def keep_only(self, kind: str, names: set[str], *steps: str) -> None:
        """Forget failures of items that no longer exist."""
        gone = [one for one in self._failing() if one[0] == kind and one[2] in steps and one[1] not in names]
        if gone:
            with self._store.write() as session:
                failing_items.keep_only(session, kind, names, steps)

    def rules_in_trouble(self) -> set[str]:
        """Return the rules whose last run failed, or that cannot be scheduled."""
        return {name for kind, name, _ in self._failing() if kind == "rule"}

    def _failing(self) -> set[tuple[str, str, str]]:
        if self._known is None:
            with self._store.read() as session:
                self._known = failing_items.keys(session)
        return self._known

    def _note(self, key: tuple[str, str, str], error: Exception) -> None:
        kind, name, step = key
        ITEM_FAILURES.labels(kind, step).inc()
        with self._store.write() as session:
            count = failing_items.note(session, key, sentence(error), self._now)
        self._failing().add(key)
        if count & (count - 1) == 0:  # the first time, the second, the fourth, ...
            log.error("item failed", kind=kind, name=name, step=step, count=count, exc_info=error)

    def _clear(self, key: tuple[str, str, str]) -> None:
        if key in self._failing():
            with self._store.write() as session:
                failing_items.clear(session, key)
            self._failing().discard(key)
            log.info("item works again", kind=key[0], name=key[1], step=key[2])


def sentence(error: Exception) -> str:
    """Return an exception as one line."""
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[:MAX_ERROR_CHARS]}…"
