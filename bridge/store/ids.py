"""ULIDs: ids that sort by creation time and need no coordination."""

import os
import threading
import time

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I, L, O, U

# Ten bits at a time: 13 look-ups, because the simulator makes them by the hundred thousand.
PAIRS = [first + second for first in ALPHABET for second in ALPHABET]

AHEAD = 256  # ids whose random bytes are asked for at once: another thread takes the interpreter at each system call

_lock = threading.Lock()
_last = 0
_random: list[int] = []


def _forget() -> None:
    """Reset the generator in a new process: its ids must not be those of its parent."""
    global _lock, _last
    _lock, _last = threading.Lock(), 0
    _random.clear()


os.register_at_fork(after_in_child=_forget)


def new(now_ms: int | None = None) -> str:
    """Return 26 characters: 48 bits of milliseconds, 80 random ones.

    Within one process each is greater than the last.
    """
    global _last  # noqa: PLW0603 - one counter per process is the point
    moment = (time.time_ns() // 1_000_000 if now_ms is None else now_ms) << 80
    with _lock:
        if not _random:
            drawn = os.urandom(10 * AHEAD)
            _random.extend(int.from_bytes(drawn[first : first + 10]) for first in range(0, len(drawn), 10))
        _last = made = max(moment | _random.pop(), _last + 1)
    return encode(made)


def encode(value: int) -> str:
    return "".join([PAIRS[(value >> shift) & 1023] for shift in range(120, -1, -10)])
