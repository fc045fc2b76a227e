"""What the commands of `api` have in common: the account, errors in plain words, how requests and rows are shown."""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any, ParamSpec, TypeVar

import click
import orjson

from bridge.cli.session import Session, show
from bridge.integr8 import ApiError, BudgetError, Client, InvalidCall
from bridge.integr8.core import Request, Row

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

#: The columns that a table for people shows first, when a row has them.
FIRST = ("id", "incremental_id", "name", "email", "status", "active")
WIDEST = 9  # columns of a table for people; --json shows all


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
    """Errors of the API as one line: exit 2 for what was refused here, 1 for what failed there."""

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
    """JSON for programs; amounts stay numbers."""
    return orjson.dumps(value, default=_plain, option=orjson.OPT_INDENT_2).decode()


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)


def print_rows(rows: Iterable[Row], *, json: bool, empty: str, total: int | None = None) -> None:
    """A JSON array that is written as the rows arrive, or a table."""
    if json:
        _stream(rows)
        return
    held = list(rows)
    show(held, columns_of(held), json=False, empty=empty)
    if total is not None and total > len(held):
        click.echo(f"{len(held)} of {total}; --limit 0 shows all", err=True)


def _stream(rows: Iterable[Row]) -> None:
    opened = False
    for row in rows:
        click.echo(",\n" if opened else "[\n", nl=False)
        click.echo(as_text(row), nl=False)
        opened = True
    click.echo("\n]" if opened else "[]")


def columns_of(rows: Iterable[Row]) -> list[str]:
    """Which columns a person wants to see: the telling ones first, then whatever is there, as far as it fits."""
    present = dict.fromkeys(key for row in rows for key, value in row.items() if not isinstance(value, dict | list))
    first = [name for name in FIRST if name in present]
    return [*first, *(name for name in present if name not in first)][:WIDEST]


def limited(rows: Iterable[Row], limit: int) -> Iterator[Row]:
    """The first `limit` rows; 0 means all."""
    return islice(rows, limit or None)


def show_request(request: Request, body: Mapping[str, Any] | None) -> None:
    """What would be sent. A password is not shown."""
    click.echo(f"{request.verb} {request.target}")
    if body is not None:
        click.echo(as_text({key: "***" if "password" in key else value for key, value in body.items()}))


def nothing_sent() -> None:
    click.echo("dry run: nothing was sent", err=True)
