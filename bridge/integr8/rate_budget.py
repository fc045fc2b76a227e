"""The rate budget of one API key: shared by all processes through Redis, or local to one.

Nothing leaves for Integr8 without a slot of it. RedisBudget runs `rate_budget.lua` on the server; LocalBudget runs
the same rules (`pace.py`) in this process, for the command line and for tests.

Why not a library: `pyrate-limiter` and `limits` were looked at first. Both offer atomic sliding windows in
Redis; neither has lanes, a rate that shrinks on 429 and grows back, a pause imposed by the server or a
breaker, and both stamp a call when it is *granted*: two calls granted 1.00 s apart can reach the server
0.98 s apart, which is one too many for the server's window. A slot here ages from the moment at which the
server must have counted the call. That needs to hear of the answer, which no library's interface offers.
"""

import hashlib
import random
import threading
import time
import uuid
from collections.abc import Callable
from importlib.resources import files
from typing import Any, Protocol

import redis

from bridge.integr8.errors import BudgetExhausted, BudgetUnavailable
from bridge.integr8.rate_limiter import BudgetState, Outcome, Pace, Priority

__all__ = ["Budget", "BudgetState", "LocalBudget", "Outcome", "Priority", "RedisBudget", "acquire", "budget_key"]

WAKE_JITTER = 0.004  # s; callers that wait for the same slot do not ask in the same instant
ON_THE_WAY = 0.2  # s; what was granted before Redis lost the budget may reach the server a little later
SCRIPT = files("bridge.integr8").joinpath("rate_budget.lua").read_text(encoding="utf-8")


class Budget(Protocol):
    """The rate budget that the client asks before each request and informs after it. A token names one request.

    Raises BudgetUnavailable from `ask` if the budget cannot be asked: then nothing is sent.
    """

    def ask(self, priority: Priority, token: str) -> float:
        """Ask for a slot. 0.0: send. Otherwise: the seconds until the next attempt makes sense."""

    def sent(self, token: str) -> None:
        """Note that the request has been written."""

    def settle(self, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        """Note the end of the call. `retry_after`: the pause that the server named, in seconds."""

    def state(self) -> BudgetState:
        """Return a snapshot for people."""


def acquire(
    budget: Budget,
    priority: Priority = Priority.NORMAL,
    *,
    deadline: float | None = None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Wait for a slot and return its token; `deadline` is in seconds from now, None waits for ever.

    Raises BudgetExhausted as soon as the slot cannot come in time, BudgetUnavailable if the budget cannot be asked.
    """
    token, until = new_token(), None if deadline is None else clock() + deadline
    while wait := budget.ask(priority, token):
        if until is not None and clock() + wait > until:
            raise BudgetExhausted(wait)
        sleep(with_jitter(wait))
    return token


def new_token() -> str:
    """Return a name for one request."""
    return uuid.uuid4().hex


def with_jitter(wait: float) -> float:
    """Return the wait, a few milliseconds longer."""
    return wait + random.random() * WAKE_JITTER  # noqa: S311 - spreads load, protects nothing


def budget_key(api_key: str) -> str:
    """Return the name of an API key's budget in Redis. The key itself cannot be derived from it."""
    return "integr8:budget:{" + hashlib.sha256(api_key.encode()).hexdigest()[:20] + "}"


class LocalBudget:
    """The budget of one process. Threads may share it."""

    def __init__(
        self, per_second: float = 5, burst: int | None = None, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._pace = Pace(per_second, burst or max(1, int(per_second)))
        self._clock = clock
        self._lock = threading.Lock()

    def ask(self, priority: Priority, token: str) -> float:
        with self._lock:
            return self._pace.ask(self._clock(), priority, token)

    def sent(self, token: str) -> None:
        with self._lock:
            self._pace.sent(self._clock(), token)

    def settle(self, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        with self._lock:
            self._pace.settle(self._clock(), token, outcome, retry_after)

    def state(self) -> BudgetState:
        with self._lock:
            return self._pace.state(self._clock())


class RedisBudget:
    """The budget that every process of every machine shares. `key` comes from `budget_key`.

    `burst` is how many calls may go at once after a pause (default: `per_second`). Any one second then holds at most
    max(per_second, burst) calls, and in the long run `per_second` are made.

    If Redis does not know a budget, it may have lost it with all its counts. The first call then waits `quiet_start`
    seconds (default: one window), so that an emptied Redis cannot double the rate.
    """

    def __init__(
        self,
        client: "redis.Redis",
        key: str,
        per_second: float,
        burst: int | None = None,
        *,
        quiet_start: float | None = None,
    ) -> None:
        self._run = client.register_script(SCRIPT)
        self._keys = [f"{key}:{part}" for part in ("slots", "state", "urgent", "normal", "bulk")]
        self._limits = (per_second, burst or max(1, int(per_second)))
        window = max(1.0, self._limits[1] / per_second) + ON_THE_WAY
        self._quiet_start = window if quiet_start is None else quiet_start

    def ask(self, priority: Priority, token: str) -> float:
        return float(self._call("ask", int(priority), token, self._quiet_start))

    def sent(self, token: str) -> None:
        self._tell("sent", token)

    def settle(self, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        self._tell("settle", token, outcome.value, "" if retry_after is None else retry_after)

    def state(self) -> BudgetState:
        share, closed_for, open_for, in_window, trips = (float(part) for part in self._call("state"))
        return BudgetState(share, closed_for, open_for, int(in_window), int(trips))

    def _call(self, operation: str, *arguments: Any, now: float | None = None) -> Any:
        try:
            return self._run(keys=self._keys, args=[operation, "" if now is None else now, *self._limits, *arguments])
        except redis.RedisError as error:
            raise BudgetUnavailable(type(error).__name__) from error

    def _tell(self, operation: str, *arguments: Any) -> None:
        """Report a result to the budget.

        If it is lost, the slot stays held until it expires: that costs room, not safety.
        """
        try:
            self._call(operation, *arguments)
        except BudgetUnavailable:
            return
