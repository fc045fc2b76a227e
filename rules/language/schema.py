"""The rule language as a JSON Schema, for editors that complete and check while one types.

It knows keys, words and shapes. What stands inside a condition is checked by `load` alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rules.language.keys import KEYS
from rules.language.loss_limit import THEN
from rules.language.sections import KEEPABLE
from rules.language.triggers import SCOPE_ALL
from rules.model import metrics
from rules.model.local_time import DAYS
from rules.model.revision import DIMENSIONS, UNITS, Missed, Mode
from rules.model.topics import FOR_RULES
from rules.model.verbs import VERBS

_DURATION = {"type": "string", "pattern": r"^(\d+[wdhms])+$", "examples": ["45m", "12h", "7d"]}
_SHARE = {"type": "string", "pattern": r"^\d+(\.\d+)?%$", "examples": ["5%"]}
_TEXT = {"type": "string"}
_MONEY = {
    "anyOf": [
        {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,6})? [A-Z]{3}$", "examples": ["50 USD"]},
        {"type": "number", "exclusiveMinimum": 0},
    ]
}
_CONDITION = {"type": ["string", "boolean"], "examples": ["cr < 0.40% @95%", "clicks up 200% vs 7d same hours"]}


def json_schema() -> dict[str, Any]:
    """Return the schema of one rule document (draft 2020-12)."""
    found = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Integr8 Bridge rule",
        **_object(_sections(), required=("schema", "id", "trigger")),
        "anyOf": [{"required": ["then"]}, {"required": ["inhibits"]}],
        "$defs": {"group": _group(), "conditions": _conditions()},
    }
    for path, shape in properties(found):
        shape["description"] = describe(path)
    return found


def describe(path: str) -> str:
    """Return the meaning of one key, by its dotted path."""
    section, _, name = path.partition(".")
    return VERBS[name].meaning if section == "then" and name in VERBS else KEYS[path].meaning


def properties(found: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every key of a rule by its dotted path, with its shape. The content of conditions is not a key."""
    for name, shape in found.get("properties", {}).items():
        yield f"{above}{name}", shape
        yield from properties(shape, f"{above}{name}.")
    lists = [found["items"]] if "items" in found else []
    for shape in (*lists, *found.get("anyOf", ()), *found.get("oneOf", ())):
        yield from properties(shape, above)


def _object(shapes: dict[str, Any], *, required: Sequence[str] = ()) -> dict[str, Any]:
    own = {name: dict(shape) for name, shape in shapes.items()}
    found: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": own}
    return {**found, "required": list(required)} if required else found


def _one_or_many(item: dict[str, Any]) -> dict[str, Any]:
    item = dict(item)
    return {"anyOf": [item, {"type": "array", "items": item, "minItems": 1}]}


def _words(*choices: str) -> dict[str, Any]:
    return _one_or_many({"enum": list(choices)} if choices else _TEXT)


def _map(values: dict[str, Any], *, keys: Sequence[str] = ()) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "additionalProperties": values}
    return {**found, "propertyNames": {"enum": list(keys)}} if keys else found


def _whole(least: int = 0) -> dict[str, Any]:
    return {"type": "integer", "minimum": least}


def _amounts() -> dict[str, Any]:
    names = {"anyOf": [{"enum": list(metrics.BASE)}, {"pattern": r"^events\..+"}]}
    return {"type": "object", "propertyNames": names, "additionalProperties": {"type": "number", "minimum": 0}}


def _sections() -> dict[str, Any]:
    inhibits = {"rules": _words(), "per": _words(*DIMENSIONS, SCOPE_ALL)}
    return {
        "schema": {"const": 1},
        "id": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_-]*$", "maxLength": 80},
        "title": _TEXT,
        "owner": _TEXT,
        "note": _TEXT,
        "mode": {"enum": [mode.value for mode in Mode], "default": "shadow"},
        "priority": {"type": "integer", "minimum": -1000, "maximum": 1000},
        "account": _TEXT,
        "integration": _TEXT,
        "trigger": _trigger(),
        "scope": _scope(),
        "data": _data(),
        "when": _when(),
        "unless": {"$ref": "#/$defs/conditions"},
        "lose_at_most": _loss_limit(),
        "then": {"type": "array", "items": {"oneOf": [_step(verb) for verb in VERBS]}},
        "inhibits": {"anyOf": [_object(inhibits, required=("rules",)), _words()]},
        "release": _object({"early": {"$ref": "#/$defs/conditions"}, "probation": _amounts()}),
        "guards": _guards(),
        "approve": _approve(),
        "notify": _one_or_many(_object({"about": _words(*FOR_RULES), "to": _words()}, required=("about", "to"))),
        "on_failure": {"enum": ["undo", "keep", "ask"]},
        "tests": {"type": "array", "items": _test()},
    }


def _group() -> dict[str, Any]:
    return _object({kind: {"$ref": "#/$defs/conditions"} for kind in ("all", "any", "none")})


def _conditions() -> dict[str, Any]:
    item = {"anyOf": [_CONDITION, {"$ref": "#/$defs/group"}]}
    return {"anyOf": [*item["anyOf"], {"type": "array", "items": item, "minItems": 1}]}


