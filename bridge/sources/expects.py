"""Check `expects:`, the promise of a source about its bodies, and apply `map:`, other names for its fields.

A list of values is a choice. Texts that hold a number, a truth or a time are converted, because forms and queries know
nothing but text; money becomes a Decimal and never a float.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, tzinfo
from decimal import Decimal
from typing import Any, TypeAlias

from marshmallow import ValidationError, fields

from bridge.sources.event_body import Fault
from bridge.sources.json_path import PATH, drop, put, walk
from rules.model.formatting import counted
from rules.model.input_values import parse_moment, parse_number

Convert: TypeAlias = Callable[[Any, tzinfo], Any]
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}\.[^@\s.\x00-\x1f]{2,63}")
_INTEGER = re.compile(r"[+-]?[0-9]{1,38}")
_MISSING = object()


@dataclass(frozen=True, slots=True)
class Expected:
    """One expected field."""

    path: str
    kind: str
    optional: bool = False
    choices: tuple[Any, ...] = ()


def fit(body: dict[str, Any], expected: tuple[Expected, ...], zone: tzinfo = UTC) -> tuple[dict[str, Any], list[Fault]]:
    """Return the body with typed values, and the mismatches. The given body is not changed."""
    faults: list[Fault] = []
    for field in expected:
        value = walk(body, field.path)
        if value is None or value == "":
            if not field.optional:
                faults.append(Fault(f"body.{field.path}", f"is missing; {_wanted(field)} is expected"))
            continue
        try:
            typed = _convert(field, value, zone)
        except ValueError:
            faults.append(Fault(f"body.{field.path}", f"is {_shown(value)}; {_wanted(field)} is expected"))
            continue
        body = put(body, field.path, typed)
    return body, faults


def rename(body: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """Apply `map: {ours: theirs}`. Existing values move; missing ones are ignored."""
    taken = {ours: walk(body, theirs) for ours, theirs in names.items()}
    for theirs in names.values():
        body = drop(body, theirs)
    for ours, value in taken.items():
        if value is not None:
            body = put(body, ours, value)
    return body


def _text(value: Any, _zone: tzinfo) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return str(value)  # ids are opaque texts, and many senders write them as numbers
    raise ValueError


def _integer(value: Any, _zone: tzinfo) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and _INTEGER.fullmatch(value.strip()):
        return int(value)
    raise ValueError


def _decimal(value: Any, _zone: tzinfo) -> Decimal:
    number = parse_number(value) if isinstance(value, str | int | Decimal) else None
    if number is None:
        raise ValueError
    return number


def _boolean(value: Any, _zone: tzinfo) -> bool:
    if isinstance(value, bool):
        return value
    known = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, str | int) and str(value).lower() in known:
        return known[str(value).lower()]
    raise ValueError


def _time(value: Any, zone: tzinfo) -> str:
    moment = parse_moment(value, zone)
    if moment is None:
        raise ValueError
    return moment.isoformat()


def _email(value: Any, _zone: tzinfo) -> str:
    if isinstance(value, str) and _EMAIL.fullmatch(value.strip()):
        return value.strip()
    raise ValueError


def _country(value: Any, _zone: tzinfo) -> str:
    if isinstance(value, str) and re.fullmatch(r"[A-Za-z]{2}", value.strip()):
        return value.strip().upper()
    raise ValueError


def _list(value: Any, _zone: tzinfo) -> list[Any]:
    if isinstance(value, list):
        return value
    raise ValueError


def _object(value: Any, _zone: tzinfo) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ValueError


VALUE_KINDS: Mapping[str, tuple[str, Convert]] = {
    "text": ("a text", _text),
    "integer": ("a whole number", _integer),
    "decimal": ("a number", _decimal),
    "boolean": ("true or false", _boolean),
    "time": ("a time such as 2026-03-01T12:30:00Z", _time),
    "email": ("an e-mail address", _email),
    "country": ("a two-letter country code", _country),
    "list": ("a list", _list),
    "object": ("an object", _object),
}


def _convert(field: Expected, value: Any, zone: tzinfo) -> Any:
    if field.choices:
        found = next((choice for choice in field.choices if str(choice) == str(value)), _MISSING)
        if found is _MISSING:
            raise ValueError(value)
        return found
    return VALUE_KINDS[field.kind][1](value, zone)


def _wanted(field: Expected) -> str:
    if field.choices:
        return "one of " + ", ".join(str(choice) for choice in field.choices)
    return VALUE_KINDS[field.kind][0]


def _shown(value: Any) -> str:
    """Return the type of a value, never the value: a fault is logged, and a value may be personal."""
    if isinstance(value, str):
        return f"a text of {counted(len(value), 'character')}"
    names = {bool: "true or false", int: "a whole number", Decimal: "a number", list: "a list", dict: "an object"}
    return names.get(type(value), "something else")


class ExpectsField(fields.Field[tuple[Expected, ...]]):
    """`path: kind`, `path: kind?`, or `path: [choice, choice]`."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[Expected, ...]:
        del attr, data, kwargs
        if not isinstance(value, Mapping):
            raise ValidationError("write a field and its kind, for example deal.id: integer")
        problems: dict[str, list[str]] = {}
        found = []
        for path, kind in value.items():
            try:
                found.append(_expected(str(path), kind))
            except ValueError as error:
                problems[str(path)] = [str(error)]
        if problems:
            raise ValidationError(problems)
        return tuple(found)


def _expected(path: str, kind: Any) -> Expected:
    bare = path.removeprefix("body.")
    if not PATH.fullmatch(bare):
        raise ValueError("is not a field; write its names with dots between, deal.contact.email")
    if isinstance(kind, list) and kind and all(isinstance(item, str | int) for item in kind):
        return Expected(bare, "choice", choices=tuple(kind))
    name = str(kind).removesuffix("?")
    if name not in VALUE_KINDS:
        raise ValueError(f"{kind!r} is not a kind; known are {', '.join(VALUE_KINDS)}, or a list of values")
    return Expected(bare, name, optional=str(kind).endswith("?"))
