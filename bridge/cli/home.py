"""`init` and `check`: write a starter directory, and say what is wrong with a directory."""

import base64
import secrets
import shutil
from importlib.resources import as_file, files
from pathlib import Path

import click

from bridge import settings
from bridge.cli.session import as_json, json_option
from bridge.login import LoginSettingsError, oidc
from bridge.notices.channels import ChannelSettingsError, channel
from bridge.rulebook import read
from bridge.settings import SettingsError
from bridge.sources import SourceSettingsError, build

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
NO_ADDRESS = (
    "login.oidc: public_url is missing; behind a proxy, the provider would send people back to the wrong address"
)


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
    with as_file(files("bridge") / "starter") as starter:
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


@click.command()
@click.argument("directory", type=click.Path(exists=True, file_okay=False, path_type=Path), required=False)
@json_option
def check(directory: Path | None, json: bool) -> None:
    """Read bridge.yaml, every rule with its tests, and every table; print all that is wrong, with its place.

    \b
    Example, as a step of your CI:
      integr8-bridge check my-network
    """
    errors, warnings, rules = _findings(directory)
    if json:
        click.echo(as_json({"ok": not errors, "errors": errors, "warnings": warnings, "rules": rules}))
    else:
        for line in errors:
            click.secho(line, fg="red")
        for line in warnings:
            click.secho(f"{line} (warning)", fg="yellow")
        click.echo(f"{len(rules)} rules, {len(errors)} errors, {len(warnings)} warnings")
    raise SystemExit(1 if errors else 0)


def _findings(directory: Path | None) -> tuple[list[str], list[str], list[str]]:
    try:
        found = settings.load(directory)
    except SettingsError as error:
        return error.problems, [], []
    errors, warnings = [], []
    for name, entry in found.sources.items():
        try:
            warnings += [f"bridge.yaml: {line}" for line in build(name, entry).warnings]
        except SourceSettingsError as error:
            errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    for name, entry in found.channels.items():
        try:
            channel(name, entry)
        except ChannelSettingsError as error:
            errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    try:
        if oidc(found.login) and not found.public_url:
            warnings.append(f"bridge.yaml: {NO_ADDRESS}")
    except LoginSettingsError as error:
        errors += [f"bridge.yaml: {path}: {words}" for path, words in error.problems]
    reading = read(found)
    for problem in sorted(reading.problems):
        (errors if problem.severity == "error" else warnings).append(str(problem))
    return errors, warnings, [revision.id for revision in reading.revisions]
