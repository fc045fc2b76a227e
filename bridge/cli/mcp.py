"""`mcp`: let a chat assistant ask questions and propose changes. A person decides."""

import getpass
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click

from bridge.cli import faults
from bridge.cli.session import Session
from bridge.config.errors import SettingsError

SERVER_ERROR = -32000  # of JSON-RPC, for what the server says about itself


@click.command()
@click.option(
    "--http", metavar="HOST:PORT", help="Serve streamable HTTP at /mcp, with tokens; without it stdin and stdout."
)
@click.pass_obj
def mcp(session: Session, http: str | None) -> None:
    """Answer a chat assistant over the Model Context Protocol. It may read and propose; it cannot approve anything.

    Needs the extra: pip install 'integr8-bridge[mcp]'. Every call is in `integr8-bridge audit`.

    \b
    Examples:
      integr8-bridge mcp
      integr8-bridge mcp --http 127.0.0.1:8930
    """
    with _told_to_the_client(over_stdio=http is None):
        session.migrated()
        try:
            from bridge.web.mcp import server  # noqa: PLC0415 - an extra, which only this command needs
        except ModuleNotFoundError as error:
            raise click.ClickException(f"{error.name} is not installed; pip install 'integr8-bridge[mcp]'") from error
        from bridge.store.roles import Role  # noqa: PLC0415 - with the database, only when it runs

        services = session.services
    if http is None:
        local = server.Caller(getpass.getuser(), Role.OPERATOR)
        server.make(services, local=local).run("stdio")
        return
    host, colon, port = http.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f"{http}: write HOST:PORT, such as 127.0.0.1:8930", param_hint="--http")
    import uvicorn  # noqa: PLC0415 - comes with the extra

    uvicorn.run(server.http_app(services), host=host.strip("[]"), port=int(port), log_level="info")


@contextmanager
def _told_to_the_client(*, over_stdio: bool) -> Iterator[None]:
    """Send an error that prevents the server from starting as the answer to the client's first request, too.

    Without an answer, a client only shows that the connection is closed.
    """
    try:
        yield
    except Exception as error:
        said = _sentence(error)
        if over_stdio and said is not None and not sys.stdin.isatty():
            _answer_the_first_request(said)
        raise


def _sentence(error: Exception) -> str | None:
    match error:
        case click.ClickException():
            return error.message
        case SettingsError():
            return "; ".join(error.problems)
        case _:
            return faults.sentence(error)


def _answer_the_first_request(why: str) -> None:
    """Answer the first request on stdin, one message per line. Other messages, such as notifications, get no answer."""
    for line in sys.stdin.buffer:
        try:
            asked = json.loads(line)
        except ValueError:
            continue
        if isinstance(asked, dict) and "method" in asked and asked.get("id") is not None:
            error = {"code": SERVER_ERROR, "message": f"integr8-bridge mcp: {why}"}
            click.echo(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": error}))
            return
