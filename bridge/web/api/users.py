"""Users: list, create, change. For admins."""

from typing import Any

from flask import g
from marshmallow import fields, validate

from bridge.store import users as known
from bridge.store.roles import Role
from bridge.store.users import User
from bridge.web.access import needs, users
from bridge.web.access.users import Actor, CreatedUser
from bridge.web.api import schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, one, picked, refusing
from bridge.web.api.schemas_in import PageQuery, Strict
from bridge.web.request_context import services

blueprint = Blueprint("users", "users", description="Who signs in to the console")


class UserBody(Strict):
    name = fields.String(
        required=True, validate=validate.Length(1, users.MAX_NAME_CHARS), metadata={"examples": ["anna"]}
    )
    role = fields.String(required=True, validate=validate.OneOf([str(each) for each in Role]))
    email = fields.Email(validate=validate.Length(max=200), metadata={"examples": ["anna@example.com"]})


class UserChange(Strict):
    role = fields.String(validate=validate.OneOf([str(each) for each in Role]))
    disabled = fields.Boolean(metadata={"description": "true ends all sessions, and nobody signs in by that name"})


def _actor() -> Actor:
    return Actor(g.who)


def _row(user: User) -> dict[str, Any]:
    return picked(user, schemas_out_service.UserRow) | {"oidc": user.subject is not None}


def _made(made: CreatedUser) -> dict[str, Any]:
    return one({"id": made.user_id, "name": made.name, "password": made.password})


@blueprint.get("/users")
@needs(Role.ADMIN)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.UserRow))
def list_users(query: dict[str, Any]) -> dict[str, Any]:
    """List all users by name. Passwords are stored as hashes and never shown."""
    with services().store.read() as session:
        found = [_row(user) for user in known.everyone(session)]
    return listed(found, "id", query)


@blueprint.post("/users")
@needs(Role.ADMIN, secret=True)
@blueprint.arguments(UserBody)
@blueprint.response(201, thing(schemas_out_service.NewUser))
@refusing
def create_user(body: dict[str, Any]) -> dict[str, Any]:
    """Create a user. Only this answer has the generated password, which is changed at the first sign-in.

    An Idempotency-Key has no effect here; a name that is taken is refused with 409.
    """
    made = users.add(
        services(), name=body["name"], role=Role(body["role"]), email=body.get("email"), actor=_actor(),
        now=services().clock(),
    )  # fmt: skip
    return _made(made)


@blueprint.patch("/users/<int:user_id>")
@needs(Role.ADMIN)
@blueprint.arguments(UserChange)
@blueprint.response(200, thing(schemas_out_service.UserRow))
@refusing
def change_user(body: dict[str, Any], user_id: int) -> dict[str, Any]:
    """Change a role, or disable and enable a user. Either ends the sessions of that user at once."""
    now = services().clock()
    if "role" in body:
        users.set_role(services(), user_id, Role(body["role"]), actor=_actor(), now=now)
    if "disabled" in body:
        change = users.disable if body["disabled"] else users.enable
        change(services(), user_id, actor=_actor(), now=now)
    return one(_row(users.get(services(), user_id)))


@blueprint.post("/users/<int:user_id>/password")
@needs(Role.ADMIN, secret=True)
@blueprint.response(200, thing(schemas_out_service.NewUser))
@refusing
def reset_password(user_id: int) -> dict[str, Any]:
    """Reset a password. Only this answer has the new, generated one. All sessions of that user end."""
    return _made(users.set_password(services(), user_id, actor=_actor(), now=services().clock()))
