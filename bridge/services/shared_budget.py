"""The rate budget of one API key, shared by all processes of a home, and with other machines through Redis.

In Redis where REDIS_URL names one, or where the service of this home runs with its embedded server; in a file of the
home otherwise. Which of them it is may change while a command runs, so it is looked at for every question.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bridge.config import redis_address
from bridge.integr8.errors import BudgetUnavailable
from bridge.integr8.file_budget import FileBudget
from bridge.integr8.rate_budget import Budget, RedisBudget, budget_key
from bridge.services import running_service
from bridge.store.private_files import private_directory

if TYPE_CHECKING:
    from pathlib import Path

    from redis import Redis

    from bridge.integr8.rate_limiter import BudgetState, Outcome, Priority


class SharedBudget:
    """The `Budget` of an account. Raises BudgetUnavailable if neither Redis nor the file can be read."""

    def __init__(
        self, var: Path, api_key: str, per_second: float, burst: int | None, *, redis: Redis | None = None
    ) -> None:
        self._var = var
        self._key = budget_key(api_key)
        self._limits = (per_second, burst)
        self._given = None if redis is None else RedisBudget(redis, self._key, *self._limits)
        self._url: str | None = None
        self._budget: Budget | None = None

    def ask(self, priority: Priority, token: str) -> float:
        return self._now().ask(priority, token)

    def sent(self, token: str) -> None:
        self._now().sent(token)

    def settle(self, token: str, outcome: Outcome, retry_after: float | None = None) -> None:
        self._now().settle(token, outcome, retry_after)

    def state(self) -> BudgetState:
        return self._now().state()

    def _now(self) -> Budget:
        if self._given is not None:
            return self._given
        url = running_service.redis_url(self._var)
        if self._budget is None or url != self._url:
            self._url, self._budget = url, self._in_redis(url) if url else self._in_a_file()
        return self._budget

    def _in_redis(self, url: str) -> Budget:
        client = redis_address.client(url, socket_timeout=5, socket_connect_timeout=2)
        return RedisBudget(client, self._key, *self._limits)

    def _in_a_file(self) -> Budget:
        directory = self._var / "budgets"
        try:
            private_directory(self._var)
            private_directory(directory)
        except OSError as error:
            raise BudgetUnavailable(f"{directory}: {error.strerror}", "the file can be written") from error
        name = self._key.rpartition("{")[2].rstrip("}")
        return FileBudget(directory / name, *self._limits)
