"""Decide whether and when a failed call is repeated. Reads no clock."""

import random
from collections.abc import Callable
from datetime import timedelta

from bridge.integr8.catalogue import OPERATIONS, OUTSIDE, Retry
from bridge.integr8.errors import (
    ApiError,
    Garbled,
    NoAnswer,
    OutcomeUnknown,
    RateLimited,
    ServerError,
    Unreachable,
)

ATTEMPTS = 6  # with the steps below a burst of some ten seconds is sat out; longer ones belong to the breaker
FIRST_RETRY_SECONDS = 0.5  # seconds; doubles per attempt
MAX_RETRY_SECONDS = 30.0
NEVER_BETTER = frozenset({501, 505})  # "not implemented" does not pass


def wait_before_retry(
    error: ApiError, attempt: int, *, jitter: Callable[[], float] = random.random
) -> timedelta | None:
    """Return how long to wait after `attempt` attempts (1 after the first), or None: give up.

    Refused and unsent calls (429, unreachable) may always be repeated, because nothing happened. A call that may have
    taken effect is repeated only if a repetition changes nothing. Backoff is exponential with full jitter; a pause that
    the server named is kept in full, and a little is added so that not all come at once.
    """
    if attempt >= ATTEMPTS or not repeatable(error):
        return None
    backoff = jitter() * min(MAX_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2 ** (attempt - 1))
    if error.retry_after is None:
        return timedelta(seconds=backoff)
    return timedelta(seconds=error.retry_after + min(backoff, 0.25))


def repeatable(error: ApiError) -> bool:
    """Return whether the same call may be repeated at all, without a read first."""
    if isinstance(error, RateLimited | Unreachable):
        return True
    operation = OPERATIONS.get(error.operation) or OUTSIDE.get(error.operation)
    if operation is None or operation.retry is Retry.UNSAFE or error.status in NEVER_BETTER:
        return False
    return isinstance(error, ServerError | NoAnswer | Garbled | OutcomeUnknown)
