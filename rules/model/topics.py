"""Define every notification topic once: its heading, who may ask for it, and the fields of its message.

Rules name topics under `notify.about`, messages take their headings from here, and the published JSON Schemas of
outgoing webhooks are made from the fields.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from rules.model.spelling import a
from rules.model.verbs import VERBS

FieldType: TypeAlias = Literal["integer", "string", "moment", "object"]


@dataclass(frozen=True, slots=True)
class Field:
    """One value of a message's `data`."""

    type: FieldType
    description: str = ""
    required: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """One kind of notification. Without `for_rules` only the service itself sends it."""

    heading: str
    fields: Mapping[str, Field] = field(default_factory=dict)
    for_rules: bool = True
    open: bool = False  # the rule's author chooses further fields


def _optional(fields: Mapping[str, Field]) -> dict[str, Field]:
    return {name: Field(one.type, one.description, required=False) for name, one in fields.items()}


_EFFECT: Mapping[str, Field] = {
    "effect": Field("integer"),
    "plan": Field("integer"),
    "account": Field("string", "whose target it is, since accounts number alike", required=False),
    "verb": Field("string"),
    "target": Field("string", "kind and id, as in `offer 42`"),
    "reason": Field("string"),
}
_RUN: Mapping[str, Field] = {
    "run": Field("integer"),
    "outcome": Field("string"),
    "yes": Field("integer", "how many items the rule said yes to"),
}
_PLAN: Mapping[str, Field] = {**_RUN, "plan": Field("integer", "the plan that a person decides on", required=False)}
_SERVICE_ALERT: Mapping[str, Field] = {
    "alert": Field("string", "what it is about, as in `halt` or `feed:main/default/clicks`"),
    "since": Field("moment"),
}

#: Topic → what it is. The order is the order of importance in a message.
TOPICS: Mapping[str, Topic] = {
    "service_alert": Topic(heading="problem with the service", fields=_SERVICE_ALERT, for_rules=False),
    "endpoint_disabled": Topic(heading="endpoint switched off", for_rules=False),
    "error": Topic(heading="failed", fields=_optional({**_EFFECT, **_RUN})),
    "over_limit": Topic(heading="over its limit", fields=_PLAN),
    "waiting": Topic(heading="waits for a yes", fields=_PLAN),
    "stopped": Topic(heading="stopped by a guard", fields=_RUN),
    "conflict": Topic(heading="in conflict with another rule", fields=_RUN),
    "overridden": Topic(
        heading="overridden by a person", fields={name: _EFFECT[name] for name in ("account", "target")}
    ),
    "late": Topic(heading="ran late", fields=_RUN),
    "no_decision": Topic(heading="could not decide", fields=_RUN),
    **{verb.topic: Topic(heading=verb.past, fields=_EFFECT) for verb in VERBS.values() if verb.topic},
    "released": Topic(heading="released", fields=_EFFECT),
    "one_time_secret": Topic(
        heading="secret to pass on",
        fields={
            "effect": Field("integer"),
            "secret": Field("object", "what was generated, as in `{password: ...}`; it is shown once"),
        },
        for_rules=False,
    ),
    "created": Topic(heading="created", fields=_EFFECT),
    "applied": Topic(heading="applied", fields=_EFFECT),
    "approved": Topic(heading="approved", fields=_PLAN),
    "undone": Topic(heading="undone", fields=_RUN),
    "shadow": Topic(heading="would have acted", fields=_RUN),
    "recovered": Topic(heading="problem is over", fields=_SERVICE_ALERT, for_rules=False),
    "message": Topic(heading="message", for_rules=False, open=True),
    "test": Topic(heading="test", for_rules=False),
}
#: Topic → the name that it had before. Receivers that know the old one get it for one more version.
FORMER_NAMES: Mapping[str, str] = {"service_alert": "trouble", "one_time_secret": "handover"}
#: Topic → its fields that had another name → that name.
FORMER_FIELDS: Mapping[str, Mapping[str, str]] = {
    "service_alert": {"alert": "trouble"},
    "recovered": {"alert": "trouble"},
}
FOR_RULES: tuple[str, ...] = tuple(name for name, topic in TOPICS.items() if topic.for_rules)


def current_name(name: str) -> str:
    """Return the current name of a topic, whichever version wrote it. An unknown name is returned unchanged."""
    return next((new for new, old in FORMER_NAMES.items() if old == name), name)


def current_data(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the data of a message about a topic (current name) with current field names."""
    names = {old: new for new, old in FORMER_FIELDS.get(name, {}).items()}
    return {names.get(key, key): value for key, value in data.items()}


def former_data(name: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the same data with the former field names."""
    names = FORMER_FIELDS.get(name, {})
    return {names.get(key, key): value for key, value in data.items()}


def problems(name: str, data: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the problems of a message's data with the published schema of its topic; empty if it matches."""
    topic = TOPICS.get(name)
    if topic is None:
        return (f"there is no topic {name!r}",)
    missing = [f"{key} is missing" for key, one in topic.fields.items() if one.required and key not in data]
    strange = [] if topic.open else [f"{key} is not in the schema" for key in data if key not in topic.fields]
    wrong = [
        f"{key} is not {a(one.type)}" for key, one in topic.fields.items() if key in data and not _is(one, data[key])
    ]
    return (*missing, *strange, *wrong)


def _is(wanted: Field, value: Any) -> bool:
    match wanted.type:
        case "integer":
            return isinstance(value, int) and not isinstance(value, bool)
        case "object":
            return isinstance(value, Mapping)
        case "moment":
            return isinstance(value, str) and _moment(value)
    return isinstance(value, str)


def _moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
