"""The circuit breaker of a channel: it delays deliveries after failures, and disables a channel that only fails.

Pure: time is an argument. `bridge.store.notifications` keeps the state.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

TRIP = 5  # failures in a row that open the breaker
FIRST_OPEN_TIME = timedelta(minutes=1)  # for which it then stays open; doubles up to an hour
MAX_OPEN_TIME = timedelta(hours=1)
GIVE_UP = timedelta(days=5)  # of nothing but failures


@dataclass(frozen=True, slots=True)
class Health:
    """The state of an endpoint. The breaker delays deliveries; it never drops one."""

    failures: int = 0  # in a row
    failing_since: datetime | None = None
    open_until: datetime | None = None
    disabled_at: datetime | None = None
    disabled_why: str | None = None

    def is_open(self, now: datetime) -> bool:
        return self.open_until is not None and now < self.open_until

    def at_most(self, now: datetime) -> int | None:
        """Return how many deliveries may be tried now: none, a single probe, or (None) all of them."""
        if self.disabled_at is not None or self.is_open(now):
            return 0
        return 1 if self.failures >= TRIP else None


def succeeded(health: Health) -> Health:
    return Health(disabled_at=health.disabled_at, disabled_why=health.disabled_why)


def failed(health: Health, now: datetime) -> Health:
    """Count one more failure. It opens the breaker, and after five days without a success gives the endpoint up."""
    failures, since = health.failures + 1, health.failing_since or now
    rest = min(FIRST_OPEN_TIME * 2 ** max(0, min(failures - TRIP, 10)), MAX_OPEN_TIME)
    after = replace(health, failures=failures, failing_since=since, open_until=now + rest if failures >= TRIP else None)
    if now - since >= GIVE_UP:
        return disabled(after, now, f"nothing was taken for {GIVE_UP.days} days")
    return after


def disabled(health: Health, now: datetime, why: str) -> Health:
    return replace(health, disabled_at=health.disabled_at or now, disabled_why=health.disabled_why or why)
