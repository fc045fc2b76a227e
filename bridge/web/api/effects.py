"""Effects and entities: what was done to what, and how it looks at Integr8 as far as we know."""

from typing import Any

from flask_smorest import Blueprint
from sqlalchemy import or_, select

from bridge.operations import NotThere
from bridge.store import entities
from bridge.store.entities import Entity
from bridge.store.ledger import Effect
from bridge.store.people import Role
from bridge.web.access import needs
from bridge.web.api.answers import house, one, page, refusing, whole
from bridge.web.api.shapes import EffectQuery, EntityQuery, Page, Thing

blueprint = Blueprint("effects", "effects", description="Effects and the things that they change")
EFFECT = (
    "id", "plan_id", "rule_id", "verb", "kind", "target_id", "subject", "wanted", "prior", "state", "reason", "error",
    "ended_at",
)  # fmt: skip
ENTITY = (
    "id", "account", "integration", "kind", "ref", "number", "name", "active", "first_seen", "last_seen", "changed_at",
    "gone_at",
)  # fmt: skip
CHANGE = ("seen_at", "field", "before", "after", "cause", "rule")


@blueprint.get("/effects")
@needs(Role.VIEWER)
@blueprint.arguments(EffectQuery, location="query")
@blueprint.response(200, Page)
def list_effects(query: dict[str, Any]) -> dict[str, Any]:
    """Newest first."""
    wanted = select(Effect).order_by(Effect.id.desc()).limit(query["limit"] + 1)
    if (after := whole(query["after"])) is not None:
        wanted = wanted.where(Effect.id < after)
    if "state" in query:
        wanted = wanted.where(Effect.state == query["state"])
    if "rule" in query:
        wanted = wanted.where(Effect.rule_id == query["rule"])
    with house().store.read() as session:
        rows = [{name: getattr(row, name) for name in EFFECT} for row in session.scalars(wanted)]
    return page(rows, query["limit"], "id")


@blueprint.get("/effects/<int:effect_id>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_effect(effect_id: int) -> dict[str, Any]:
    """One effect with the requests that carried it."""
    with house().store.read() as session:
        found = session.get(Effect, effect_id)
        if found is None:
            raise NotThere(f"effect {effect_id}: there is none")
        names = ("id", "operation", "started_at", "ended_at", "outcome", "status", "error")
        calls = [{name: getattr(call, name) for name in names} for call in found.calls]
        return one({name: getattr(found, name) for name in EFFECT} | {"calls": calls})


@blueprint.get("/entities")
@needs(Role.VIEWER)
@blueprint.arguments(EntityQuery, location="query")
@blueprint.response(200, Page)
def list_entities(query: dict[str, Any]) -> dict[str, Any]:
    """Offers, publishers, advertisers and the like as we last saw them."""
    wanted = select(Entity).order_by(Entity.id.desc()).limit(query["limit"] + 1)
    if (after := whole(query["after"])) is not None:
        wanted = wanted.where(Entity.id < after)
    if "kind" in query:
        wanted = wanted.where(Entity.kind == query["kind"])
    if "text" in query:
        text = query["text"]
        wanted = wanted.where(
            or_(Entity.name.icontains(text, autoescape=True), Entity.ref == text, Entity.number == text)
        )
    with house().store.read() as session:
        rows = [{name: getattr(row, name) for name in ENTITY} for row in session.scalars(wanted)]
    return page(rows, query["limit"], "id")


@blueprint.get("/entities/<kind>/<identity>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_entity(kind: str, identity: str) -> dict[str, Any]:
    """One of them, with its last fifty changes and who made them."""
    wanted = select(Entity).where(Entity.kind == kind, or_(Entity.ref == identity, Entity.number == identity))
    with house().store.read() as session:
        found = session.scalars(wanted.limit(1)).first()
        if found is None:
            raise NotThere(f"{kind} {identity}: it is not in the mirror")
        changed = entities.changes(session, account=found.account, kind=kind, ref=found.ref, limit=50)
        told = [{name: getattr(row, name) for name in CHANGE} for row in changed]
        return one({name: getattr(found, name) for name in ENTITY} | {"fields": found.fields, "changes": told})
