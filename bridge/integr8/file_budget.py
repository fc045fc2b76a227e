"""Keep the rate budget of all processes of one machine in a file under a lock.

For commands beside which no service runs. The rules are those of `rate_limiter.Pace`; the clock is the machine's
monotonic one, which all its processes share.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from bridge.integr8.errors import BudgetUnavailable
from bridge.integr8.rate_limiter import BudgetState, Outcome, Pace, Priority

#: What the file holds: all of a `Pace`. It is written at once, so `asdict`, which copies whatever is in it, has no use.
KEPT = tuple(one.name for one in fields(Pace))


class FileBudget:
    """The budget in the file `path`, whose directory exists. Threads and processes may share it."""

    def __init__(
        self, path: Path, per_second: float, burst: int | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._path = path
        self._limits = (per_second, burst or max(1, int(per_second)))
        self._clock = clock

    def ask(self, priority: Priority, token: str) -> float:
        with self._pace() as (pace, now):
            return pace.ask(now, priority, token)

    def sent(self, token: str) -> None:
        self._tell(lambda pace, now: pace.sent(now, token))

    def settle(self, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        self._tell(lambda pace, now: pace.settle(now, token, outcome, retry_after))

    def state(self) -> BudgetState:
        with self._pace() as (pace, now):
            return pace.state(now)

    def _tell(self, what: Callable[[Pace, float], None]) -> None:
        """Report a result to the budget.

        If it is lost, the slot stays held until it expires: that costs room, not safety.
        """
        try:
            with self._pace() as (pace, now):
                what(pace, now)
        except BudgetUnavailable:
            return

    @contextmanager
    def _pace(self) -> Iterator[tuple[Pace, float]]:
        """Read the budget that the last process left, and write the new one at the end."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise BudgetUnavailable(f"{self._path}: {error.strerror}", "the file can be written") from error
        with os.fdopen(file, "r+") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            now = self._clock()
            pace = self._load(stream.read(), now)
            yield pace, now
            stream.seek(0)
            stream.write(json.dumps({**{name: getattr(pace, name) for name in KEPT}, "now": now}))
            stream.truncate()

    def _load(self, text: str, now: float) -> Pace:
        """Load the budget. An unreadable file, or one from before the machine's start, counts as an unused budget."""
        try:
            kept: dict[str, Any] = json.loads(text)
            if kept.pop("now") > now:
                return Pace(*self._limits)
            per_second, burst = self._limits
            kept |= {"per_second": per_second, "burst": burst, "waiting": tuple(kept["waiting"])}
            return Pace(**kept | {"turns": {int(priority): at for priority, at in kept["turns"].items()}})
        except (ValueError, KeyError, TypeError, AttributeError):
            return Pace(*self._limits)
