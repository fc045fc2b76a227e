"""Summarise API usage: requests to Integr8 by hour and by operation, and today's exports."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from bridge.config.settings import Account
from bridge.integr8.exports import DAY, PER_DAY, DailyBudget
from bridge.store import api_usage, exports
from bridge.store.api_usage import HOUR, Sum, Usage

OK = "ok"


@dataclass(frozen=True, slots=True)
class Hour:
    """One hour of all accounts. Times are means in seconds; `share` is the share of the budget, 0 to 1."""

    at: datetime
    requests: int
    failed: int
    waited: float
    took: float
    slowest: float
    share: float


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation over the whole time range. `took` is a mean, `slowest` one request; seconds."""

    name: str
    requests: int
    errors: Mapping[str, int]  # outcome → requests, without those that went well
    took: float
    slowest: float

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class Consumption:
    hours: Sequence[Hour]  # the last 24, oldest first, the present one included
    operations: Sequence[Operation]  # the busiest first
    shares: Mapping[str, float]  # by account: of what its own budget allowed in the present hour, 0 to 1
    exports: Mapping[str, DailyBudget]  # by account


def consumption(session: Session, accounts: Mapping[str, Account], now: datetime) -> Consumption:
    """Return the last 24 hours, from the sums that the processes have stored."""
    first = api_usage.hour_of(now) - 23 * HOUR
    rows = api_usage.since(session, first)
    per_second = sum(account.rate.per_second for account in accounts.values())
    hours = [first + number * HOUR for number in range(24)]
    return Consumption(
        hours=[_hour(at, [row for row in rows if row.hour == at], per_second, now) for at in hours],
        operations=_operations(rows),
        shares={
            name: _hour(
                hours[-1],
                [row for row in rows if (row.account, row.hour) == (name, hours[-1])],
                account.rate.per_second,
                now,
            ).share
            for name, account in accounts.items()
        },
        exports={name: exports_left(session, name, now) for name in accounts},
    )


def exports_left(session: Session, account: str, now: datetime) -> DailyBudget:
    used = exports.since(session, account, now - DAY)
    return DailyBudget(PER_DAY, len(used), used[-PER_DAY] + DAY if len(used) >= PER_DAY else None)


def _sum(rows: Iterable[Usage]) -> Sum:
    return sum((Sum(row.requests, row.waited, row.took, row.slowest) for row in rows), Sum())


def _hour(at: datetime, rows: Sequence[Usage], per_second: float, now: datetime) -> Hour:
    total, number = _sum(rows), max(sum(row.requests for row in rows), 1)
    seconds = min(max(now - at, timedelta(seconds=1)), HOUR).total_seconds()
    return Hour(
        at=at,
        requests=total.requests,
        failed=sum(row.requests for row in rows if row.outcome != OK),
        waited=total.waited / number,
        took=total.took / number,
        slowest=total.slowest,
        share=total.requests / (per_second * seconds) if per_second else 0.0,
    )


def _operations(rows: Sequence[Usage]) -> list[Operation]:
    by_name: dict[str, list[Usage]] = {}
    for row in rows:
        by_name.setdefault(row.operation, []).append(row)
    found = []
    for name, mine in by_name.items():
        total, errors = _sum(mine), dict[str, int]()
        for row in mine:
            if row.outcome != OK:
                errors[row.outcome] = errors.get(row.outcome, 0) + row.requests
        found.append(Operation(name, total.requests, errors, total.took / total.requests, total.slowest))
    return sorted(found, key=lambda one: (-one.requests, one.name))
