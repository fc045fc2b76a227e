"""Starts of exports, counted in memory: for tests without a database."""

from collections.abc import Sequence
from datetime import datetime, timedelta


class StartsInMemory:
    """A StartLog of one process, for tests and one-off scripts."""

    def __init__(self) -> None:
        self._starts: list[datetime] = []

    def reserve(self, now: datetime, *, limit: int, span: timedelta) -> bool:
        if len(self.since(now - span)) >= limit:
            return False
        self._starts.append(now)
        return True

    def release(self, at: datetime) -> None:
        self._starts.remove(at)

    def since(self, moment: datetime) -> Sequence[datetime]:
        return sorted(start for start in self._starts if start > moment)
