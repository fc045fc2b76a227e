"""Validate bodies and queries against the catalogue's schemas. The first error is named in a 400."""

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from marshmallow import EXCLUDE, RAISE, ValidationError, fields

from bridge.integr8.catalogue import Operation
from bridge.simulator.errors import Refusal, bad

Query = Mapping[str, Sequence[str]]


def read_body(raw: bytes, operation: Operation, *, strict: bool, remarks: list[str]) -> dict[str, Any]:
    """Return the JSON object of the body, checked and without unknown fields; {} if no body is allowed."""
    if operation.request is None:
        if raw:
            remarks.append("a body was sent to an operation that has none")
        return {}
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError:
        raise Refusal(400, "the body is not JSON", field="body") from None
    if not isinstance(body, dict):
        raise Refusal(400, "the body must be a JSON object", field="body")
    schema = operation.request(unknown=RAISE if strict else EXCLUDE)
    unknown = sorted(set(body) - set(schema.fields))
    if unknown:
        remarks.append(f"unknown fields: {', '.join(unknown)}")
    try:
        loaded = schema.load(body)
    except ValidationError as error:
        raise _first(error.messages_dict) from None
    return {name: body[name] for name in loaded}


def read_query(query: Query, operation: Operation, *, remarks: list[str], strict: bool) -> dict[str, Any]:
    """Return a checked query with a closed set of parameters; keys are those of the wire."""
    assert operation.query is not None, "only asked for operations with a query schema"
    schema = operation.query(unknown=RAISE if strict else EXCLUDE)
    names = {field.data_key or name: name for name, field in schema.fields.items()}
    unknown = sorted(set(query) - set(names))
    if unknown:
        remarks.append(f"unknown query parameters: {', '.join(unknown)}")
    flat: dict[str, Any] = {}
    for key, values in query.items():
        many = key in names and isinstance(schema.fields[names[key]], fields.List)
        if not many and len(values) > 1:
            raise bad(key, "must be given once")
        flat[key] = [part for text in values for part in text.split(",")] if many else values[0]
    try:
        loaded = schema.load(flat)
    except ValidationError as error:
        raise _first(error.messages_dict) from None
    keys = {name: key for key, name in names.items()}
    return {keys.get(name, name): value for name, value in loaded.items()}


def _first(messages: Mapping[Any, Any], *before: str) -> Refusal:
    name, words = next(iter(messages.items()))
    place = (*before, str(name)) if name != "_schema" else before
    if isinstance(words, Mapping):
        return _first(words, *place)
    return bad(".".join(place) or "body", str(words[0] if isinstance(words, list) else words))
