"""`doctor`: check everything from the settings to the permissions of the Integr8 key, and name the remedy."""

import click

from bridge.cli.session import Session, as_json, json_option
from bridge.operations.doctor import Check, examine, permissions, routes
from bridge.operations.health_checks import checks

COLOURS = {"ok": "green", "warn": "yellow", "fail": "red"}


@click.command()
@click.option(
    "--live", is_flag=True, help="Call the read-only operations of each account, and print the routes to override."
)
@json_option
@click.pass_obj
def doctor(session: Session, live: bool, json: bool) -> None:
    """Check everything that the service needs, and say what to do.

    Nothing is changed; Integr8 is asked with reading operations only. Exits with 1 when something is broken.

    \b
    Examples:
      integr8-bridge doctor
      integr8-bridge doctor --live --json
    """
    services, now = session.services, session.services.clock()
    found = examine(services, now, health=checks)
    pastes = []
    for name in session.settings.accounts:
        found += permissions(services, name, now)
        if live:
            one, paste = routes(services, name, now)
            found.append(one)
            pastes += [paste] if paste else []
    if json:
        click.echo(as_json({"checks": found, "paste": pastes}))
    else:
        _tell(found, pastes)
    raise SystemExit(1 if any(one["status"] == "fail" for one in found) else 0)


def _tell(found: list[Check], pastes: list[str]) -> None:
    for one in found:
        click.secho(f"{one['status']:<5}", fg=COLOURS[one["status"]], nl=False)
        click.echo(f"{one['name']:<28} {one['detail']}" + (f"; {one['remedy']}" if one.get("remedy") else ""))
    for text in pastes:
        click.echo(f"\nPaste into bridge.yaml:\n{text}")
