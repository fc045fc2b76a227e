"""`sources`: who may send webhooks, where to, and trying it out."""

import click

from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.operations import OperationError
from bridge.operations.source_setup import address, example, send


@click.group()
def sources() -> None:
    """The configured senders of webhooks."""


@sources.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show all sources and how each proves itself.

    \b
    Example:
      integr8-bridge sources list
    """
    rows = [
        {"source": name, "proof": one.way, "format": one.format, "warnings": list(one.warnings)}
        for name, one in sorted(session.services.sources.items())
    ]
    show(rows, ("source", "proof", "format", "warnings"), json=json, empty="no sources; add them under `sources:`")


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
    """Print a curl command with a correct proof, and with --send send it. The event's type is `test`.

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
