"""`sources`: list who may send webhooks, show their addresses, and test them."""

import getpass
import os
from pathlib import Path
from typing import Any

import click

from bridge.cli.choice import Choice
from bridge.cli.renames import rename_command
from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.operations import OperationError, source_secrets
from bridge.operations.source_entry import add, known_presets, public_url, signs_address
from bridge.operations.source_setup import address, base_url_of, example, send
from bridge.sources import Source
from bridge.sources.presets import PRESETS
from bridge.sources.trackers import TRACKERS

NAMES = sorted({*PRESETS, *TRACKERS, "integr8"})


@click.group()
def sources() -> None:
    """List, add and test sources: the senders of webhooks."""


def _row(name: str, source: Source) -> dict[str, Any]:
    method = source.method
    row = {"source": name, "authentication": method, "proof": method}  # `proof` is the name of 0.1.0
    return row | {"format": source.format, "warnings": list(source.warnings)}


@sources.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show all sources and how their requests are authenticated.

    \b
    Example:
      integr8-bridge sources list
    """
    rows = [_row(name, one) for name, one in sorted(session.services.sources.items())]
    show(
        rows,
        ("source", "authentication", "format", "warnings"),
        json=json,
        empty="no sources; add them under `sources:`",
    )


@sources.command("presets")
@json_option
def presets(json: bool) -> None:
    """Show every sender that is known by name, with the page that its settings were taken from.

    \b
    Example:
      integr8-bridge sources presets
    """
    show(known_presets(), ("name", "sender", "verify", "setup_call", "source"), json=json, empty="none")


@sources.command("add")
@click.argument("source")
@click.option("--preset", required=True, type=Choice(NAMES), help="The sender; `sources presets` lists them.")
@click.option("--base-url", help="Public address of the service; `public_url` of bridge.yaml by default.")
@json_option
def add_(source: str, preset: str, base_url: str | None, json: bool) -> None:
    """Add a source to bridge.yaml, and print which secret it needs and the address for the sender.

    \b
    Examples:
      integr8-bridge sources add crm --preset hubspot
      integr8-bridge sources add partners --preset everflow --base-url https://bridge.example.com
    """
    home = Path(os.environ.get("BRIDGE_HOME", "."))
    try:
        made = add(home, source, preset)
        base = base_url or public_url(home)
    except OperationError as error:
        raise click.ClickException(str(error)) from error
    where = f"{base.rstrip('/')}/hooks/{source}"
    lines = [f"{home / 'bridge.yaml'}: added", f"  {made.line}", "Put into the environment, or into .env beside it:"]
    lines += [f"  {name}=...    {found}" for name, found in made.variables.items()]
    if signs_address(preset):
        lines += [f"It signs its address, so bridge.yaml must name it: public_url: {base.rstrip('/')}"]
    lines += ["Then restart the service. The address for the sender, with its token where it needs one:"]
    lines += [f"  integr8-bridge sources url {source}" if "TOKEN" in made.line else f"  {where}"]
    told = {"source": source, "entry": made.line, "variables": dict(made.variables), "address": where}
    outcome(told, lines, json=json)


@sources.command("rotate")
@click.argument("source")
@click.option("--end-old", is_flag=True, help="Accept the newest secret alone, once the sender uses it.")
@click.option("--base-url", help="Public address of the service; `public_url` of bridge.yaml by default.")
@json_option
@click.pass_obj
def rotate_(session: Session, source: str, end_old: bool, base_url: str | None, json: bool) -> None:
    """Accept a second secret beside the present one, and print it; with --end-old, the new one alone.

    \b
    Examples:
      integr8-bridge sources rotate crm
      integr8-bridge sources rotate crm --end-old
    """
    with session.operating() as services:
        who, now = getpass.getuser(), services.clock()
        if end_old:
            source_secrets.end_old(services, source, who=who, now=now)
            outcome({"source": source}, [f"{source} accepts the newest secret alone"], json=json)
            return
        base = base_url_of(services, base_url)
        made = source_secrets.rotate(services, source, base_url=base, who=who, now=now)
    lines = [f"address: {made.address}", f"secret, shown once: {made.secret}", made.note]
    outcome({"source": source, "url": made.address, "secret": made.secret}, lines, json=json)


@sources.command("url")
@click.argument("source")
@click.option("--base-url", help="Public address of the service; `public_url` of bridge.yaml by default.")
@click.option("--for", "tracker", type=Choice(TRACKERS), help="The tracker whose macros are filled in.")
@click.option("--type", "kind", type=Choice(["conversion", "event", "click"]), default="conversion")
@json_option
@click.pass_obj
def url(session: Session, source: str, base_url: str | None, tracker: str | None, kind: str, json: bool) -> None:
    """Print the address to paste at the sender; for Integr8 and other trackers with their macros in place.

    \b
    Examples:
      integr8-bridge sources url postback --base-url https://bridge.example.com
      integr8-bridge sources url partners --for everflow
    """
    try:
        found = address(session.services, source, kind, base_url=base_url, tracker=tracker)
    except OperationError as error:
        raise click.ClickException(str(error)) from error
    outcome({"source": source, "url": found}, [found], json=json)


@sources.command("test")
@click.argument("source")
@click.option("--base-url", help="Address of the service; `public_url` of bridge.yaml by default.")
@click.option("--send", "wanted", is_flag=True, help="Also send it.")
@json_option
@click.pass_obj
def test(session: Session, source: str, base_url: str | None, wanted: bool, json: bool) -> None:
    """Print a curl command with a correct signature or token; --send also sends it. The event's type is `test`.

    \b
    Example:
      integr8-bridge sources test crm --send
    """
    try:
        made = example(session.services, source, base_url=base_url)
        answer = send(made) if wanted else None
    except OperationError as error:
        raise click.ClickException(str(error)) from error
    result = {"curl": made.curl}
    if answer is not None:
        result |= {"status": str(answer.status_code), "answer": answer.text}
    click.echo(as_json(result) if json else "\n".join(result.values()))
    if answer is not None and not answer.is_success:
        raise SystemExit(1)


sources.add_command(rename_command("source"))
