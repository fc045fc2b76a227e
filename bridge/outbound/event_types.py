"""The events that outgoing webhooks carry, and what is in them."""

from collections.abc import Mapping
from typing import Any

from bridge.outbound.messages import WORDS

_TEXT: Mapping[str, Any] = {"type": ["string", "null"]}
#: What every payload's `data` has, and what comes on top for some.
COMMON: Mapping[str, Any] = {"text": {"type": "string"}, "rule": _TEXT, "owner": _TEXT}
EFFECT: Mapping[str, Any] = {
    "effect": {"type": "integer"},
    "plan": {"type": "integer"},
    "verb": {"type": "string"},
    "target": {"type": "string", "description": "kind and id, as in `offer 42`"},
    "reason": {"type": "string"},
}
RUN: Mapping[str, Any] = {"run": {"type": "integer"}, "outcome": {"type": "string"}, "yes": {"type": "integer"}}
TROUBLE: Mapping[str, Any] = {
    "trouble": {"type": "string", "description": "what it is about, as in `halt` or `feed:main/default/clicks`"},
    "since": {"type": "string", "format": "date-time"},
}
HANDOVER: Mapping[str, Any] = {
    "effect": {"type": "integer"},
    "secret": {"type": "object", "description": "what was generated, as in `{password: ...}`; it is told once"},
}
ABOUT_EFFECTS = frozenset({"paused", "activated", "created", "updated", "archived", "rejected", "released", "applied"})
ABOUT_RUNS = frozenset({"shadow", "waiting", "over_limit", "stopped", "conflict", "no_decision", "undone", "late"})

MORE = (
    (ABOUT_EFFECTS, EFFECT),
    (ABOUT_RUNS, RUN),
    (frozenset({"trouble", "recovered"}), TROUBLE),
    (frozenset({"handover"}), HANDOVER),
)


def schema(topic: str) -> dict[str, Any]:
    """The JSON Schema of one event's payload."""
    more = next((more for topics, more in MORE if topic in topics), {})
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"bridge.{topic}",
        "description": WORDS[topic],
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"const": f"bridge.{topic}"},
            "timestamp": {"type": "string", "format": "date-time"},
            "data": {"type": "object", "required": ["text", *more], "properties": {**COMMON, **more}},
        },
    }


def catalogue() -> dict[str, dict[str, Any]]:
    """Every event by its name."""
    return {f"bridge.{topic}": schema(topic) for topic in WORDS}
