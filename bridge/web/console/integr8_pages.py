"""The page *Integr8*: the rate budget, latency and errors of each operation, exports left, age of the feeds."""

from datetime import timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bridge.config.errors import SettingsError
from bridge.integr8.errors import BudgetUnavailable
from bridge.integr8.rate_budget import BudgetState
from bridge.operations.api_usage import Consumption, Hour, consumption
from bridge.store import feeds, slots
from bridge.store.ledger import Call
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console import charts, formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services

DAY = timedelta(hours=24)


@blueprint.get("/integr8")
@needs(Role.VIEWER, page=True)
def integr8() -> str:
    now = services().clock()
    with services().store.read() as session:
        used = consumption(session, services().settings.accounts, now)
        calls = session.scalars(select(Call).order_by(Call.id.desc()).limit(40)).all()
        feed_rows = feeds.everything(session)
        stuck = slots.failing(session, now - DAY)
    zone = formatting.zone(services())
    columns = [_column(one, zone) for one in used.hours]
    return show(
        "integr8.html", calls=calls, feeds=feed_rows, stuck=stuck, budgets=_budgets(), used=used,
        columns=list(zip(columns, used.hours, strict=True)),
        requests=charts.counts(columns, "succeeded", "failed"),
        limit_used=charts.shares(columns, "of the rate limit used"),
        latency=_latency(used), errors=_errors(used), percent=charts.percent,
        limits={name: account.rate.per_second for name, account in services().settings.accounts.items()},
    )  # fmt: skip


def _column(hour: Hour, zone: ZoneInfo) -> charts.Column:
    return charts.Column(hour.at.astimezone(zone), hour.requests - hour.failed, hour.failed, hour.share)


def _latency(used: Consumption) -> list[charts.Length]:
    return charts.lengths(
        [
            (one.name, one.took, f"{one.took * 1000:.0f} ms, the slowest {one.slowest * 1000:.0f} ms")
            for one in used.operations
        ]
    )


def _errors(used: Consumption) -> list[charts.Length]:
    return charts.lengths(
        [
            (one.name, one.failed, ", ".join(f"{number} {outcome}" for outcome, number in sorted(one.errors.items())))
            for one in used.operations
            if one.failed
        ]
    )


def _budgets() -> dict[str, BudgetState | str]:
    """Return the budget of each account, or the reason in words."""
    found: dict[str, BudgetState | str] = {}
    for name in services().settings.accounts:
        try:
            found[name] = services().client(name).budget.state()
        except (BudgetUnavailable, SettingsError) as error:
            found[name] = str(error)
    return found
