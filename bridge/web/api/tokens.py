"""Tokens: list, create, revoke. For admins."""

from datetime import timedelta
from typing import Any

from flask import g

from bridge.operations import NotThere
from bridge.store import tokens
from bridge.store.roles import Role
from bridge.web.access import make, needs, revoke
from bridge.web.api import schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, one, picked, refusing
from bridge.web.api.schemas_in import PageQuery, TokenBody
from bridge.web.request_context import services

blueprint = Blueprint("tokens", "tokens", description="Who may use the API and the console")


@blueprint.get("/tokens")
@needs(Role.ADMIN)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.TokenRow))
def list_tokens(query: dict[str, Any]) -> dict[str, Any]:
    """List all tokens, without their secrets."""
    with services().store.read() as session:
        found = [picked(token, schemas_out_service.TokenRow) for token in tokens.everyone(session)]
    return listed(found, "id", query)


@blueprint.post("/tokens")
@needs(Role.ADMIN, secret=True)
@blueprint.arguments(TokenBody)
@blueprint.response(201, thing(schemas_out_service.NewToken))
@refusing
def create_token(body: dict[str, Any]) -> dict[str, Any]:
    """Create a token. Only this answer has its text, so an Idempotency-Key has no effect here."""
    days = body.get("days")
    with services().store.write() as session:
        text = make(
            session,
            name=body["name"],
            role=Role(body["role"]),
            who=g.who,
            now=services().clock(),
            lifetime=timedelta(days=days) if days else None,
        )
    return one({"name": body["name"], "role": body["role"], "token": text})


@blueprint.delete("/tokens/<int:token_id>")
@needs(Role.ADMIN)
@blueprint.response(200, thing(schemas_out_service.RevokedToken))
@refusing
def revoke_token(token_id: int) -> dict[str, Any]:
    """End a token, and the console sessions begun with it, at once."""
    with services().store.write() as session:
        found = revoke(session, token_id, who=g.who, now=services().clock())
        if found is None:
            raise NotThere(f"token {token_id}: not found, or revoked already")
        return one({"id": found.id, "name": found.name, "revoked_at": found.revoked_at})
