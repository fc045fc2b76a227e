"""Deadlines of requests, with one timer for each event loop.

Nearly every request ends long before its deadline, and a timer of its own would be made and cancelled for each.
"""

import asyncio
from collections.abc import Awaitable, Callable
from itertools import count
from typing import TypeVar
from weakref import WeakKeyDictionary

Value = TypeVar("Value")


async def within(seconds: float, awaited: Awaitable[Value]) -> Value:
    """Return the awaited result. Like `asyncio.timeout`, cancels it and raises TimeoutError if it takes longer."""
    task = asyncio.current_task()
    assert task is not None, "only a task can be waited for"
    deadlines, cancelling, late = _of(task.get_loop()), task.cancelling(), False

    def cancel() -> None:
        nonlocal late
        late = True
        task.cancel()

    key = deadlines.add(seconds, cancel)
    try:
        return await awaited
    except asyncio.CancelledError:
        if late and task.uncancel() <= cancelling:  # else somebody else cancelled the task as well
            raise TimeoutError from None
        raise
    finally:
        deadlines.remove(key)


class Deadlines:
    """Calls that are due on one event loop, with their times. Used only on that loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._call_at = loop.call_at
        self._now = loop.time
        self._keys = count()
        self._due: dict[int, tuple[float, Callable[[], None]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, seconds: float, late: Callable[[], None]) -> int:
        """Call `late` in so many seconds, unless `remove` gets the returned number before."""
        when, key = self._now() + seconds, next(self._keys)
        self._due[key] = (when, late)
        if self._timer is None or when < self._timer.when():
            self._look_at(when)
        return key

    def remove(self, key: int) -> None:
        self._due.pop(key, None)

    def _look_at(self, when: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._call_at(when, self._look)

    def _look(self) -> None:
        self._timer = None
        now = self._now()
        for key in [key for key, (when, _) in self._due.items() if when <= now]:
            self._due.pop(key)[1]()
        if self._due:
            self._look_at(min(when for when, _ in self._due.values()))


_every: WeakKeyDictionary[asyncio.AbstractEventLoop, Deadlines] = WeakKeyDictionary()


def _of(loop: asyncio.AbstractEventLoop) -> Deadlines:
    found = _every.get(loop)
    if found is None:
        found = _every[loop] = Deadlines(loop)
    return found
