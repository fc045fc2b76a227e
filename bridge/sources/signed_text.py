"""Find a signature in a request, the text that it covers, and its age. Shared by HMAC and public keys.

What is signed is a short text with fields between braces: {body}, {timestamp}, {id}, {method}, {url}, {form},
{path}, {crc32}, {webhook_id}, {header:NAME}, {headers:NAME}, {query:NAME} and {body.PATH}. GitHub signs `{body}`,
Stripe `{timestamp}.{body}`, Slack `v0:{timestamp}:{body}`, Twilio `{url}{form}`, Mailgun
`{body.signature.timestamp}{body.signature.token}`.
"""

import re
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from bridge.sources.authentication import with_fields, without_headers
from bridge.sources.errors import CannotSign, SignatureError, Unreadable
from bridge.sources.event_body import Limits, named, read_body
from bridge.sources.json_path import walk
from bridge.sources.request import Incoming, as_mapping, parse_pairs
from bridge.sources.split import NEVER, events
from bridge.sources.standard_webhooks import ID, TOLERANCE, check_age
from rules.model.input_values import parse_moment

MAX_SIGNATURES = 16
MAX_TIMESTAMP_CHARS = 40
FIELD = re.compile(
    r"\{(body|timestamp|id|method|url|path|form|crc32|webhook_id|headers?:[^{}]+|query:[^{}]+|body\.[^{}]+)\}"
)
LISTING = re.compile(r"\{headers:([^{}]+)\}")
FIRST, REST = "first", "rest"  # of a header whose parts have no names: `TIME,SIGNATURE,SIGNATURE`
HTTP_DATE = re.compile(r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT")


@dataclass(frozen=True, slots=True)
class Given:
    """The values of one request: its signatures as texts, its time stamp and id as sent."""

    signatures: tuple[str, ...]
    stamp: str | None = None
    delivery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedText:
    """Reads a signature and the text it covers.

    `signature` names its place: `header:NAME`, `query:NAME` or a path in the body. `signature_part` and
    `timestamp_part` read a header such as `t=17,v1=ab12`, whose parts are divided by `separator`; `first` and `rest`
    read one whose parts have no names. `each` is the source's `split` if each event of a list has its own signature.
    `webhook_id` is the sender's id of the webhook, if it is part of the signed text.
    """

    signature: str
    prefix: str = ""
    signed: str = "{body}"
    separator: str = ","
    signature_part: str | None = None
    timestamp_part: str | None = None
    timestamp: str | None = None
    id_header: str | None = None
    tolerance: timedelta = TOLERANCE
    public_url: str | None = None
    webhook_id: str | None = None
    each: str = NEVER

    @property
    def header(self) -> str:
        """The header of the signature, or nothing if it is elsewhere."""
        return self.signature.removeprefix("header:") if self.signature.startswith("header:") else ""

    @property
    def timed(self) -> bool:
        return self.timestamp is not None or self.timestamp_part is not None

    @property
    def covers_url(self) -> bool:
        return "{url}" in self.signed

    @property
    def covers_query(self) -> bool:
        return self.covers_url or "{path}" in self.signed

    @property
    def whole_body(self) -> bool:
        return "{body}" in self.signed or "{form}" in self.signed

    @property
    def checksum(self) -> bool:
        """True if only a checksum of the body is signed, so that whoever has one signed request can change its body."""
        return "{crc32}" in self.signed and not self.whole_body

    @property
    def in_body(self) -> bool:
        return ":" not in self.signature

    def units(self, request: Incoming) -> list[Any]:
        """Return what is signed separately: the request, or each event in its body."""
        if not self._asks_body():
            return [None]
        try:
            value = read_body(request, Limits())
        except Unreadable as error:
            raise SignatureError("malformed", f"the signed fields cannot be read: {error.words}") from None
        return events(value, self.each) or [named(value)]

    def _asks_body(self) -> bool:
        places = (self.signature, self.timestamp or ":")
        return "{body." in self.signed or any(":" not in place for place in places)

    def given(self, request: Incoming, body: Any) -> Given:
        """Return the signatures of a request. Raises SignatureError if there is none in the expected form."""
        value = _found(self.signature, request, body)
        if not isinstance(value, str) or not value:
            raise SignatureError("missing", f"no signature in {self.signature}")
        stamp = _found(self.timestamp, request, body) if self.timestamp else None
        signatures = [value.strip()]
        if self.signature_part is not None:
            parts = self._parts(value)
            signatures = [text for name, text in parts if name == self.signature_part]
            if self.timestamp_part:
                stamps = [text for name, text in parts if name == self.timestamp_part]
                stamp = stamps[0] if len(stamps) == 1 else None
        stripped = tuple(text.removeprefix(self.prefix) for text in signatures if text.startswith(self.prefix))
        if not stripped or len(stripped) > MAX_SIGNATURES:
            raise SignatureError("malformed", f"{self.signature} does not hold a signature as this source expects it")
        return Given(stripped, None if stamp is None else str(stamp), self._id(request))

    def _parts(self, value: str) -> list[tuple[str, str]]:
        """Return the parts of a header, each with its name."""
        parts = [part.strip() for part in value.split(self.separator)]
        if self.signature_part == REST:
            return [(REST if number else FIRST, part) for number, part in enumerate(parts)]
        return [(name, text) for name, _, text in (part.partition("=") for part in parts)]

    def age(self, stamp: str | None, now: datetime) -> datetime | None:
        """Return the time of signing, in any form of the sender's. Raises SignatureError beyond the tolerance."""
        if not self.timed:
            return None
        signed_at = _moment(stamp)
        if signed_at is None:
            raise SignatureError("malformed", "the signature's time stamp is missing or is not a time")
        check_age(signed_at, now, self.tolerance)
        return signed_at

    def _id(self, request: Incoming) -> str | None:
        if self.id_header is None:
            return None
        value = request.headers.get(self.id_header)
        if value is None or not ID.fullmatch(value):
            raise SignatureError("malformed", f"the {self.id_header} header is missing, malformed or came twice")
        return value

    def content(self, request: Incoming, body: Any, given: Given) -> bytes:
        """The signed text, with every field filled in."""
        pieces = FIELD.split(self.signed)
        return b"".join(
            self._value(piece, request, body, given) if position % 2 else piece.encode()
            for position, piece in enumerate(pieces)
        )

    def _value(self, name: str, request: Incoming, body: Any, given: Given) -> bytes:
        if name in WORDS:
            return WORDS[name](self, request, given)
        if name.startswith("headers:"):
            return _listed_headers(request, name.removeprefix("headers:").strip(), self.timestamp)
        value = _found(name.removeprefix("body."), request, body)
        return b"" if value is None else _text(value).encode("utf-8", "surrogateescape")

    def url(self, request: Incoming) -> str:
        """Return the whole address as the sender has it. Raises SignatureError if `public_url` is not set."""
        if self.public_url is None:
            raise SignatureError("settings", "this sender signs its address; set public_url in bridge.yaml")
        return self.public_url.rstrip("/") + request.target

    def path(self, request: Incoming) -> str:
        """Return path and query as the sender has them.

        They are below the path of `public_url` if the service is served there.
        """
        return urlsplit(self.public_url or "").path.rstrip("/") + request.target

    def prepared(self, request: Incoming, given: Given) -> Incoming:
        """Return the request with what is signed besides the body: time, id, and the list of signed headers.

        Raises CannotSign if the sender writes the time into its own body.
        """
        if self.timestamp and ":" not in self.timestamp:
            raise CannotSign("the time is in the sender's own body; let the sender send a test event")
        fields = {}
        if self.timestamp and self.timestamp.startswith("header:") and given.stamp:
            fields[self.timestamp.removeprefix("header:")] = given.stamp
        if self.id_header and given.delivery:
            fields[self.id_header] = given.delivery
        for listing in LISTING.findall(self.signed):
            fields[listing] = ",".join(sorted({*(name.lower() for name in fields), listing.lower()}))
        return with_fields(request, fields)

    def place(self, request: Incoming, encoded: str, given: Given) -> Incoming:
        """Return the request with a signature at the place that this source expects.

        Raises CannotSign if that is the body.
        """
        if not self.header:
            raise CannotSign("the signature is not in a header; let the sender send a test event")
        value = self.prefix + encoded
        if self.signature_part == REST:
            value = f"{given.stamp}{self.separator}{value}" if self.timestamp_part else value
        elif self.signature_part:
            value = f"{self.signature_part}={value}"
            value = f"{self.timestamp_part}={given.stamp}{self.separator}{value}" if self.timestamp_part else value
        return with_fields(request, {self.header: value})

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, self.header) if self.header else request


