"""`sources`: who may send webhooks, where to, and trying it out."""

import click
import httpx

from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.sources import suggested_url
from bridge.sources.samples import NoSample, sample

BASE_URL = "http://127.0.0.1:8000"


@click.group()
def sources() -> None:
    """The configured senders of webhooks."""


def _base(session: Session, given: str | None) -> str:
    return given or session.settings.public_url or BASE_URL


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
        for name, one in sorted(session.house.sources.items())
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
    config = _config(session, source)
    if config.get("format") == "integr8-postback":
        token = config.get("token")
        address = suggested_url(_base(session, base_url), source, str(token) if token else None, kind)
    else:
        address = f"{_base(session, base_url).rstrip('/')}/hooks/{source}"
    outcome({"source": source, "url": address}, [address], json=json)


@sources.command("test")
@click.argument("source")
@click.option("--base-url", help="Where the service runs; `public_url` of bridge.yaml by default.")
@click.option("--send", is_flag=True, help="Send it, too.")
@json_option
@click.pass_obj
def test(session: Session, source: str, base_url: str | None, send: bool, json: bool) -> None:
    """Print a curl command with a correct proof, and with --send send it. The event's type is `test`.

    \b
    Example:
      integr8-bridge sources test crm --send
    """
    try:
        made = sample(_base(session, base_url), source, _config(session, source))
    except NoSample as error:
        raise click.ClickException(str(error)) from error
    result = {"curl": made.curl}
    if send:
        try:
            method = "GET" if made.body is None else "POST"
            answer = httpx.request(method, made.url, headers=dict(made.headers), content=made.body, timeout=10)
        except httpx.HTTPError as error:
            raise click.ClickException(f"{made.url}: {error}; does the service run?") from error
        result |= {"status": str(answer.status_code), "answer": answer.text}
    click.echo(as_json(result) if json else "\n".join(result.values()))
    if send and not answer.is_success:
        raise SystemExit(1)


def _config(session: Session, source: str) -> dict[str, object]:
    found = session.settings.sources.get(source)
    if found is None:
        known = ", ".join(sorted(session.settings.sources)) or "none"
        raise click.ClickException(f"source {source!r}: there is none; sources are: {known}")
    return dict(found)
