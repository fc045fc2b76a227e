"""What all commands share: the house when one asks for it, and how results are shown."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.table import Table
from sqlalchemy.orm import Session as DatabaseSession

from bridge import settings
from bridge.integr8 import Client
from bridge.settings import Settings
from bridge.store import schema
from bridge.wiring import House


class Session:
    """One run of the command line."""

    def __init__(self) -> None:
        self.home: Path | None = None

    @cached_property
    def settings(self) -> Settings:
        return settings.load(self.home)

    @cached_property
    def house(self) -> House:
        return House(self.settings)

    def client(self, account: str = "main", integration: str = "default") -> Client:
        return self.house.client(account, integration)

    def read(self) -> AbstractContextManager[DatabaseSession]:
        self._migrated()
        return self.house.store.read()

    def write(self) -> AbstractContextManager[DatabaseSession]:
        self._migrated()
        return self.house.store.write()

    def _migrated(self) -> None:
        if schema.pending(self.house.store.engine):
            raise click.ClickException("the database is not at the present schema; run `integr8-bridge db upgrade`")


def as_json(value: Any) -> str:
    return orjson.dumps(value, default=str, option=orjson.OPT_INDENT_2).decode()


def show(rows: Sequence[Mapping[str, Any]], columns: Iterable[str], *, json: bool, empty: str) -> None:
    """A listing: a table for people, a JSON array for programs."""
    if json:
        click.echo(as_json(rows))
        return
    if not rows:
        click.echo(empty)
        return
    names = list(columns)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name.replace("_", " "), overflow="fold")
    for row in rows:
        table.add_row(*(cell(row.get(name)) for name in names))
    Console().print(table)


def cell(value: Any) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case list() | tuple():
            return ", ".join(cell(item) for item in value)
        case dict():
            return orjson.dumps(value, default=str).decode()
        case _:
            return str(value)


json_option = click.option("--json", "json", is_flag=True, help="Print JSON instead of a table.")