def _moment(stamp: str | None) -> datetime | None:
    """Return a time stamp as a moment, in any form of its sender; None if it is missing or came twice."""
    if not stamp or len(stamp) > MAX_TIMESTAMP_CHARS:
        return None
    if HTTP_DATE.fullmatch(stamp):
        try:
            return parsedate_to_datetime(stamp).astimezone(UTC)
        except ValueError:
            return None
    return parse_moment(stamp) if "," not in stamp else None


def _listed_headers(request: Incoming, listing: str, timestamp: str | None) -> bytes:
    """Return each header that the header `listing` names, as `name:value`, in its order and divided by semicolons.

    The list itself and the header of the time stamp must be among them; otherwise both could be forged.
    """
    names = [name.strip().lower() for name in request.headers.get(listing, "").split(",")]
    needed = {listing.lower(), (timestamp or f"header:{listing}").removeprefix("header:").lower()}
    if not needed <= set(names):
        raise SignatureError(
            "malformed", f"{listing} does not list {' and '.join(sorted(needed))} among the signed headers"
        )
    return ";".join(f"{name}:{request.headers.get(name, '').strip()}" for name in names).encode(
        "utf-8", "surrogateescape"
    )


def _found(where: str, request: Incoming, body: Any) -> Any:
    if where.startswith("header:"):
        return request.headers.get(where.removeprefix("header:").strip())
    if where.startswith("query:"):
        return request.parameter(where.removeprefix("query:").strip())
    return walk(body, where.removeprefix("body.")) if isinstance(body, dict) else None


