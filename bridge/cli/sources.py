"""`sources`: who may send webhooks, where to, and trying it out."""

from typing import Any

import click

from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.operations import OperationError
from bridge.operations.source_setup import address, example, send
from bridge.sources import Source


@click.group()
def sources() -> None:
    """The configured senders of webhooks."""


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


@sources.command("url")
@click.argument("source")
@click.option("--base-url", help="Where the service is reached from outside; `public_url` of bridge.yaml by default.")
@click.option("--type", "kind", type=click.Choice(["conversion", "event", "click"]), default="conversion")
@json_option
@click.pass_obj
def url(session: Session, source: str, base_url: str | None, kind: str, json: bool) -> None:
    """Print the address to paste at the sender; for Integr8 with its macros in place.

    \b
    Example:
      integr8-bridge sources url postback --base-url https://bridge.example.com
    """
    try:
        found = address(session.services, source, kind, base_url=base_url)
    except OperationError as error:
        raise click.ClickException(str(error)) from error
    outcome({"source": source, "url": found}, [found], json=json)


@sources.command("test")
@click.argument("source")
@click.option("--base-url", help="Where the service runs; `public_url` of bridge.yaml by default.")
@click.option("--send", "wanted", is_flag=True, help="Send it, too.")
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
