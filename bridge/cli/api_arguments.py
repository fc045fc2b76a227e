"""Arguments, help texts and groups that the `api` commands share."""

from collections.abc import Callable, Sequence
from typing import Any

import click

from bridge.cli.api_options import dashed
from bridge.cli.api_session import account_options, guarded
from bridge.integr8 import Operation

#: Path parameter → the argument that a person types. The integration comes from the account.
ARGUMENTS = {
    "offerID": "offer_id",
    "userID": "id",
    "publisherID": "id",
    "advertiserID": "id",
    "offerEventID": "id",
    "offerLandingPageID": "id",
    "exportID": "id",
}


#: What stands in the examples, where it differs from one resource to another: all of them run as they are shown.
FILTERS = {"exports": "status=COMPLETED", "users": "role=admin"}
FIELDS = {
    "users": "--email ann@example.com --role accountManager",
    "offers": "--name Summer --advertiser-id 7",
    "landing_pages": "--name Summer --redirect-url https://example.com/summer",
}
CHANGES = {"users": "--status Deactivated"}


def finish(
    operation: Operation, run: Callable[..., None], *, arguments: Sequence[str], options: Sequence[click.Parameter] = ()
) -> click.Command:
    parameters: list[click.Parameter] = [click.Argument([name]) for name in arguments]
    command = click.command(dashed(operation.action), help=_help(operation))(
        account_options(click.pass_obj(guarded(run)))
    )
    command.params = [*parameters, *options, *command.params]
    return command


def _help(operation: Operation) -> str:
    return f"{operation.title}.\n\n\b\nExample:\n  integr8-bridge api {_example(operation)}"


def _example(operation: Operation) -> str:
    begin = f"{dashed(operation.resource)} {dashed(operation.action)}"
    offer = " 42" if "offerID" in operation.parameters and operation.resource != "offers" else ""
    tails = {
        "list": f" --filter {FILTERS.get(operation.resource, 'active=true')} --json",
        "get": " 42 --json",
        "create": f" {FIELDS.get(operation.resource, '--name Summer')} --dry-run",
        "update": f" 42 {CHANGES.get(operation.resource, '--name Autumn')} --dry-run",
        "delete": " 42 --yes",
        "set_status": " 42 43 --inactive --dry-run",
        "bulk_delete": " 42 43 --yes",
    }
    return begin + offer + tails.get(operation.action, "")


def above(operation: Operation, values: dict[str, Any]) -> dict[str, str]:
    """Take the id of the offer that a collection belongs to out of the values, and return it."""
    below_offer = "offerID" in operation.parameters and operation.resource != "offers"
    return {"offerID": values.pop("offer_id")} if below_offer else {}


def arguments_of(operation: Operation) -> list[str]:
    names = [name for name in operation.parameters if name != "integrationID"]
    if operation.resource == "offers":
        return ["id"] if names else []
    return [ARGUMENTS[name] for name in names]


def options_of(function: Callable[..., None]) -> list[click.Parameter]:
    """Return the parameters that click's decorators added to a plain function."""
    return list(reversed(getattr(function, "__click_params__", [])))
