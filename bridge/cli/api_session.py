"""Shared parts of the `api` commands: choosing the account, explaining errors, printing requests and rows."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from itertools import islice
from typing import Any, ParamSpec, TypeVar

import click
import orjson
from rich.console import Console

from bridge.cli.session import Session, cell, show
from bridge.integr8 import ApiError, BudgetError, Client, InvalidCall
from bridge.integr8.core import Request, Row

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: The columns that a table for people shows first, when a row has them. --json shows all.
FIRST_COLUMNS = (
    *("id", "incremental_id", "name", "email", "status", "active"),
    *("real_tx_id", "conversion_time", "request_time", "offer_id", "publisher", "payout", "revenue"),
)


def account_options(command: F) -> F:
    for option in (
        click.option("--integration", default="default", show_default=True, help="Integration of the account."),
        click.option("--account", default="main", show_default=True, help="Account of bridge.yaml."),
    ):
        command = option(command)
    return command


def client_of(session: Session, account: str, integration: str) -> Client:
    return session.client(account, integration)


def guarded(run: Callable[P, T]) -> Callable[P, T]:
    """Convert errors of the API to one line: exit 2 for calls refused here, 1 for calls that failed at Integr8."""

    @functools.wraps(run)
    def command(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return run(*args, **kwargs)
        except InvalidCall as error:
            raise click.UsageError(str(error)) from None
        except (ApiError, BudgetError) as error:
            raise click.ClickException(str(error)) from None

    return command


def as_text(value: Any) -> str:
    """Return JSON for programs; amounts stay numbers."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def print_rows(rows: Iterable[Row], *, json: bool, empty: str) -> None:
    """Print a JSON array that is written as the rows arrive, or a table."""
    if json:
        _stream(rows)
        return
    held = list(rows)
    show(held, columns_of(held, Console().width), json=False, empty=empty)


def _stream(rows: Iterable[Row]) -> None:
    opened = False
    for row in rows:
        click.echo(",\n" if opened else "[\n", nl=False)
        click.echo(as_text(row), nl=False)
        opened = True
    click.echo("\n]" if opened else "[]")


def columns_of(rows: Sequence[Row], width: int) -> list[str]:
    """Return the columns for a person: the most telling first, then columns with values, as many as fit."""
    filled = dict.fromkeys(key for row in rows for key, value in row.items() if _tells(key, value))
    ordered = [
        *(name for name in FIRST_COLUMNS if name in filled),
        *(name for name in filled if name not in FIRST_COLUMNS),
    ]
    chosen: list[str] = []
    for name in ordered:
        width -= 2 + max(len(name), *(len(cell(row.get(name))) for row in rows))
        if width < 0 and chosen:
            break
        chosen.append(name)
    return chosen


def _tells(key: str, value: Any) -> bool:
    """Return whether a column belongs in the table: nested values and the many switches of an offer are for --json."""
    return value not in {None, ""} if not isinstance(value, dict | list | bool) else key == "active"


def limited(rows: Iterable[Row], limit: int) -> Iterator[Row]:
    """Return the first `limit` rows; 0 means all."""
    return islice(rows, limit or None)


def page_size(size: int, limit: int) -> int:
    """Return the page size: no more rows per request than the caller wants in all."""
    return min(size, limit) if limit else size


def show_request(request: Request, body: Mapping[str, Any] | None) -> None:
    """Print the request that would be sent, without a password."""
    click.echo(f"{request.verb} {request.target}")
    if body is not None:
        click.echo(as_text({key: "***" if "password" in key else value for key, value in body.items()}))


def nothing_sent() -> None:
    click.echo("dry run: nothing was sent", err=True)
