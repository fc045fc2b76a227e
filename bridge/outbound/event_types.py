"""Define the events of outgoing webhooks as JSON Schemas, made from the table of topics."""

from collections.abc import Mapping
from typing import Any

from rules.model.topics import TOPICS, Field, FieldType

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
    """The JSON Schema of one event's payload."""
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


def catalogue() -> dict[str, dict[str, Any]]:
    """Every event by its name."""
    return {f"bridge.{topic}": schema(topic) for topic in TOPICS}
