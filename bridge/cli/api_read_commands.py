"""Build the commands that read collections: list and get."""

from collections.abc import Mapping
from typing import Any

import click

from bridge.cli.api_arguments import above, arguments_of, finish, options_of
from bridge.cli.api_options import filters
from bridge.cli.api_session import as_text, client_of, limited, page_size, print_rows
from bridge.cli.session import Session
from bridge.integr8 import Client, Listing, Operation
from bridge.integr8.flows import CollectionPath
from bridge.integr8.pagination import Numbered
from bridge.integr8.query_schemas import PAGE_SIZE_MAX


def listing(operation: Operation) -> click.Command:
    @click.option("--filter", "wanted", multiple=True, help="field=value or field[gte]=value; repeatable.")
    @click.option("--sort", default=None, help="Fields with commas between; a minus sorts downwards.")
    @click.option("--limit", type=click.IntRange(0), default=0, help="Stop after this many rows; 0 reads all.")
    @click.option("--size", type=click.IntRange(1, PAGE_SIZE_MAX), default=PAGE_SIZE_MAX, help="Rows per request.")
    @click.option("--start", type=click.IntRange(1), default=1, help="The first page to read.")
    @click.option("--json", "json", is_flag=True, help="Print JSON instead of a table.")
    def options() -> None: ...

    def run(session: Session, account: str, integration: str, **values: Any) -> None:
        client = client_of(session, account, integration)
        rows = _rows(client, operation, above(operation, values), values)
        empty = f"no {operation.resource.replace('_', ' ')}"
        print_rows(limited(rows, values["limit"]), json=values["json"], empty=empty)

    return finish(operation, run, arguments=arguments_of(operation), options=options_of(options))


def _rows(client: Client, operation: Operation, place: Mapping[str, str], values: Mapping[str, Any]) -> Listing:
    query = filters(values["wanted"]) | ({"sort": values["sort"]} if values["sort"] else {})
    paging = Numbered(operation.name, size=page_size(values["size"], values["limit"]), start=values["start"])
    client.context.request(operation.name, path=place, query=query | (paging.query or {}))
    return Listing(lambda page: client.call(operation.name, path=place, query=query | page), paging)


def reading(operation: Operation) -> click.Command:
    @click.option("--json", "json", is_flag=True, help="Print JSON instead of lines.")
    def options() -> None: ...

    def run(session: Session, account: str, integration: str, *, json: bool, **values: Any) -> None:
        client = client_of(session, account, integration)
        path = CollectionPath(operation.resource, above(operation, values)).item(values["id"])
        row = client.call(operation.name, path=path)
        if json:
            click.echo(as_text(row))
            return
        for key, value in row.items():
            click.echo(f"{key:32} {value if not isinstance(value, dict | list) else as_text(value)}")

    return finish(operation, run, arguments=arguments_of(operation), options=options_of(options))
