"""Effects and entities: what was changed, and the present state of each entity as far as it is known."""

from dataclasses import asdict
from typing import Any

from flask import g

from bridge.operations import NotThere
from bridge.operations import reveal_secret as secrets
from bridge.operations.item_history import story
from bridge.operations.item_lookup import find_item
from bridge.store import entities
from bridge.store.entities import Entity, EntityChange
from bridge.store.ledger import Effect
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_decisions
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import newest, one, picked, refusing
from bridge.web.api.schemas_in import ChangesQuery, EffectQuery, EntityQuery, OfAccountQuery
from bridge.web.api.words import must_be_known
from bridge.web.request_context import services

blueprint = Blueprint("effects", "effects", description="Effects and the things that they change")


@blueprint.get("/effects")
@needs(Role.VIEWER)
@blueprint.arguments(EffectQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.EffectRow))
def list_effects(query: dict[str, Any]) -> dict[str, Any]:
    """List effects, newest first."""
    must_be_known(rule=query.get("rule"))
    return newest(Effect, schemas_out_decisions.EffectRow, query, equal={"state": Effect.state, "rule": Effect.rule_id})


@blueprint.get("/effects/<int:effect_id>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_decisions.EffectStory))
@refusing
def show_effect(effect_id: int) -> dict[str, Any]:
    """Show one effect with its requests."""
    with services().store.read() as session:
        found = session.get(Effect, effect_id)
        if found is None:
            raise NotThere(f"effect {effect_id}: not found")
        return one(
            picked(found, schemas_out_decisions.EffectRow)
            | {"calls": [picked(call, schemas_out_decisions.CallRow) for call in found.calls]}
        )


@blueprint.post("/effects/<int:effect_id>/secret")
@needs(Role.OPERATOR, secret=True)
@blueprint.response(200, thing(schemas_out_decisions.SecretRow))
@refusing
def reveal_secret(effect_id: int) -> dict[str, Any]:
    """Show a generated password, once. Only this answer holds it, so an Idempotency-Key has no effect."""
    return one({"secret": secrets.reveal_secret(services(), effect_id, who=g.who, now=services().clock())})


@blueprint.get("/entities")
@needs(Role.VIEWER)
@blueprint.arguments(EntityQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.EntityRow))
def list_entities(query: dict[str, Any]) -> dict[str, Any]:
    """List offers, publishers, advertisers and other entities as of the last sync."""
    must_be_known(account=query.get("account"))
    found = [entities.matches(query["text"])] if "text" in query else []
    return newest(
        Entity, schemas_out_decisions.EntityRow, query, *found, equal={"kind": Entity.kind, "account": Entity.account}
    )


@blueprint.get("/changes")
@needs(Role.VIEWER)
@blueprint.arguments(ChangesQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.ChangeOfItemRow))
def list_changes(query: dict[str, Any]) -> dict[str, Any]:
    """List differences found at Integr8, and whether a rule or a person changed them, newest first."""
    must_be_known(account=query.get("account"))
    equal = {name: getattr(EntityChange, name) for name in ("kind", "account", "ref", "cause")}
    return newest(EntityChange, schemas_out_decisions.ChangeOfItemRow, query, equal=equal)


@blueprint.get("/entities/<kind>/<identity>")
@needs(Role.VIEWER)
@blueprint.arguments(OfAccountQuery, location="query")
@blueprint.response(200, thing(schemas_out_decisions.EntityStory))
@refusing
def show_entity(query: dict[str, Any], kind: str, identity: str) -> dict[str, Any]:
    """Show one entity, its last fifty changes and its history. 409 if several accounts have an entity with that id."""
    with services().store.read() as session:
        found = find_item(session, kind, identity, query["account"])
        changed = entities.changes(session, account=found.account, kind=kind, ref=found.ref, limit=50)
        told = [picked(row, schemas_out_decisions.ChangeRow) for row in changed]
        rules = services().library.current(session).revisions.values()
        happened = story(session, found, [each.id for each in rules if each.account != found.account])
        moments = [asdict(each) for each in happened.moments]
        return one(
            picked(found, schemas_out_decisions.EntityRow)
            | {"fields": found.fields, "changes": told, "moments": moments}
        )
