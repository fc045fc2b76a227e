"""The Authorization header: `Bearer TOKEN` and `Basic base64(user:password)`."""

import base64
import binascii
from dataclasses import dataclass, field
from datetime import datetime

from bridge.sources.authentication import Authenticated, same, with_headers, without_headers
from bridge.sources.errors import SignatureError
from bridge.sources.request import Incoming


@dataclass(frozen=True, slots=True)
class BearerAuthenticator:
    """`Authorization: Bearer TOKEN`; several tokens may be valid at once, for rotation."""

    tokens: tuple[str, ...] = field(repr=False)
    covers_query: bool = True
    takes_path: bool = False
    signs: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        del now
        if not same(_credentials(request, "bearer"), self.tokens):
            raise SignatureError("wrong", "the bearer token is not the one of this source")
        return Authenticated()

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del now, delivery_id
        return with_headers(request, authorization=f"Bearer {self.tokens[0]}")

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, "authorization")


@dataclass(frozen=True, slots=True)
class BasicAuthenticator:
    """`Authorization: Basic ...`.

    User and password are compared as one text, so the result does not show which is wrong.
    """

    username: str
    passwords: tuple[str, ...] = field(repr=False)
    covers_query: bool = True
    takes_path: bool = False
    signs: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        del now
        try:
            given = base64.b64decode(_credentials(request, "basic"), validate=True).decode()
        except (binascii.Error, ValueError):
            raise SignatureError("malformed", "the basic credentials cannot be read") from None
        if not same(given, [f"{self.username}:{password}" for password in self.passwords]):
            raise SignatureError("wrong", "user or password is wrong")
        return Authenticated()

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del now, delivery_id
        pair = base64.b64encode(f"{self.username}:{self.passwords[0]}".encode()).decode()
        return with_headers(request, authorization=f"Basic {pair}")

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, "authorization")


def _credentials(request: Incoming, scheme: str) -> str:
    given, _, value = request.headers.get("authorization", "").partition(" ")
    if given.lower() != scheme or not value.strip():
        raise SignatureError("missing", f"no Authorization header with {scheme} credentials")
    return value.strip()
