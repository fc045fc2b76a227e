"""Parse the body of an authenticated request."""

import zlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from bridge.sources import exact_json
from bridge.sources.errors import Unreadable
from bridge.sources.request import Incoming, as_mapping, parse_pairs

Odd: TypeAlias = list[exact_json.Odd] | None


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits that apply before anything is parsed. Sizes in bytes."""

    body: int = 1_048_576
    inflated: int = 4_194_304
    depth: int = 32


@dataclass(frozen=True, slots=True)
class Fault:
    """One value in a body that is wrong, with its place."""

    place: str
    words: str

    def __str__(self) -> str:
        return f"{self.place}: {self.words}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedEvent:
    """One event for the journal.

    `dedupe_key` is unique per source. `quarantine` is a reason if no rule may see the event before a person has checked
    it. Values of `body` are plain JSON, numbers exact.
    """

    body: dict[str, Any]
    event_type: str | None = None
    delivery_id: str | None = None
    event_time: datetime | None = None
    time_is_faulty: bool = False  # the sender names a time that is none: then it is missing, and not that of arrival
    order: str | None = None  # `order_by`: its place among the events about the same thing, as the sender writes it
    about: str | None = None  # `order_per`: that thing
    dedupe_key: str
    faults: tuple[Fault, ...] = ()
    quarantine: str | None = None


def content(request: Incoming, limits: Limits) -> bytes:
    """Return the body, decompressed if necessary, and never larger than the limits."""
    if len(request.body) > limits.body:
        raise Unreadable(413, f"the body has more than {limits.body} bytes")
    coding = request.headers.get("content-encoding", "identity").strip().lower()
    if coding in ("identity", ""):
        return request.body
    if coding in ("gzip", "x-gzip"):
        return _inflate(request.body, limits.inflated)
    raise Unreadable(415, "only gzip or no compression is supported", "header Content-Encoding")


def _inflate(raw: bytes, most: int) -> bytes:
    inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
    try:
        body = inflater.decompress(raw, most + 1)
    except zlib.error:
        raise Unreadable(422, "not gzip, although Content-Encoding says so", "byte 0") from None
    if len(body) > most:
        raise Unreadable(413, f"the body inflates to more than {most} bytes")
    if not inflater.eof:
        raise Unreadable(422, "the gzip data ends too early", f"byte {len(raw)}")
    if inflater.unused_data:
        raise Unreadable(
            422, "there is more after the end of the gzip data", f"byte {len(raw) - len(inflater.unused_data)}"
        )
    return body


def media_type(request: Incoming) -> str:
    """Return the type without its parameters. Refuses any character set but UTF-8."""
    kind, *parameters = request.content_type.split(";")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        charset = value.strip("\"' ").lower()
        if name.strip().lower() == "charset" and charset not in ("utf-8", "utf8", "us-ascii"):
            raise Unreadable(415, "only UTF-8 is supported", "header Content-Type")
    return kind.strip().lower()


def is_json(kind: str) -> bool:
    return kind in ("application/json", "text/json") or kind.endswith("+json")


def read_json(raw: bytes, limits: Limits, *, any_bytes: bool = False, odd: Odd = None) -> dict[str, Any] | list[Any]:
    """Parse an object or a list. With `odd`, invalid numbers stay in it and are listed there (`exact_json.loads`)."""
    value = exact_json.loads(raw, depth=limits.depth, any_bytes=any_bytes, odd=odd)
    if isinstance(value, dict | list):
        return value
    raise Unreadable(422, "an object or a list is expected, not a single value", "line 1 column 1")


def named(value: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """Put a list under `items`, because conditions use names."""
    return {"items": value} if isinstance(value, list) else value


def read_form(
    raw: bytes, limits: Limits, json_in: str | None = None, *, any_bytes: bool = False, odd: Odd = None
) -> dict[str, Any] | list[Any]:
    """Return the fields of a form, or the JSON in one of them.

    GitHub, Slack and others put a whole JSON text into the only field: that is parsed without a setting. If the form
    has other fields, `json_in` names it.
    """
    stripped = raw.lstrip()
    if stripped[:1] in (b"{", b"["):
        # curl -d without a header: the commonest mistake there is, so it gets an answer of its own.
        raise Unreadable(415, "the body looks like JSON; send Content-Type: application/json", "header Content-Type")
    return _of_fields(as_mapping(parse_pairs(raw, what="form", any_bytes=any_bytes)), limits, json_in, any_bytes, odd)


def read_multipart(
    raw: bytes,
    content_type: str,
    limits: Limits,
    json_in: str | None = None,
    *,
    any_bytes: bool = False,
    odd: Odd = None,
) -> dict[str, Any] | list[Any]:
    """Return the fields of a multipart form, like those of any form. Of a file, name, type and size are kept."""
    from bridge.sources import multipart  # noqa: PLC0415 - few need the library

    return _of_fields(as_mapping(multipart.fields(raw, content_type)), limits, json_in, any_bytes, odd)


def _of_fields(
    values: dict[str, Any],
    limits: Limits,
    json_in: str | None,
    any_bytes: bool,  # noqa: FBT001
    odd: Odd,
) -> dict[str, Any] | list[Any]:
    if json_in is not None:
        if not isinstance(values.get(json_in), str):
            raise Unreadable(422, f"the form has no single field {json_in!r}, which `json_in` names", "form")
        return read_json(values[json_in].encode("utf-8", "surrogateescape"), limits, odd=odd)
    only = next(iter(values.values())) if len(values) == 1 else None
    if isinstance(only, str) and only.lstrip()[:1] in ("{", "[") and only.rstrip()[-1:] in ("}", "]"):
        return _json_or_text(only, limits, values, odd)
    return values if any_bytes else checked(values)


def _json_or_text(text: str, limits: Limits, values: dict[str, Any], odd: Odd) -> dict[str, Any] | list[Any]:
    try:
        return read_json(text.encode("utf-8", "surrogateescape"), limits, odd=odd)
    except Unreadable:
        return checked(values)  # an unfilled {macro} is not JSON


def read_body(
    request: Incoming, limits: Limits, json_in: str | None = None, *, any_bytes: bool = False, odd: Odd = None
) -> dict[str, Any] | list[Any]:
    """Parse the body by its content type. An empty body is an empty mapping."""
    raw = content(request, limits)
    if not raw.strip():
        return {}
    kind = media_type(request)
    if is_json(kind) or (kind in ("", "text/plain") and looks_like_json(raw)):
        return read_json(raw, limits, any_bytes=any_bytes, odd=odd)
    if kind == "application/x-www-form-urlencoded":
        return read_form(raw, limits, json_in, any_bytes=any_bytes, odd=odd)
    if kind == "multipart/form-data":
        return read_multipart(raw, request.content_type, limits, json_in, any_bytes=any_bytes, odd=odd)
    raise Unreadable(
        415,
        "JSON (application/json) or a form (application/x-www-form-urlencoded, multipart/form-data) is expected",
        "header Content-Type",
    )


def looks_like_json(raw: bytes) -> bool:
    return raw.removeprefix(exact_json.BOM).lstrip()[:1] in (b"{", b"[")


def checked(values: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Refuse what no text column can hold; percent-encoding may contain it.

    Raises Unreadable; `before` stands in front of the name in its place.
    """
    for name, value in values.items():
        several = value if isinstance(value, list) else [value]  # a name that came several times
        if any("\x00" in str(one) for one in (name, *several)):
            raise Unreadable(
                422, "a NUL character; database texts cannot hold it", before + name.replace("\x00", "")[:80]
            )
    return values
