"""Run a coroutine to its end on an event loop of a thread of its own.

Playwright keeps a loop running in the main thread for as long as a browser is open, and no second one may run there.
"""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

Found = TypeVar("Found")


def run(work: Callable[[], Awaitable[Found]]) -> Found:
    """What `work` returns; whatever it raises goes through."""
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(anyio.run, work).result()
