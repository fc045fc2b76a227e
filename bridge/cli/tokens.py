"""`tokens`: manage the tokens of the API."""

import getpass
from datetime import timedelta

import click

from bridge.cli.choice import Choice
from bridge.cli.session import ROW_ID, Session, Span, as_json, json_option, outcome, show
from bridge.store import tokens as store_tokens
from bridge.store.roles import Role
from bridge.web.access.tokens import make
from bridge.web.access.tokens import revoke as end


@click.group()
def tokens() -> None:
    """Create, list and revoke tokens of the API."""


@tokens.command("create")
@click.argument("name")
@click.option("--role", type=Choice([str(one) for one in Role]), default="viewer", show_default=True)
@click.option("--expires", type=Span(), help="Expires after 30d, 24h, ...; never by default.")
@json_option
@click.pass_obj
def create(session: Session, name: str, role: str, expires: timedelta | None, json: bool) -> None:
    """Create a token. It is shown once.

    \b
    Example:
      integr8-bridge tokens create grafana --role viewer --expires 365d
    """
    with session.operating() as services, services.store.write() as database:
        now = services.clock()
        text = make(database, name=name, role=Role(role), who=getpass.getuser(), now=now, lifetime=expires)
    click.echo(as_json({"name": name, "role": role, "token": text}) if json else text)


@tokens.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show all tokens, without their secrets.

    \b
    Example:
      integr8-bridge tokens list
    """
    with session.read() as database:
        rows = [
            {
                "id": one.id,
                "name": one.name,
                "role": one.role,
                "created": one.created_at,
                "expires": one.expires_at,
                "last_used": one.last_used_at,
                "revoked": one.revoked_at,
            }
            for one in store_tokens.everyone(database)
        ]
    columns = ("id", "name", "role", "created", "expires", "last_used", "revoked")
    show(rows, columns, json=json, empty="there are no tokens yet")


@tokens.command("revoke")
@click.argument("token", type=ROW_ID)
@json_option
@click.pass_obj
def revoke(session: Session, token: int, json: bool) -> None:
    """Revoke a token immediately.

    \b
    Example:
      integr8-bridge tokens revoke 3
    """
    with session.write() as database:
        now = session.services.clock()
        if end(database, token, who=getpass.getuser(), now=now) is None:
            raise click.ClickException(
                f"token {token}: not found, or revoked already; `integr8-bridge tokens list` shows them"
            )
    outcome({"token": token, "revoked": True}, [f"token {token} is revoked"], json=json)
