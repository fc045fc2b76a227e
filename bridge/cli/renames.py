"""`rename` for accounts, sources, channels and rules, and `accounts`: find and move what uses an old name."""

import getpass
from collections.abc import Callable

import click

from bridge.cli.session import Session, json_option, outcome, show
from bridge.operations.renames import forget_account, rename
from bridge.operations.stale_names import Kind, StaleName, configured_names, stale_names


@click.group()
def accounts() -> None:
    """List, rename and forget accounts."""


@accounts.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show the accounts, and every removed name that is still used.

    \b
    Example:
      integr8-bridge accounts list
    """
    with session.operating() as services:
        with services.store.read() as database:
            names = configured_names(services.settings, services.library.current(database))
            stale = stale_names(database, names, services.clock())
        rows = [
            {"name": name, "kind": "account", "used_by": "", "remedy": ""} for name in services.settings.accounts
        ] + [_row(one) for one in stale]
    show(rows, ("kind", "name", "used_by", "remedy"), json=json, empty="no account is configured")


def _row(one: StaleName) -> dict[str, str]:
    return {"name": one.name, "kind": f"{one.kind}, gone", "used_by": one.uses, "remedy": one.remedy}


@accounts.command("rename")
@click.argument("old")
@click.argument("new")
@json_option
@click.pass_obj
def rename_account(session: Session, old: str, new: str, json: bool) -> None:
    """Move holds, effects and data of an account, or ACCOUNT/INTEGRATION, that has a new name in bridge.yaml.

    \b
    Examples:
      integr8-bridge accounts rename main europe
      integr8-bridge accounts rename main/default main/web
    """
    _rename(session, "integration" if "/" in old else "account", old, new, json=json)


@accounts.command("forget")
@click.argument("name")
@json_option
@click.pass_obj
def forget(session: Session, name: str, json: bool) -> None:
    """End the holds and effects of a removed account. Nothing is changed at Integr8.

    \b
    Example:
      integr8-bridge accounts forget old-network
    """
    with session.operating() as services, services.store.write() as database:
        names = configured_names(services.settings, services.library.current(database))
        done = forget_account(database, name, names=names, who=getpass.getuser(), now=services.clock())
    outcome(done, [f"{what} ended: {number}" for what, number in done.items()], json=json)


def _rename(session: Session, kind: Kind, old: str, new: str, *, json: bool) -> None:
    with session.operating() as services, services.store.write() as database:
        names = configured_names(services.settings, services.library.current(database))
        moved = rename(database, kind, old, new, names=names, who=getpass.getuser(), now=services.clock())
    lines = [f"{what} moved: {number}" for what, number in moved.items()] or ["nothing used the old name"]
    outcome(moved, lines, json=json)


def rename_command(kind: Kind) -> click.Command:
    """Add `rename OLD NEW` to a group of commands."""

    def run(session: Session, old: str, new: str, json: bool) -> None:
        _rename(session, kind, old, new, json=json)

    run.__doc__ = f"""Move the stored data of a {kind} that has a new name in its file.

    \b
    Example:
      integr8-bridge {kind}s rename old-name new-name
    """
    decorated: Callable[..., None] = click.pass_obj(run)
    for option in (json_option, click.argument("new"), click.argument("old")):
        decorated = option(decorated)
    return click.command("rename")(decorated)
