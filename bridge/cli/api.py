"""`api`: every operation of Integr8 from the shell. The commands are made from the operation catalogue."""

from collections.abc import Callable, Mapping
from typing import Any

import click

from bridge.cli import api_read_commands, api_report_commands, api_write_commands
from bridge.cli.api_options import Json, dashed
from bridge.cli.api_session import account_options, as_text, client_of, guarded
from bridge.cli.choice import Choice
from bridge.cli.session import Session, json_option, outcome, show
from bridge.integr8 import OPERATIONS, RESOURCES, Operation
from bridge.integr8.exports import PER_DAY
from bridge.integr8.openapi import SERVER, document
from bridge.store import schema_version

EXAMPLES = """\b
Examples:
  integr8-bridge api offers list --filter active=true --sort -name --json
  integr8-bridge api offers set-status 42 43 --inactive --dry-run
  integr8-bridge api publishers create --from-file new.csv
  integr8-bridge api reports conversions --since 24h --csv > conversions.csv
  integr8-bridge api operations

Completion: `eval "$(_INTEGR8_BRIDGE_COMPLETE=bash_source integr8-bridge)"` (zsh_source, fish_source).
"""

Maker = Callable[[Operation], click.Command]

#: Action → what makes its command. Whatever is not named here is a read with an address or a filter.
MAKERS: Mapping[str, Maker] = {
    "list": api_read_commands.listing,
    "get": api_read_commands.reading,
    "create": api_write_commands.creating,
    "update": api_write_commands.updating,
    "delete": api_write_commands.deleting,
    "set_status": api_write_commands.switching,
    "bulk_delete": api_write_commands.deleting_many,
    "url": api_report_commands.address,
    "shared_url": api_report_commands.address,
}
TABLES: Mapping[str, Maker] = {"reports": api_report_commands.report, "downloads": api_report_commands.download}


@click.group(epilog=EXAMPLES)
def api() -> None:
    """Call any operation of Integr8. Lists and reports are read page by page; writes take --dry-run.

    If no answer arrives, an operation that sets a state (a status, a field, a delete) is repeated without a read, up to
    six times within seconds; a repetition changes nothing. A create is never sent twice.
    """


def _group(resource: str) -> click.Group:
    group = click.Group(dashed(resource), help=f"{resource.replace('_', ' ').capitalize()}.")
    for operation in OPERATIONS.values():
        if operation.resource == resource:
            make = TABLES.get(resource) or MAKERS[operation.action]
            group.add_command(make(operation))
    return group


for _resource in RESOURCES:
    api.add_command(_group(_resource))


@api.command()
@json_option
def operations(*, json: bool) -> None:
    """List the operations, their paths, and the source of each path.

    \b
    Example:
      integr8-bridge api operations
    """
    rows = [
        {
            "operation": one.name,
            "route": str(one.route),
            "retry": one.retry.value,
            "section": one.section,
            "evidence": one.evidence,
            "alternates": [str(route) for route in one.alternates],
        }
        for one in OPERATIONS.values()
    ]
    show(rows, ("operation", "route", "retry", "evidence"), json=json, empty="")


@api.command()
@click.option("--server", default=SERVER, show_default=True, help="The server address in the document.")
def openapi(server: str) -> None:
    """Print Integr8's API as we know it as an OpenAPI 3.1 document.

    \b
    Example:
      integr8-bridge api openapi > integr8.json
    """
    click.echo(as_text(document(server)))


def _pairs(context: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    split = [value.partition("=") for value in values]
    if not all(mark for _, mark, _ in split):
        raise click.BadParameter("write name=value", ctx=context, param=parameter)
    return {name: value for name, _, value in split}


@api.command()
@click.argument("name", metavar="OPERATION", type=Choice(list(OPERATIONS)))
@click.option("--path", multiple=True, callback=_pairs, help="A path parameter, name=value.")
@click.option("--query", multiple=True, callback=_pairs, help="A query parameter, name=value.")
@click.option("--body", type=Json(), help="The body, as JSON.")
@account_options
@click.pass_obj
@guarded
def call(
    session: Session, name: str, path: dict[str, str], query: dict[str, str], body: Any, account: str, integration: str
) -> None:
    """Call one operation, and print the answer as JSON.

    \b
    Example:
      integr8-bridge api call offers.get --path offerID=42
    """
    answer = client_of(session, account, integration).call(name, path=path, query=query, body=body)
    click.echo(as_text(answer))


@api.command()
@click.argument("transaction_id")
@click.option("--reason", required=True, help="The reason that Integr8 shows.")
@click.confirmation_option(prompt="A rejection cannot be undone. Continue?")
@account_options
@json_option
@click.pass_obj
@guarded
def reject(session: Session, transaction_id: str, reason: str, account: str, integration: str, *, json: bool) -> None:
    """Reject a conversion through the tracker's rejection URL (accounts.NAME.rejection_url).

    \b
    Example:
      integr8-bridge api reject 102a5f --reason "duplicate"
    """
    client_of(session, account, integration).reject_conversion(transaction_id, reason)
    said = f"asked the tracker to reject {transaction_id}; an unknown id is not reported"
    outcome({"asked_to_reject": transaction_id}, [said], json=json)


@api.command()
@account_options
@json_option
@click.pass_obj
@guarded
def budget(session: Session, account: str, integration: str, *, json: bool) -> None:
    """Show the rate budget that all processes share, and today's remaining exports.

    \b
    Example:
      integr8-bridge api budget
    """
    state = client_of(session, account, integration).budget.state()
    exports = _exports_left(session, account, integration)
    row = {
        "share_of_rate": f"{state.share:.0%}",
        "closed_for_seconds": round(state.closed_for, 1),
        "breaker_open_for_seconds": round(state.breaker_open_for, 1),
        "calls_in_last_second": state.in_window,
        **exports,
    }
    show([row], row, json=json, empty="")


def _exports_left(session: Session, account: str, integration: str) -> dict[str, Any]:
    """Return the numbers of exports left.

    The count is in the database; a fresh home has none, and nothing was exported yet.
    """
    if schema_version.pending(session.services.store.engine):
        return {"exports_left": PER_DAY, "next_export_free_at": None}
    left = api_report_commands.exporter(session, account, integration).budget()
    return {"exports_left": left.left, "next_export_free_at": left.next_free}
