"""A sliding limit: at most so many requests in any one second, over real time."""

import time
from collections import deque
from collections.abc import Callable, Iterable

WINDOW = 1.0  # seconds


class Limiter:
    def __init__(self, ticks: Callable[[], float] = time.monotonic) -> None:
        self._ticks = ticks
        self._let_in: deque[float] = deque()

    def wait(self, per_second: int) -> float | None:
        """Admit one request and return None, or return the seconds until there is room again."""
        now = self._ticks()
        while self._let_in and self._let_in[0] <= now - WINDOW:
            self._let_in.popleft()
        if per_second and len(self._let_in) >= per_second:
            return self._let_in[-per_second] + WINDOW - now
        self._let_in.append(now)
        return None


def busiest(arrivals: Iterable[float]) -> int:
    """Return the most arrivals in any window of one second, without its end."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(arrivals):
        window.append(at)
        while window[0] <= at - WINDOW:
            window.popleft()
        most = max(most, len(window))
    return most
