"""Tokens: list, create, revoke. For admins."""

from datetime import UTC, datetime, timedelta
from typing import Any

from flask import g
from flask_smorest import Blueprint

from bridge.operations import NotThere
from bridge.store import people
from bridge.store.people import Role
from bridge.web.access import make, needs, revoke
from bridge.web.api.answers import one, page, picked, refusing
from bridge.web.api.shapes import Page, Thing, TokenBody
from bridge.web.current import house

blueprint = Blueprint("tokens", "tokens", description="Who may use the API and the console")
NAMES = ("id", "name", "role", "created_at", "created_by", "expires_at", "last_used_at", "revoked_at")


@blueprint.get("/tokens")
@needs(Role.ADMIN)
@blueprint.response(200, Page)
def list_tokens() -> dict[str, Any]:
    """All of them, without their secrets."""
    with house().store.read() as session:
        rows = [picked(token, NAMES) for token in people.everyone(session)]
    return page(rows, len(rows), "id")


@blueprint.post("/tokens")
@needs(Role.ADMIN, secret=True)
@blueprint.arguments(TokenBody)
@blueprint.response(201, Thing)
@refusing
def create_token(body: dict[str, Any]) -> dict[str, Any]:
    """Make a token. Its text is in this answer and nowhere else, so an Idempotency-Key is not honoured here."""
    days = body.get("days")
    with house().store.write() as session:
        text = make(
            session,
            name=body["name"],
            role=Role(body["role"]),
            who=g.who,
            now=datetime.now(UTC),
            lifetime=timedelta(days=days) if days else None,
        )
    return one({"name": body["name"], "role": body["role"], "token": text})


@blueprint.delete("/tokens/<int:token_id>")
@needs(Role.ADMIN)
@blueprint.response(200, Thing)
@refusing
def revoke_token(token_id: int) -> dict[str, Any]:
    """End a token, and the console sessions begun with it, at once."""
    with house().store.write() as session:
        found = revoke(session, token_id, who=g.who, now=datetime.now(UTC))
        if found is None:
            raise NotThere(f"token {token_id}: there is none to revoke")
        return one({"id": found.id, "name": found.name, "revoked_at": found.revoked_at})
