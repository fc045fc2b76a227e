"""The observer that is called after every request, for counting and timing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from bridge.integr8.core import Reply
from bridge.integr8.errors import ApiError, Unreachable


@dataclass(frozen=True, slots=True)
class ObservedRequest:
    """One request that had a slot of the budget.

    `outcome`: ok, refused, throttled, server_error, unreachable (never sent) or unknown (no answer). `waited` and
    `took` are seconds: for the slot, and from then on until the answer.
    """

    operation: str
    outcome: str
    waited: float
    took: float


RequestObserver: TypeAlias = Callable[[ObservedRequest], None]


def ignore(_one: ObservedRequest) -> None:
    """Observe nothing."""


def outcome(reply: Reply) -> str:
    """Return an answer in one word."""
    if reply.status < 400:
        return "ok"
    if reply.status == 429:
        return "throttled"
    return "server_error" if reply.status >= 500 else "refused"


def outcome_of_error(error: ApiError) -> str:
    """Return the same for a request without an answer."""
    return "unreachable" if isinstance(error, Unreachable) else "unknown"
