"""Integr8's API: `Client`, the operations as data, the errors, the shared rate budget.

Knows nothing of the rest of the service and could be a library of its own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from bridge.integr8.catalogue import OPERATIONS, RESOURCES, Operation, Route
from bridge.integr8.errors import (
    ApiError,
    BadRequest,
    BudgetError,
    BudgetExhausted,
    BudgetUnavailable,
    DailyBudgetExhausted,
    Forbidden,
    Garbled,
    Incomplete,
    InvalidCall,
    Malformed,
    NoAnswer,
    NotFound,
    NotUnique,
    OutcomeUnknown,
    PartlyDone,
    RateLimited,
    Refused,
    RequestFailed,
    ServerError,
    Unauthorized,
    Unreachable,
)
from bridge.integr8.page_iterator import Listing
from bridge.integr8.rate_limiter import Outcome, Priority
from bridge.integr8.retry_policy import wait_before_retry

if TYPE_CHECKING:
    from bridge.integr8.client import Client
    from bridge.integr8.rate_budget import Budget, BudgetState, LocalBudget, RedisBudget, budget_key

__all__ = [
    "OPERATIONS",
    "RESOURCES",
    "ApiError",
    "BadRequest",
    "Budget",
    "BudgetError",
    "BudgetExhausted",
    "BudgetState",
    "BudgetUnavailable",
    "Client",
    "DailyBudgetExhausted",
    "Forbidden",
    "Garbled",
    "Incomplete",
    "InvalidCall",
    "Listing",
    "LocalBudget",
    "Malformed",
    "NoAnswer",
    "NotFound",
    "NotUnique",
    "Operation",
    "Outcome",
    "OutcomeUnknown",
    "PartlyDone",
    "Priority",
    "RateLimited",
    "RedisBudget",
    "Refused",
    "RequestFailed",
    "Route",
    "ServerError",
    "Unauthorized",
    "Unreachable",
    "budget_key",
    "wait_before_retry",
]

#: What needs httpx or Redis is imported when it is asked for: a command that needs one table does not wait for them.
_LATER = {
    "Client": "client",
    "Budget": "rate_budget",
    "BudgetState": "rate_budget",
    "LocalBudget": "rate_budget",
    "RedisBudget": "rate_budget",
    "budget_key": "rate_budget",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"bridge.integr8.{_LATER[name]}"), name)
