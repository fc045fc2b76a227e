"""User management on the Settings page. A generated password is shown once."""

from collections.abc import Callable

from flask import Response, flash, g, redirect, render_template, request

from bridge.operations import OperationError
from bridge.store.roles import Role
from bridge.web.access import needs, users
from bridge.web.access.users import Actor, CreatedUser
from bridge.web.console.blueprint import blueprint
from bridge.web.request_context import services

ROLES = tuple(str(one) for one in Role)


def _actor() -> Actor:
    return Actor(g.who, g.principal.user_id)


def _back() -> Response:
    return redirect("/settings", code=303)  # type: ignore[return-value]


def _done(do: Callable[[], str]) -> Response:
    try:
        flash(do(), "good")
    except OperationError as error:
        flash(str(error), "bad")
    return _back()


def _shown(do: Callable[[], CreatedUser]) -> Response | str:
    """Run the action, and show the resulting password. The page must not be stored anywhere."""
    try:
        made = do()
    except OperationError as error:
        flash(str(error), "bad")
        return _back()
    return render_template("secret.html", secret={"name": made.name, "password": made.password}, now=services().clock())


@blueprint.post("/users")
@needs(Role.ADMIN, page=True)
def create_user() -> Response | str:
    name, role = request.form.get("name", ""), request.form.get("role", "")
    if role not in ROLES:
        flash(f"A user needs a role: {', '.join(ROLES)}.", "bad")
        return _back()
    email = request.form.get("email", "").strip()[:200] or None
    return _shown(
        lambda: users.add(services(), name=name, role=Role(role), email=email, actor=_actor(), now=services().clock())
    )


@blueprint.post("/users/<int:user_id>/password")
@needs(Role.ADMIN, page=True)
def reset_password(user_id: int) -> Response | str:
    return _shown(lambda: users.set_password(services(), user_id, actor=_actor(), now=services().clock()))


@blueprint.post("/users/<int:user_id>/role")
@needs(Role.ADMIN, page=True)
def change_role(user_id: int) -> Response:
    role = request.form.get("role", "")

    def do() -> str:
        if role not in ROLES:
            raise OperationError(f"A role is one of {', '.join(ROLES)}.")
        found = users.set_role(services(), user_id, Role(role), actor=_actor(), now=services().clock())
        return f"{found.name} is {role} now, and has to sign in again."

    return _done(do)


@blueprint.post("/users/<int:user_id>/<any(disable, enable):what>")
@needs(Role.ADMIN, page=True)
def switch(user_id: int, what: str) -> Response:
    def do() -> str:
        change = users.disable if what == "disable" else users.enable
        found = change(services(), user_id, actor=_actor(), now=services().clock())
        return f"{found.name} is {what}d."

    return _done(do)
