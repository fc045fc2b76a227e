"""`users`: manage who may sign in to the console. Passwords are prompted for, never given as arguments."""

import getpass

import click

from bridge.cli.choice import Choice
from bridge.cli.session import Session, as_json, json_option, outcome, show
from bridge.store import users as known
from bridge.store.roles import Role
from bridge.web.access import users as change
from bridge.web.access.users import Actor, CreatedUser

ROLE = Choice([str(one) for one in Role])
ask_option = click.option("--ask", is_flag=True, help="Ask for the password; else one is generated and shown, once.")


def _actor() -> Actor:
    return Actor(getpass.getuser())


def _asked(ask: bool) -> str | None:
    return click.prompt("Password", hide_input=True, confirmation_prompt=True) if ask else None


def _tell(made: CreatedUser, done: str, *, json: bool) -> None:
    """Print only the password on standard output, so that it can be piped; print its description on standard error."""
    if json:
        click.echo(as_json({"id": made.user_id, "name": made.name, "password": made.password}))
        return
    click.echo(f"{made.name}: {done}", err=True)
    if made.password is not None:
        click.echo("This password is shown once, and has to be changed at the first sign-in:", err=True)
        click.echo(made.password)


@click.group()
def users() -> None:
    """Manage users of the console."""


@users.command("add")
@click.argument("name")
@click.option("--role", type=ROLE, default="viewer", show_default=True)
@click.option("--email", help="Contact address; nothing is sent to it.")
@ask_option
@json_option
@click.pass_obj
def add(session: Session, name: str, role: str, email: str | None, ask: bool, json: bool) -> None:
    """Add a user.

    \b
    Examples:
      integr8-bridge users add anna --role operator --email anna@example.com
      integr8-bridge users add boss --role admin --ask
    """
    password = _asked(ask)
    with session.operating() as services:
        made = change.add(
            services, name=name, role=Role(role), email=email, password=password, actor=_actor(), now=services.clock()
        )
    _tell(made, f"is made, with the role {role}", json=json)


@users.command("list")
@json_option
@click.pass_obj
def list_(session: Session, json: bool) -> None:
    """Show all users.

    \b
    Example:
      integr8-bridge users list
    """
    with session.read() as database:
        rows = [
            {
                "name": one.name,
                "email": one.email,
                "role": one.role,
                "oidc": one.subject is not None,
                "created": one.created_at,
                "last_sign_in": one.last_sign_in_at,
                "disabled": one.disabled_at,
            }
            for one in known.everyone(database)
        ]
    columns = ("name", "email", "role", "oidc", "created", "last_sign_in", "disabled")
    show(rows, columns, json=json, empty="there are no users yet; `integr8-bridge users add NAME` makes one")


@users.command("role")
@click.argument("name")
@click.argument("role", type=ROLE)
@json_option
@click.pass_obj
def role_(session: Session, name: str, role: str, json: bool) -> None:
    """Give a user another role. All of the user's sessions end.

    \b
    Example:
      integr8-bridge users role anna operator
    """
    with session.operating() as services:
        change.set_role(services, _find(session, name), Role(role), actor=_actor(), now=services.clock())
    outcome({"name": name, "role": role}, [f"{name}: is {role} now"], json=json)


@users.command("password")
@click.argument("name")
@ask_option
@json_option
@click.pass_obj
def password_(session: Session, name: str, ask: bool, json: bool) -> None:
    """Give a user another password. All of the user's sessions end.

    \b
    Example:
      integr8-bridge users password anna
    """
    with session.operating() as services:
        user_id = _find(session, name)
        made = change.set_password(services, user_id, actor=_actor(), now=services.clock(), password=_asked(ask))
    _tell(made, "has another password", json=json)


@users.command("disable")
@click.argument("name")
@json_option
@click.pass_obj
def disable(session: Session, name: str, json: bool) -> None:
    """Disable a user. All of the user's sessions end.

    \b
    Example:
      integr8-bridge users disable anna
    """
    with session.operating() as services:
        change.disable(services, _find(session, name), actor=_actor(), now=services.clock())
    outcome({"name": name, "disabled": True}, [f"{name}: is disabled"], json=json)


@users.command("enable")
@click.argument("name")
@json_option
@click.pass_obj
def enable(session: Session, name: str, json: bool) -> None:
    """Enable a disabled user.

    \b
    Example:
      integr8-bridge users enable anna
    """
    with session.operating() as services:
        change.enable(services, _find(session, name), actor=_actor(), now=services.clock())
    outcome({"name": name, "disabled": False}, [f"{name}: is enabled"], json=json)


def _find(session: Session, name: str) -> int:
    with session.read() as database:
        return change.id_of(database, name)
