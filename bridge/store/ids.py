"""ULIDs: ids that sort by creation time and need no coordination."""

import os
import threading
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U

# Ten bits at a time: 13 look-ups, because the simulator makes them by the hundred thousand.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]

_lock = threading.Lock()
_last = 0


def new(now_ms: int | None = None) -> str:
    """26 characters: 48 bits of milliseconds, 80 random ones. Within one process each is greater than the last."""
    global _last  # noqa: PLW0603 - one counter per process is the point
    made = ((time.time_ns() // 1_000_000 if now_ms is None else now_ms) << 80) | int.from_bytes(os.urandom(10))
    with _lock:
        _last = made = max(made, _last + 1)
    return encode(made)


def encode(value: int) -> str:
    return "".join([PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])