def _when() -> dict[str, Any]:
    grouped = _group()
    lasting = {"type": "string", "pattern": r"^(\d+ checks?|(\d+[wdhms])+)$", "examples": ["2 checks", "30m"]}
    return {
        "anyOf": [
            _object({**grouped["properties"], "for": lasting}),
            _CONDITION,
            {"type": "array", "items": {"anyOf": [_CONDITION, {"$ref": "#/$defs/group"}]}},
        ]
    }


def _loss_limit() -> dict[str, Any]:
    holds = {"anyOf": [_DURATION, {"enum": ["midnight", "until midnight", "manual"]}]}
    long = _object(
        {
            "amount": _MONEY,
            "then": {"enum": list(THEN)},
            "clicks_per_day": _whole(1),
            "hold": holds,
            "worth": _MONEY,
        },
        required=("amount",),
    )
    return {"anyOf": [_MONEY, long]}


def _trigger() -> dict[str, Any]:
    missed = {"enum": [word.value for word in Missed]}
    webhook = {"source": _TEXT, "event": _TEXT, "dedupe": _TEXT, "order_by": _TEXT, "order_per": _TEXT}
    silence = {"source": _TEXT, "for": _DURATION, "event": _TEXT}
    return {
        "oneOf": [
            _object({"every": _DURATION, "missed": missed}, required=("every",)),
            _object({"cron": _TEXT, "tz": _TEXT, "missed": missed}, required=("cron",)),
            _object({"webhook": _object(webhook, required=("source",))}, required=("webhook",)),
            _object({"silence": _object(silence, required=("source", "for"))}, required=("silence",)),
        ]
    }


def _scope() -> dict[str, Any]:
    values = _one_or_many({"type": ["string", "number", "boolean"]})
    found = _object(
        {
            "per": _words(*DIMENSIONS),
            "from": _map(_TEXT, keys=DIMENSIONS),
            "where": {
                "anyOf": [_map(values), {"const": SCOPE_ALL}, {"type": "array", "items": _CONDITION, "minItems": 1}]
            },
            "except": _map(values),
            "join": _map(_words()),
        }
    )
    return {"anyOf": [found, {"const": SCOPE_ALL}]}


def _data() -> dict[str, Any]:
    return _object(
        {
            "window": {"anyOf": [_DURATION, {"enum": list(UNITS)}]},
            "settle": {"anyOf": [_DURATION, {"const": "auto"}]},
            "need": _amounts(),
            "fresh": _DURATION,
            "tz": _TEXT,
        }
    )


def _step(verb: str) -> dict[str, Any]:
    parts: dict[str, Any] = {
        "id": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
        "which": _TEXT,
        "key": _map(_TEXT),
        "with": {"type": "object"},
        "hold": {"anyOf": [_DURATION, {"enum": ["midnight", "until midnight", "manual"]}]},
        "deliver_secret_to": _TEXT,
    }
    spec = VERBS[verb]
    allowed = {name: shape for name, shape in parts.items() if name == "id" or name in spec.takes}
    subject: dict[str, Any] = {"enum": list(spec.targets)} if spec.targets else _TEXT
    if spec.object == "channel":
        subject = _words()
    if spec.object == "request":
        subject = _object(
            {"url": _TEXT, "method": _TEXT, "headers": _map(_TEXT), "body": {}, "query": {"type": "object"}},
            required=("url",),
        )
    return _object({verb: subject, **allowed}, required=(verb, *spec.required))


def _hours() -> dict[str, Any]:
    clock = {"type": "string", "pattern": r"^\d{1,2}:\d{2}$"}
    return _object({"from": clock, "to": clock, "tz": _TEXT, "days": _words(*DAYS)}, required=("from", "to"))


def _guards() -> dict[str, Any]:
    keep = _object({**{name: _whole(1) for name in KEEPABLE}, "per": {"enum": ["advertiser"]}})
    canary = {"targets": _whole(1), "wait": _DURATION, "revenue_drop": _SHARE}
    return _object(
        {
            "at_most": _object({"targets": _whole(1), "share": _SHARE, "revenue_24h": _SHARE}),
            "if_over": {"enum": ["approve", "stop"]},
            "cooldown": _DURATION,
            "per_day": _whole(1),
            "budgets": _words(),
            "keep_active": _one_or_many(keep),
            "quiet": _one_or_many(_hours()),
            "active": _one_or_many(_hours()),
            "canary": _object(canary, required=("targets", "wait")),
            "errors": _whole(1),
            "respect_people": _DURATION,
        }
    )


def _approve() -> dict[str, Any]:
    return _object(
        {
            "by": _words(),
            "within": _DURATION,
            "otherwise": {"enum": ["drop", "proceed", "escalate"]},
            "escalate_to": _words(),
            "recheck": {"type": "boolean"},
        }
    )


def _test() -> dict[str, Any]:
    answers = {"enum": ["yes", "no", "no_decision"]}
    given = {"type": ["object", "array"]}
    expect = {"anyOf": [answers, {"type": "object"}]}
    parts = {"name": _TEXT, "given": given, "expect": expect, "effects": _words(), "state": {"type": "object"}}
    return _object(parts, required=("given", "expect"))
