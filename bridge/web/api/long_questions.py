"""Questions that take long: few at once, one for each caller, and none for longer than its time.

Each holds one of the threads of this process while it is answered, so their number is bounded: webhooks keep the rest.
"""

import time
from collections.abc import Callable
from functools import wraps
from threading import Lock
from typing import Any

from flask import g

from bridge.operations.errors import OperationError
from bridge.web.problems import problem

MOST = 2  # at once, in one process
SECONDS = 20.0  # then a question is given up, also when its client has left and cannot be told
RETRY = 5  # seconds that a caller is asked to wait

_lock = Lock()
_asking: set[str] = set()


class TookTooLong(OperationError):
    """A question was not answered in its time."""

    status = 422


def long_question(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer 429 while the caller has another question open, or too many are open."""

    @wraps(view)
    def bounded(*args: Any, **kwargs: Any) -> Any:
        who = str(g.who)
        with _lock:
            words = f"{who} has one open already" if who in _asking else f"{MOST} are open in this process"
            if who in _asking or len(_asking) >= MOST:
                return problem(
                    429, "Too many long questions", f"{words}; ask again when it has ended", retry_after=RETRY
                )
            _asking.add(who)
        try:
            return view(*args, **kwargs)
        finally:
            with _lock:
                _asking.discard(who)

    return bounded


def deadline() -> Callable[[], None]:
    """A function to call between two steps of an answer. Raises TookTooLong when the time is over."""
    end = time.monotonic() + SECONDS

    def check() -> None:
        if time.monotonic() > end:
            raise TookTooLong(
                f"not answered within {SECONDS:.0f} s; ask about fewer rules, or run it on the command line"
            )

    return check
