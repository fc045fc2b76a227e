"""Effects and entities: what was done to what, and how it looks at Integr8 as far as we know."""

from typing import Any

from flask_smorest import Blueprint

from bridge.operations import NotThere
from bridge.store import entities
from bridge.store.entities import Entity
from bridge.store.ledger import Effect
from bridge.store.people import Role
from bridge.web.access import needs
from bridge.web.api.answers import newest, one, picked, refusing
from bridge.web.api.shapes import EffectQuery, EntityQuery, Page, Thing
from bridge.web.current import house

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
    return newest(Effect, EFFECT, query, equal={"state": Effect.state, "rule": Effect.rule_id})


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
        return one(picked(found, EFFECT) | {"calls": [picked(call, names) for call in found.calls]})


@blueprint.get("/entities")
@needs(Role.VIEWER)
@blueprint.arguments(EntityQuery, location="query")
@blueprint.response(200, Page)
def list_entities(query: dict[str, Any]) -> dict[str, Any]:
    """Offers, publishers, advertisers and the like as we last saw them."""
    found = [entities.matches(query["text"])] if "text" in query else []
    return newest(Entity, ENTITY, query, *found, equal={"kind": Entity.kind})


@blueprint.get("/entities/<kind>/<identity>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_entity(kind: str, identity: str) -> dict[str, Any]:
    """One of them, with its last fifty changes and who made them."""
    with house().store.read() as session:
        found = entities.named(session, kind, identity)
        if found is None:
            raise NotThere(f"{kind} {identity}: it is not in the mirror")
        changed = entities.changes(session, account=found.account, kind=kind, ref=found.ref, limit=50)
        told = [picked(row, CHANGE) for row in changed]
        return one(picked(found, ENTITY) | {"fields": found.fields, "changes": told})
