"""`mcp`: let a chat assistant ask questions and propose changes. A person decides."""

import getpass

import click

from bridge.cli.session import Session


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
    session.migrated()
    try:
        from bridge.web.mcp import server  # noqa: PLC0415 - an extra, which only this command needs
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is not installed; pip install 'integr8-bridge[mcp]'") from error
    from bridge.store.roles import Role  # noqa: PLC0415 - with the database, only when it runs

    if http is None:
        local = server.Caller(getpass.getuser(), Role.OPERATOR)
        server.make(session.services, local=local).run("stdio")
        return
    host, colon, port = http.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65_535:
        raise click.BadParameter(f"{http}: write HOST:PORT, such as 127.0.0.1:8930", param_hint="--http")
    import uvicorn  # noqa: PLC0415 - comes with the extra

    uvicorn.run(server.http_app(session.services), host=host.strip("[]"), port=int(port), log_level="info")
