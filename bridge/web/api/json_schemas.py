"""JSON Schemas of what users write and read: rule files and outgoing webhooks."""

from typing import Any

from bridge.outbound.event_types import catalogue
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import SchemaRow, thing
from bridge.web.api.responses import one
from rules.language.schema import json_schema

blueprint = Blueprint("schemas", "schemas", description="JSON Schemas")


@blueprint.get("/schemas/rule")
@needs(Role.VIEWER)
@blueprint.response(200, thing(SchemaRow))
def rule_schema() -> dict[str, Any]:
    """Return the JSON Schema of rule files, for editors."""
    return one({"schema": json_schema()})


@blueprint.get("/schemas/notices")
@needs(Role.VIEWER)
@blueprint.response(200, thing(SchemaRow))
def notice_schemas() -> dict[str, Any]:
    """Return the JSON Schemas of the events that outgoing webhooks send, by name."""
    return one({"schema": catalogue()})
