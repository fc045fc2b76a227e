"""The common interface of all authenticators, and the two smallest of them.

An authenticator looks at raw bytes and plain values, is told the time, performs no I/O, and compares in constant
time. Whatever is wrong with a request, malformed or forged, is a `SignatureError` and nothing else.
"""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol
from urllib.parse import unquote

from bridge.sources.errors import CannotSign, SignatureError, Unreadable
from bridge.sources.event_body import Limits, named, read_body
from bridge.sources.json_path import walk
from bridge.sources.request import Headers, Incoming
from bridge.sources.split import AUTO, events


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The result of authentication. `delivery_id` is set only if the signature covers the id itself."""

    delivery_id: str | None = None
    signed_at: datetime | None = None  # the sender's clock, where the signature covers it


class Authenticator(Protocol):
    """One method of authentication."""

    @property
    def covers_query(self) -> bool:
        """False: the query string is not signed and may be forged."""
        ...

    @property
    def takes_path(self) -> bool:
        """True if it uses a token in the path."""
        ...

    @property
    def signs(self) -> bool:
        """True if it signs the content; then a header outside the signature may be forged."""
        ...

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        """Return what the signature covers, or raise SignatureError."""
        ...

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        """Return the same request as its rightful sender would send it. `sources test` and our tests use it."""
        ...

    def clean(self, request: Incoming) -> Incoming:
        """Return the request without the credentials, for storage."""
        ...


def same(given: str, secrets: Sequence[str]) -> bool:
    """Return whether a text equals one of the secrets, in constant time.

    All are tried, so that time does not show which matches.
    """
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given.encode(), secret.encode())
    return found


def spellings(token: str) -> tuple[str, ...]:
    """Return a token as it came, and its probable intended forms.

    It may be encoded once too often, with slashes around, or with a plus as a space.
    """
    bare = token.strip("/")
    return (token, bare, unquote(token), unquote(bare), token.replace(" ", "+"), unquote(bare).replace(" ", "+"))


def without_headers(request: Incoming, *names: str) -> Incoming:
    return request.but(headers=request.headers.without({name.lower() for name in names}))


def with_headers(request: Incoming, **fields: str) -> Incoming:
    """Return a request with headers set: `webhook_id="x"` sets the header webhook-id and replaces an old value."""
    return with_fields(request, {name.replace("_", "-"): value for name, value in fields.items()})


def with_fields(request: Incoming, fields: dict[str, str]) -> Incoming:
    bare = without_headers(request, *fields)
    return replace(bare, headers=Headers([*bare.headers.items(), *fields.items()]))


@dataclass(frozen=True, slots=True)
class NoAuthentication:
    """`verify: none`, written explicitly by the operator. Anybody who knows the address may send."""

    covers_query: bool = True
    takes_path: bool = False
    signs: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        del request, now
        return Authenticated()

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del now, delivery_id
        return request

    def clean(self, request: Incoming) -> Incoming:
        return request


@dataclass(frozen=True, slots=True)
class TokenAuthenticator:
    """A secret text in the path (/hooks/NAME/TOKEN), in the query, or in a header of the sender's choice.

    For senders that cannot sign, such as Integr8's postbacks. `places` says where it may be.
    """

    tokens: tuple[str, ...] = field(repr=False)
    places: tuple[str, ...] = ("path", "query")
    parameter: str = "token"
    header: str | None = None
    covers_query: bool = True
    signs: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        del now
        given = [token for token in self._candidates(request) if token and token.strip("/")]
        if not given:
            raise SignatureError("missing", f"no token in {' or '.join(self.places)}")
        # Two different tokens in one request: somebody appends to an address. Nobody honest does this.
        if len({spellings(token)[-1] for token in given}) > 1:
            raise SignatureError("ambiguous", "the request carries more than one token")
        fits = [same(spelling, self.tokens) for spelling in spellings(given[0])]  # all, in constant time
        if True not in fits:
            raise SignatureError("wrong", "the token is not the one of this source")
        return Authenticated()

    @property
    def takes_path(self) -> bool:
        return "path" in self.places

    def _candidates(self, request: Incoming) -> list[str | None]:
        found: list[str | None] = []
        if "path" in self.places:
            found.append(request.path_token)
        if "query" in self.places:
            found.extend(value for name, value in request.query if name == self.parameter)
        if "header" in self.places and self.header:
            found.append(request.headers.get(self.header))
        if "body" in self.places:
            found.extend(self._in_body(request))
        return found

    def _in_body(self, request: Incoming) -> list[str | None]:
        """Return the token of each event of a list: all must have the same one."""
        try:
            body = read_body(request, Limits())
        except Unreadable:
            return []
        place, _, name = self.parameter.rpartition(".")
        each = events(body, place or AUTO) or [named(body)]
        found = [walk(one, self.parameter if place else name) for one in each]
        return [text if isinstance(text, str) else "-" for text in found]

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del now, delivery_id
        if "path" in self.places:
            return replace(request, path_token=self.tokens[0])
        if "body" in self.places:
            raise CannotSign("the token is in the body; let the sender send a test event")
        if "query" in self.places:
            return replace(request, query=(*request.query, (self.parameter, self.tokens[0])))
        return with_fields(request, {str(self.header): self.tokens[0]})

    def clean(self, request: Incoming) -> Incoming:
        bare = without_headers(request, self.header) if self.header else request
        kept = tuple((name, value) for name, value in bare.query if name != self.parameter)
        body = bare.body
        for token in self.tokens if "body" in self.places else ():
            body = body.replace(token.encode(), b"***")
        return replace(bare, path_token=None, query=kept, body=body)