def _text(value: Any) -> str:
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def _sorted_form(request: Incoming) -> bytes:
    """Return the fields of a form by name, each name followed by its value.

    An equal pair that came twice counts once.
    """
    if "application/x-www-form-urlencoded" not in request.content_type:
        return b""
    try:
        fields = as_mapping(parse_pairs(request.body, what="form"))
    except Unreadable as error:
        raise SignatureError("malformed", error.words) from None
    texts = []
    for name in sorted(fields):
        values = fields[name] if isinstance(fields[name], list) else [fields[name]]
        texts += [f"{name}{value}" for value in sorted(set(values))]
    return "".join(texts).encode()


#: What stands for each field of `signed` that is one word.
WORDS: Mapping[str, Callable[[SignedText, Incoming, Given], bytes]] = {
    "body": lambda _, request, __: request.body,
    "timestamp": lambda _, __, given: (given.stamp or "").encode(),
    "id": lambda _, __, given: (given.delivery or "").encode(),
    "method": lambda _, request, __: request.method.encode(),
    "url": lambda text, request, _: text.url(request).encode(),
    "path": lambda text, request, _: text.path(request).encode(),
    "form": lambda _, request, __: _sorted_form(request),
    "crc32": lambda _, request, __: str(zlib.crc32(request.body)).encode(),
    "webhook_id": lambda text, _, __: (text.webhook_id or "").encode(),
}
