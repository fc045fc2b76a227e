"""Define the events of outgoing webhooks as JSON Schemas, made from the table of topics."""

from collections.abc import Mapping
from typing import Any

from rules.model.topics import FORMER_FIELDS, FORMER_NAMES, TOPICS, Field, FieldType

_TEXT: Mapping[str, Any] = {"type": ["string", "null"]}
#: What the `data` of every payload has; the fields of its topic come on top.
COMMON: Mapping[str, Any] = {"text": {"type": "string"}, "rule": _TEXT, "owner": _TEXT}
_TYPES: Mapping[FieldType, Mapping[str, Any]] = {
    "integer": {"type": "integer"},
    "string": {"type": "string"},
    "moment": {"type": "string", "format": "date-time"},
    "object": {"type": "object"},
}


def schema(topic: str) -> dict[str, Any]:
    """Return the JSON Schema of one event's payload."""
    found = TOPICS[topic]
    required = [name for name, field in found.fields.items() if field.required]
    data = {
        "type": "object",
        "required": ["text", *required],
        "properties": {**COMMON, **{name: _property(field) for name, field in found.fields.items()}},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"bridge.{topic}",
        "description": found.heading,
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": f"bridge.{topic}"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": data if found.open else {**data, "additionalProperties": False},
        },
    }


def _property(field: Field) -> dict[str, Any]:
    shape = dict(_TYPES[field.type])
    return {**shape, "description": field.description} if field.description else shape


def catalogue(*, former_names: bool = False) -> dict[str, dict[str, Any]]:
    """Return every event by its name; with `former_names` as for channels without `event_names: current`."""
    if not former_names:
        return {f"bridge.{topic}": schema(topic) for topic in TOPICS}
    return {f"bridge.{FORMER_NAMES.get(topic, topic)}": _former_schema(topic) for topic in TOPICS}


def _former_schema(topic: str) -> dict[str, Any]:
    found = schema(topic)
    name, fields = f"bridge.{FORMER_NAMES.get(topic, topic)}", FORMER_FIELDS.get(topic, {})
    data = found["properties"]["data"]
    data["required"] = [fields.get(key, key) for key in data["required"]]
    data["properties"] = {fields.get(key, key): value for key, value in data["properties"].items()}
    return {**found, "title": name, "properties": {**found["properties"], "type": {"const": name}}}
