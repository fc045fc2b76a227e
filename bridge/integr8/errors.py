"""Errors of the Integr8 client: one class per row of the reference's status table, and a few more.

Every error knows the operation, the HTTP status (None when no answer came), the server's own words and the
request id, and reads as *operation: what; what to do*. None of them ever holds the API key or a password.
All of them survive pickling. The table is the section "Status Codes" of https://api-docs.integr8.co.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar


class ApiError(Exception):
    """Base of all failures of one call. `retry_after` is in seconds, or None if the server named no pause."""

    what: ClassVar[str] = "the call failed"
    remedy: ClassVar[str] = ""

    def __init__(
        self,
        operation: str,
        *,
        status: int | None = None,
        words: str = "",
        request_id: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(operation, status, words, request_id, retry_after)
        self.operation = operation
        self.status = status
        self.words = words
        self.request_id = request_id
        self.retry_after = retry_after

    def __str__(self) -> str:
        facts = [f"HTTP {self.status}"] if self.status else []
        facts += [f"request {self.request_id}"] if self.request_id else []
        line = f"{self.operation}: {self.what}"
        line += f": {self.words}" if self.words else ""
        line += f" ({', '.join(facts)})" if facts else ""
        return f"{line}; {self.remedy}" if self.remedy else line

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args[0], dict(self.__dict__))


def _rebuild(kind: type[ApiError], operation: str, state: dict[str, Any]) -> ApiError:
    error = kind.__new__(kind, operation)
    ApiError.__init__(
        error,
        operation,
        status=state["status"],
        words=state["words"],
        request_id=state["request_id"],
        retry_after=state["retry_after"],
    )
    error.__dict__.update(state)
    return error


# --- the status table ------------------------------------------------------------------------------


class BadRequest(ApiError):
    """400: the request was not acceptable, often because a required parameter is missing."""

    what = "Integr8 did not accept the request"


class Unauthorized(ApiError):
    """401: no valid API key was sent."""

    what = "the API key is not valid"
    remedy = "check the account's api_key"


class RequestFailed(ApiError):
    """402: the parameters were valid, but the request failed."""

    what = "Integr8 accepted the request and could not carry it out"


class Forbidden(ApiError):
    """403: the key lacks a permission (None, Read or Write per section of the organisation's key page)."""

    what = "the API key lacks the permission"
    remedy = "grant it under Organization > User Management > API Keys"


class NotFound(ApiError):
    """404: the object does not exist, or the operation has another path at this account."""

    what = "not found"
    remedy = "if the id is right, ask for the path with `integr8-bridge doctor --live`"


class Refused(ApiError):
    """Another 3xx or 4xx status, for instance 405: the route exists with another verb."""

    what = "Integr8 refused the request"


class RateLimited(ApiError):
    """429: too many requests. `retry_after` holds the pause that the server asked for, if it named one."""

    what = "too many requests"


class ServerError(ApiError):
    """500, 502, 503, 504 and any other 5xx."""

    what = "Integr8 failed"


# --- beyond the table ------------------------------------------------------------------------------


class Unreachable(ApiError):
    """The request was not sent: name not resolved, connection refused, TLS failed. It is safe to repeat it."""

    what = "Integr8 could not be reached"


class NoAnswer(ApiError):
    """A read got no answer, or only a part of one: timeout, connection reset. Nothing was changed."""

    what = "no answer"


class OutcomeUnknown(ApiError):
    """A write may have happened: the answer did not arrive, was unreadable, or was a server error.

    Never repeat the call blindly: read the object, or find it by its natural key, and decide then.
    """

    what = "it is unknown whether this took effect"
    remedy = "read the object before repeating"


class Malformed(ApiError):
    """A successful status with a body that does not match the reference."""

    what = "the answer cannot be understood"


class Incomplete(Malformed):
    """A list ended with fewer objects than it announced, so it does not prove that an object is missing."""


class Garbled(Malformed):
    """A successful status with a body that is cut off or not JSON. Another attempt may succeed."""


class InvalidCall(ApiError, ValueError):
    """The client refused the call before it sent anything. `problems`: place → what is wrong with it."""

    what = "not sent"

    def __init__(self, operation: str, problems: Mapping[str, str] | str) -> None:
        named = {"": problems} if isinstance(problems, str) else dict(problems)
        text = ", ".join(f"{place}: {problem}" if place else problem for place, problem in named.items())
        super().__init__(operation, words=text)
        self.problems = named


class PartlyDone(ApiError):
    """Some targets of a bulk call changed and some did not. `done`: ids; `failed`: id → its error."""

    what = "only a part was done"

    def __init__(self, operation: str, *, done: tuple[str, ...], failed: Mapping[str, ApiError]) -> None:
        first = next(iter(failed.values()))
        super().__init__(operation, status=first.status, words=f"{len(done)} done, {len(failed)} not: {first}")
        self.done = done
        self.failed = dict(failed)


class NotTried(ApiError):
    """A part was not sent: the call ended before it, because Integr8 refused the call or it was cancelled."""

    what = "not sent yet"


class NotUnique(ApiError):
    """Several objects have the natural key that should identify one. `ids` lists them."""

    what = "several objects match"

    def __init__(self, operation: str, *, key: str, ids: tuple[str, ...]) -> None:
        super().__init__(operation, words=f"{key} is shared by {', '.join(ids)}")
        self.ids = ids


# --- our own limits --------------------------------------------------------------------------------


class BudgetError(Exception):
    """The shared rate budget did not allow the call. Nothing was sent."""


class BudgetExhausted(BudgetError):
    """The budget has no free slot before the caller's deadline. `wait`: seconds until the next attempt makes sense."""

    def __init__(self, wait: float) -> None:
        super().__init__(wait)
        self.wait = wait

    def __str__(self) -> str:
        return f"rate budget: no room within the deadline; ask again in {self.wait:.1f} s"


class BudgetUnavailable(BudgetError):
    """Redis is down, so the shared budget is unknown. No call is sent while it is unknown."""

    def __init__(self, words: str = "", until: str = "Redis answers") -> None:
        super().__init__(words, until)
        self.words = words
        self.until = until

    def __str__(self) -> str:
        return f"rate budget: cannot be asked: {self.words}; no call goes out until {self.until}"


class DailyBudgetExhausted(BudgetError):
    """The exports of one day are used up. `next_free`: an aware UTC datetime."""

    def __init__(self, limit: int, next_free: datetime) -> None:
        super().__init__(limit, next_free)
        self.limit = limit
        self.next_free = next_free

    def __str__(self) -> str:
        free = f"{self.next_free:%Y-%m-%d %H:%M} UTC"
        return f"exports: all {self.limit} of the last 24 hours are used; the next is free at {free}"


BY_STATUS: Mapping[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthorized,
    402: RequestFailed,
    403: Forbidden,
    404: NotFound,
    429: RateLimited,
}


def class_for(status: int) -> type[ApiError]:
    """Return the class for an unsuccessful status: from the table above, or ServerError for 5xx, or Refused."""
    return BY_STATUS.get(status, ServerError if status >= 500 else Refused)
