"""`init` and `check`: write a starter directory, and check a directory."""

import base64
import secrets
import shutil
from dataclasses import replace
from importlib import import_module
from importlib.resources import as_file, files
from os import environ
from pathlib import Path

import click

from bridge.cli.check_formats import FORMATS
from bridge.cli.choice import Choice
from bridge.cli.session import as_json, json_option
from bridge.operations.check import check_home
from rules.model.formatting import counted

ENVIRONMENT = """\
# Read by every command of integr8-bridge in this directory; the real environment goes before it.
# Keep it out of git. In production, set these in the environment instead, or NAME_FILE for a mounted secret.
INTEGR8_BASE_URL=https://api.app.integr8.co
INTEGR8_API_KEY=put-your-key-here
INTEGR8_INTEGRATION_ID=put-your-integration-id-here
CRM_SECRET=whsec_{crm}
POSTBACK_TOKEN={postback}
BRIDGE_SECRET_KEY={key}
"""


@click.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
def init(directory: Path) -> None:
    """Write a commented starter directory: bridge.yaml, three rules, one table, and .env with fresh secrets.

    \b
    Example:
      integr8-bridge init my-network && integr8-bridge check my-network
    """
    if directory.exists() and any(directory.iterdir()):
        raise click.ClickException(f"{directory} is not empty; name a new directory, nothing was written")
    with as_file(files("bridge.config") / "starter") as starter:
        shutil.copytree(starter, directory, dirs_exist_ok=True)
    (directory / "gitignore").rename(directory / ".gitignore")
    environment = directory / ".env"
    environment.touch(mode=0o600)
    environment.write_text(
        ENVIRONMENT.format(crm=_base64_secret(), postback=secrets.token_urlsafe(24), key=secrets.token_hex(32))
    )
    click.echo(f"{directory}: written. Put your Integr8 key into {environment}, then:")
    click.echo(f"  integr8-bridge check {directory}")
    click.echo(f"  BRIDGE_HOME={directory} integr8-bridge up")


def _base64_secret() -> str:
    return base64.b64encode(secrets.token_bytes(24)).decode()


def _costs(directory: Path | None, *, database: bool) -> tuple[str, ...]:
    """Return the cost of each rule at the volumes of the network, or at typical ones, and its bytes written per day."""
    rule_costs = import_module("bridge.operations.rule_costs")
    ahead = rule_costs.costs_in_home(directory) if database else None
    if ahead is None:
        ahead = rule_costs.typical_costs_in_home(directory)
    if not database:
        return tuple(ahead)
    sizes, forecast = (import_module(f"bridge.operations.answer_{name}") for name in ("sizes", "forecast"))
    return (*ahead, *sizes.written_in_home(directory), *forecast.forecasts_in_home(directory))


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@click.option("--format", "form", type=Choice(sorted(FORMATS)), help="For programs: annotations, SARIF or JUnit.")
@click.option(
    "--costs", is_flag=True, help="Simulate what each rule will cost, say what it writes in a day; takes seconds."
)
@json_option
def check(directory: Path | None, form: str | None, costs: bool, json: bool) -> None:
    """Read bridge.yaml, every rule with its tests, and every table; print all that is wrong, with its place.

    \b
    Examples, as a step of your CI:
      integr8-bridge check my-network
      integr8-bridge check my-network --format github
      integr8-bridge check --format sarif > check.sarif
    """
    found = check_home(directory)
    if found.database and not found.errors:
        # Imported here: what asks a database weighs more than all the rest of this command.
        stale_names = import_module("bridge.operations.stale_names")
        found = replace(found, warnings=(*found.warnings, *stale_names.stale_in_home(directory)))
    if costs and not found.errors:
        found = replace(found, costs=_costs(directory, database=found.database))
    if form:
        click.echo(FORMATS[form](found, directory or Path(environ.get("BRIDGE_HOME", "."))))
    elif json:
        told = {"ok": not found.errors, "errors": found.errors, "warnings": found.warnings, "rules": found.rules}
        told |= {"costs": found.costs} if costs else {}
        click.echo(as_json(told))
    else:
        for line in found.errors:
            click.secho(line, fg="red")
        for line in found.warnings:
            click.secho(f"{line} (warning)", fg="yellow")
        for line in found.costs:
            click.echo(line)
        counts = (found.rules, "rule"), (found.errors, "error"), (found.warnings, "warning")
        click.echo(", ".join(counted(len(some), noun) for some, noun in counts))
    raise SystemExit(1 if found.errors else 0)
