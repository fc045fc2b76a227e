"""Build requests and read answers without touching a socket.

`build` turns an operation and its arguments into a Request, or refuses; `read` turns a Reply into plain
values, or raises the error that fits. Neither performs I/O, reads a clock or knows the API key.
"""

import json
import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Any, TypeAlias
from urllib.parse import quote, urlencode

import orjson
from marshmallow import Schema, ValidationError

from bridge.integr8.catalogue import Kind, Operation, Retry, Route
from bridge.integr8.error_text import retry_after, words_of
from bridge.integr8.errors import (
    ApiError,
    Garbled,
    InvalidCall,
    Malformed,
    NoAnswer,
    OutcomeUnknown,
    Unreachable,
    class_for,
)
from bridge.integr8.query_schemas import TIME_FORMAT

Row: TypeAlias = dict[str, Any]

# Both on every request, reads too: a sibling product of the same company refuses requests without the second.
HEADERS: Mapping[str, str] = {"Content-Type": "application/json", "Accept": "application/json"}
REQUEST_ID_HEADERS = ("x-request-id", "request-id", "x-correlation-id", "x-amzn-requestid", "cf-ray")


@dataclass(frozen=True, slots=True)
class Request:
    """One request, ready to be sent. Its repr leaves out the body, which may hold a password."""

    operation: Operation
    verb: str
    target: str  # path and query, percent-encoded
    body: bytes | None = field(default=None, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @property
    def name(self) -> str:
        """The operation's name in errors and logs."""
        return self.operation.name


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer. Header names are lowercase."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


@cache
def schema_of(kind: type[Schema], only: tuple[str, ...] | None = None) -> Schema:
    """Return the schema of this kind with only these fields, or with all; always the same one.

    Making one copies all its fields, and those of the schemas in it, which takes longer than checking a page with it.
    A schema keeps nothing of what it checks, so threads may share it.
    """
    return kind(only=only)


# --- requests --------------------------------------------------------------------------------------


def build(
    operation: Operation,
    *,
    route: Route | None = None,
    path: Mapping[str, str | int] | None = None,
    query: Mapping[str, Any] | None = None,
    body: Mapping[str, Any] | None = None,
) -> Request:
    """Build the request of one call; `route` overrides the route of the reference.

    Everything is checked here: path parameters, unknown or missing query parameters, the body against its schema.
    Raises InvalidCall with all problems at once.
    """
    place = route or operation.route
    problems: dict[str, str] = {}
    target = _path(place, path or {}, operation.parameters, problems)
    pairs = _query(operation, query or {}, problems)
    payload = _body(operation, body, problems)
    if problems:
        raise InvalidCall(operation.name, problems)
    return Request(
        operation,
        place.verb,
        f"{target}?{urlencode(pairs, quote_via=quote)}" if pairs else target,
        None if payload is None else encode(payload),
        tuple(str(value) for key, value in (body or {}).items() if "password" in key and value),
    )


def _path(route: Route, given: Mapping[str, str | int], known: Iterable[str], problems: dict[str, str]) -> str:
    for name in given.keys() - set(known):
        problems[name] = "is not a path parameter of this operation"
    target = route.path
    for name in route.parameters:
        value = str(given.get(name, ""))
        if value in {"", ".", ".."}:
            problems[name] = "is missing" if not value else "is not an id"
        target = target.replace("{" + name + "}", quote(value, safe=""))
    return target


def _query(operation: Operation, given: Mapping[str, Any], problems: dict[str, str]) -> list[tuple[str, str]]:
    if operation.query is None:
        problems |= dict.fromkeys(given, "is unknown; this operation takes no query")
        return []
    empty = {name: problem for name, value in given.items() if (problem := _filters_nothing(name, value))}
    if empty:
        problems |= empty
        return []
    schema = schema_of(operation.query)
    try:
        loaded = schema.load({name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        problems |= flatten(error.messages)
        return []
    named = {
        (schema.fields[key].data_key or key) if key in schema.fields else key: value for key, value in loaded.items()
    }
    return [(name, wire(one)) for name, value in named.items() for one in _many(value)]


def _filters_nothing(name: str, value: Any) -> str | None:
    """Return the problem with a filter's value.

    A filter that is dropped because it is empty would select everything.
    """
    if not name.startswith("filter["):
        return None
    values = _many(value)
    if value is None or not values:
        return "has no value, and without it everything would be chosen; leave the field out, or give a value"
    if any(one is None or isinstance(one, Mapping | bytes) for one in values):
        return "must be one value, or a list of values"
    return None


def _many(value: Any) -> Collection[Any]:
    """Repeat the key for each item of a list: OpenAPI's own default.

    Whether Integr8 prefers commas is not documented.
    """
    return value if isinstance(value, list | tuple | set | frozenset) else (value,)


def wire(value: Any) -> str:
    """Convert a value to its form in a query: true, 2026-01-31 23:59:59, 1.50."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.strftime(TIME_FORMAT)
    return value.isoformat() if isinstance(value, date) else str(value)


def _body(operation: Operation, given: Mapping[str, Any] | None, problems: dict[str, str]) -> Any:
    if operation.request is None:
        if given is not None:
            problems[""] = "this operation takes no body"
        return None
    try:
        return schema_of(operation.request).load(given or {})
    except ValidationError as error:
        problems |= flatten(error.messages)
        return None


def flatten(messages: Any, place: str = "") -> dict[str, str]:
    """Flatten Marshmallow's nested messages to one level: `default_payout.payout` → problem."""
    if isinstance(messages, Mapping):
        found: dict[str, str] = {}
        for key, inner in messages.items():
            here = place if key == "_schema" else f"{place}.{key}" if place else str(key)
            found |= flatten(inner, here)
        return found
    texts = messages if isinstance(messages, list) else [messages]
    return {place: "; ".join(str(text)[:1].lower() + str(text)[1:].rstrip(".") for text in texts)}


def encode(value: Any) -> bytes:
    """Encode JSON; numbers keep all their digits. Raises TypeError for values without a JSON form, such as NaN."""
    return orjson.dumps(_exact(value))


def _exact(value: Any) -> Any:
    """Return the same value, with the exact digits of numbers that neither a double nor 64 bits can hold."""
    match value:
        case dict():
            return {key: _exact(item) for key, item in value.items()}
        case list() | tuple():
            return [_exact(item) for item in value]
        case Decimal():
            if not value.is_finite():
                raise TypeError(f"{value} is not a number that JSON has")
            text = f"{value:f}"  # unlike `normalize`, which rounds to the digits of the context
            return orjson.Fragment(text.rstrip("0").rstrip(".") if "." in text else text)
        case bool():
            return value
        case int():
            return value if -(2**63) <= value < 2**63 else orjson.Fragment(str(value))
        case float() if not math.isfinite(value):
            raise TypeError(f"{value} is not a number that JSON has")
        case _:
            return value


# --- answers ---------------------------------------------------------------------------------------


def read(request: Request, reply: Reply, *, now: datetime, secrets: Iterable[str] = ()) -> Any:
    """Parse an answer: whole bodies of lists and reports, the object of `{"data": {...}}`, the new id, a URL.

    `now` is the moment of receipt; `secrets` are removed from the server's text. Raises the ApiError of the status,
    Malformed for a good status with a bad body, OutcomeUnknown if a write got a 5xx or a create got a bad body.
    """
    hidden = (*secrets, *request.secrets)
    request_id = next((reply.headers[name] for name in REQUEST_ID_HEADERS if name in reply.headers), None)

    def error(kind: type[ApiError], words: str) -> ApiError:
        return kind(
            request.name,
            status=reply.status,
            words=words,
            request_id=request_id,
            retry_after=retry_after(reply.headers, now),
        )

    creates, reads = request.operation.retry is Retry.UNSAFE, request.operation.retry is Retry.SAFE
    if not 200 <= reply.status < 300:
        kind = class_for(reply.status)
        kind = OutcomeUnknown if reply.status >= 500 and not reads else kind
        raise error(kind, words_of(reply.body, reply.headers, hidden))
    try:
        return _READERS[request.operation.kind](request.operation, reply)
    except (ValueError, ValidationError) as problem:
        said = words_of(reply.body, reply.headers, hidden)
        words = f"{_reason(problem)}; the body begins: {said[:80]}" if said else _reason(problem)
        kind = Malformed if isinstance(problem, ValidationError) else Garbled
        raise error(OutcomeUnknown if creates else kind, words) from None


def _reason(problem: Exception) -> str:
    if isinstance(problem, ValidationError):
        return ", ".join(f"{place}: {text}" if place else text for place, text in flatten(problem.messages).items())
    return f"no JSON ({problem})" if isinstance(problem, json.JSONDecodeError) else str(problem)


def _json(reply: Reply) -> Any:
    return json.loads(reply.body.decode(), parse_float=Decimal)  # UnicodeDecodeError is a ValueError too


def _checked(operation: Operation, body: Any) -> Any:
    problems = schema_of(operation.response).validate(body)
    if problems:
        raise ValidationError(problems)
    return body


def _read_envelope(operation: Operation, reply: Reply) -> Any:
    return _checked(operation, _json(reply))


def _read_object(operation: Operation, reply: Reply) -> Any:
    return _checked(operation, _json(reply))["data"]


def _read_created(operation: Operation, reply: Reply) -> str:
    body = _json(reply)
    if isinstance(body, dict) and isinstance(body.get("created_item_id"), int):
        body = {**body, "created_item_id": str(body["created_item_id"])}
    return str(_checked(operation, body)["created_item_id"])


def _read_empty(_: Operation, reply: Reply) -> None:
    """Accept an empty answer, because the status is enough; but a page of HTML does not come from Integr8."""
    if reply.body.lstrip()[:1] == b"<":
        raise ValueError("HTML instead of JSON")


def _read_export(operation: Operation, reply: Reply) -> Any:
    body = _json(reply)
    if isinstance(body, dict) and "id" not in body and isinstance(body.get("data"), dict):
        body = body["data"]
    # Only the id matters: an unexpected type elsewhere must not turn a start into an unknown outcome.
    problems = schema_of(operation.response, only=("id",)).validate(body)
    if problems:
        raise ValidationError(problems)
    return body


def _read_url(operation: Operation, reply: Reply) -> str:
    return str(_checked(operation, _json(reply))["url"])


_READERS = {
    Kind.LIST: _read_envelope,
    Kind.REPORT: _read_envelope,
    Kind.OBJECT: _read_object,
    Kind.CREATED: _read_created,
    Kind.EMPTY: _read_empty,
    Kind.EXPORT: _read_export,
    Kind.URL: _read_url,
}


def answer_lost(request: Request, *, left: bool, words: str) -> ApiError:
    """Return the error of a request without an answer; `left` says whether the request may have been sent."""
    if not left:
        return Unreachable(request.name, words=words)
    kind = NoAnswer if request.operation.retry is Retry.SAFE else OutcomeUnknown
    return kind(request.name, words=words)
