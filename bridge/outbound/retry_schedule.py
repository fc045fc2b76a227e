"""Decide when a delivery is retried. Pure: time and randomness are arguments."""

from datetime import timedelta

from bridge.integr8.error_text import MAX_PAUSE

#: Waits before the first, second, ... attempt. The last one is tried about three days after the first.
RETRY_WAITS = tuple(
    timedelta(seconds=seconds) for seconds in (0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400)
)
SPREAD = 0.2  # waits are drawn from ±10%, so that a thousand deliveries that failed together do not return together


def wait(attempts: int, *, dice: float, asked: timedelta | None = None) -> timedelta | None:
    """Return the pause after `attempt` attempts; None after the last one.

    `dice` is a random number from 0 to 1. `asked` is the receiver's Retry-After: it can only lengthen the pause, and by
    no more than an hour.
    """
    if attempts >= len(RETRY_WAITS):
        return None
    drawn = RETRY_WAITS[attempts] * (1 - SPREAD / 2 + SPREAD * dice)
    return drawn if asked is None else max(drawn, min(asked, timedelta(seconds=MAX_PAUSE)))
