"""Shared parts of all commands: the service container, and how results are printed."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, is_dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bridge.operations.errors import OperationError
from bridge.store import json_text
from rules.model.durations import duration
from rules.model.input_values import moment_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session as DatabaseSession

    from bridge.config.settings import Settings
    from bridge.integr8 import Client
    from bridge.services.container import Services
    from bridge.store.engine import Store

UNFOLDED = 240  # columns of a table that goes into a file or a pipe
MAX_ID = 2**63 - 1  # the largest number of a row
MAX_SPAN = timedelta(days=36_500)


class Session:
    """One run of the command line."""

    def __init__(self) -> None:
        self.home: Path | None = None

    @cached_property
    def settings(self) -> "Settings":
        from bridge.config import settings

        return settings.load(self.home)

    @cached_property
    def services(self) -> "Services":
        from bridge.services.container import Services

        return Services(self.settings, patient=True)

    def close(self) -> None:
        """Close the database and the clients at the end of the command."""
        if "services" in self.__dict__:
            self.services.close()

    def client(self, account: str = "main", integration: str = "default") -> "Client":
        return self.services.client(account, integration)

    def read(self) -> "AbstractContextManager[DatabaseSession]":
        self.migrated()
        return self.services.store.read()

    def write(self) -> "AbstractContextManager[DatabaseSession]":
        self.migrated()
        return self.services.store.write()

    @contextmanager
    def writing_whatever_else_is_wrong(self) -> "Iterator[DatabaseSession]":
        """Open a unit of work that needs only the database, so that a missing secret does not prevent a halt.

        Other problems are printed on standard error. Raises SettingsError if no database is known.
        """
        from bridge.config import settings
        from bridge.config.errors import SettingsError
        from bridge.store.engine import Store, make_engine

        try:
            store = self.services.store
        except SettingsError as error:
            url = settings.database_url(self.home)
            if url is None:
                raise
            click.secho(str(error), fg="yellow", err=True)
            store = Store(make_engine(url))
        _refuse_old_schema(store)
        with store.write() as session:
            yield session

    @contextmanager
    def operating(self) -> "Iterator[Services]":
        """Open the container for an operation of a person; an error ends the command with its reason."""
        self.migrated()
        try:
            yield self.services
        except OperationError as error:
            raise click.ClickException(str(error)) from error

    def refuse_unknown(self, **asked: str | None) -> None:
        """End the command for a filter by an unknown name: `rule="low-crr"`."""
        if any(text is not None for text in asked.values()):
            from bridge.operations.filter_words import refuse_unknown

            with self.operating() as services, services.store.read() as database:
                refuse_unknown(services, database, **asked)

    def migrated(self) -> None:
        """Refuse a database whose schema is not current."""
        _refuse_old_schema(self.services.store)


def _refuse_old_schema(store: "Store") -> None:
    from bridge.store import schema_version

    if schema_version.pending(store.engine):
        raise click.ClickException("the database does not have the current schema; run `integr8-bridge db upgrade`")


def as_json(value: Any) -> str:
    return json_text.dumps(value, indent=True)


def show(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, json: bool, empty: str) -> None:
    """Print a listing: a table for people, a JSON array for programs."""
    if json:
        click.echo(as_json(rows))
        return
    if not rows:
        click.echo(empty)
        return
    from rich.console import Console
    from rich.table import Table

    names = list(columns)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in names))
    width = None if sys.stdout.isatty() else UNFOLDED
    Console(width=width, markup=False, emoji=False).print(table)  # names and texts are shown as they are


def cell(value: Any) -> str:  # noqa: PLR0911 - one line per kind of value
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case Decimal():
            return f"{value:f}" if value else "0"  # cents as they are, no exponents, and 0.0 and 0E-8 are 0
        case list() | tuple():
            return ", ".join(cell(item) for item in value)
        case dict():
            return json_text.dumps(value)
        case _:
            return str(value)


json_option = click.option("--json", "json", is_flag=True, help="Print JSON instead of a table.")


def outcome(value: Any, lines: Sequence[str], *, json: bool) -> None:
    """Print the result of an action: sentences for people, the value for programs."""
    if json:
        click.echo(as_json(asdict(value) if is_dataclass(value) and not isinstance(value, type) else value))
    else:
        for line in lines:
            click.echo(line)


class Span(click.ParamType[timedelta]):
    """A duration such as `90m`, `24h`, `7d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            found = duration(str(value))
        except OverflowError:
            found = timedelta.max
        if found is None:
            self.fail(f"{value!r} is not a duration; write it like 90m, 24h or 7d", param, ctx)
        if found > MAX_SPAN:
            self.fail(f"{value!r} is more than a hundred years", param, ctx)
        return found


class Moment(click.ParamType[datetime]):
    """A time such as `2026-11-24` or `2026-11-24T10:15`, UTC unless it names a zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return moment_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class RowId(click.ParamType[int]):
    """The number of a run, a plan or another row. A number that a database cannot hold is refused."""

    name = "integer"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        number: int = click.INT.convert(value, param, ctx)
        if abs(number) > MAX_ID:
            self.fail(f"{str(value)[:30]}: there is none of that number", param, ctx)
        return number


ROW_ID = RowId()
since_option = click.option("--since", type=Span(), help="Only the last 90m, 24h, 7d, ...")


MOMENT = Moment()
