"""Run one call from start to end: send, read the answer, wait, send again.

A conversation is a generator. It yields an Exchange (send this, with a slot of the budget) or a Pause, is
given a Reply back or an ApiError thrown in, and returns what the call returns. It performs no I/O itself.
"""

import itertools
import math
import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar

from bridge.integr8.core import Reply, Request, read
from bridge.integr8.errors import ApiError, NotFound, OutcomeUnknown, ServerError
from bridge.integr8.rate_limiter import Priority
from bridge.integr8.retry_policy import wait_before_retry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Exchange:
    """Take a slot, send, and return the Reply. `left`: seconds until the caller's deadline."""

    request: Request
    priority: Priority
    left: float


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait this number of seconds."""

    seconds: float


Step: TypeAlias = Exchange | Pause
Flow: TypeAlias = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class CallOptions:
    """The options of calls: their priority, their total time limit in seconds over all attempts, and their clocks.

    A caller that must not block limits the wait for a slot (`max_wait`) and the pause before another attempt
    (`max_pause`): a longer wait raises at once. Without `repeat_writes` a write with an unknown outcome is never
    repeated: the caller reads first.
    """

    priority: Priority = Priority.NORMAL
    deadline: float = 120.0
    max_wait: float = math.inf
    max_pause: float = math.inf
    repeat_writes: bool = True
    clock: Callable[[], float] = time.monotonic
    today: Callable[[], datetime] = lambda: datetime.now(UTC)
    jitter: Callable[[], float] = random.random


def converse(request: Request, call_options: CallOptions, secrets: tuple[str, ...] = ()) -> Flow[Any]:
    """Make one call and repeat it as far as `wait_before_retry` and the deadline allow.

    Raises the last ApiError, or the BudgetError that the shell throws in.
    """
    until = call_options.clock() + call_options.deadline
    doubtful = False  # an attempt before may have taken effect
    for attempt in itertools.count(1):
        try:
            reply: Reply = yield Exchange(request, call_options.priority, until - call_options.clock())
            return read(request, reply, now=call_options.today(), secrets=secrets)
        except ApiError as error:
            if doubtful and request.verb == "DELETE" and isinstance(error, NotFound):
                return None  # it did
            wait = wait_before_retry(error, attempt, jitter=call_options.jitter)
            if wait is None or not _worth_waiting(wait.total_seconds(), call_options, until):
                raise
            if isinstance(error, OutcomeUnknown) and not call_options.repeat_writes:
                raise
            doubtful = doubtful or isinstance(error, OutcomeUnknown | ServerError)
        yield Pause(wait.total_seconds())
    raise AssertionError  # unreachable: the loop above has no end


def _worth_waiting(seconds: float, call_options: CallOptions, until: float) -> bool:
    return seconds <= call_options.max_pause and call_options.clock() + seconds < until
