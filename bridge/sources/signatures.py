"""Verify and make signatures with a shared secret (HMAC) or a public key, in each sender's form."""

import base64
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from bridge.sources.authentication import Authenticated
from bridge.sources.errors import CannotSign, SignatureError
from bridge.sources.public_keys import PublicKey, decoded, fits
from bridge.sources.request import Incoming
from bridge.sources.signed_text import Given, SignedText

DIGESTS = ("sha256", "sha512", "sha384", "sha1")  # sha1 because some senders have nothing else; HMAC survives it
Encoding: TypeAlias = Literal["hex", "base64", "base64url"]
ENCODINGS = ("hex", "base64", "base64url")


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacAuthenticator:
    """A configurable HMAC over a signed text. Any of the secrets may match, so that rotation has no gap."""

    secrets: tuple[bytes, ...] = field(repr=False)
    text: SignedText
    digest: str = "sha256"
    encoding: Encoding = "hex"
    takes_path: bool = False
    signs: bool = True

    @property
    def covers_query(self) -> bool:
        return self.text.covers_query

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        units = self.text.units(request)
        found = [self._check_one(request, body, now) for body in units]
        return found[0]

    def _check_one(self, request: Incoming, body: object, now: datetime) -> Authenticated:
        given = self.text.given(request, body)
        signed_at = self.text.age(given.stamp, now)
        content = self.text.content(request, body, given)
        found = False
        for secret in self.secrets:
            wanted = self._encoded(secret, content)
            for signature in given.signatures:
                found |= hmac.compare_digest(wanted, self._normal(signature))
        if not found:
            where = self.text.signature
            raise SignatureError("wrong", f"the signature in {where} does not fit the body and this source's secret")
        return Authenticated(given.delivery if "{id}" in self.text.signed else None, signed_at)

    def _encoded(self, secret: bytes, content: bytes) -> bytes:
        raw = hmac.digest(secret, content, self.digest)
        if self.encoding == "hex":
            return raw.hex().encode()
        return base64.b64encode(raw) if self.encoding == "base64" else base64.urlsafe_b64encode(raw).rstrip(b"=")

    def _normal(self, signature: str) -> bytes:
        given = signature.lower() if self.encoding == "hex" else signature
        return (given.rstrip("=") if self.encoding == "base64url" else given).encode("utf-8", "surrogateescape")

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        given = Given((), str(int(now.timestamp())) if self.text.timed else None, delivery_id)
        body = self.text.units(request)[0] if not self.text.in_body else None
        ready = self.text.prepared(request, given)
        encoded = self._encoded(self.secrets[0], self.text.content(ready, body, given)).decode()
        return self.text.place(ready, encoded, given)

    def clean(self, request: Incoming) -> Incoming:
        return self.text.clean(request)


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicKeyAuthenticator:
    """A configurable public-key signature. Any of the keys may match, so that rotation has no gap."""

    keys: tuple[PublicKey, ...] = field(repr=False)
    text: SignedText
    encoding: str = "base64"
    takes_path: bool = False
    signs: bool = True

    @property
    def covers_query(self) -> bool:
        return self.text.covers_query

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        [body, *_] = self.text.units(request)
        given = self.text.given(request, body)
        signed_at = self.text.age(given.stamp, now)
        content = self.text.content(request, body, given)
        signatures = [decoded(one, self.encoding) for one in given.signatures]
        if not any(fits(key, signature, content) for key in self.keys for signature in signatures):
            where = self.text.signature
            raise SignatureError("wrong", f"the signature in {where} does not fit the body and this source's key")
        return Authenticated(given.delivery if "{id}" in self.text.signed else None, signed_at)

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del request, now, delivery_id
        raise CannotSign("only the sender has the private key; let it send a test event")

    def clean(self, request: Incoming) -> Incoming:
        return self.text.clean(request)


@dataclass(frozen=True, slots=True)
class AnyForm:
    """A sender whose signature may have one of several forms: another header for another key, for example."""

    forms: tuple[HmacAuthenticator, ...]
    takes_path: bool = False
    signs: bool = True

    @property
    def text(self) -> SignedText:
        return self.forms[0].text

    @property
    def covers_query(self) -> bool:
        return all(form.covers_query for form in self.forms)

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        """Try each form.

        Raises the error of the closest one: of a signature that is there before one that is missing.
        """
        errors = []
        for form in self.forms:
            try:
                return form.check(request, now)
            except SignatureError as error:
                errors.append(error)
        raise next((error for error in errors if error.code != "missing"), errors[0])

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        return self.forms[0].sign(request, now, delivery_id)

    def clean(self, request: Incoming) -> Incoming:
        for form in self.forms:
            request = form.clean(request)
        return request


def weaknesses(text: SignedText) -> list[str]:
    """Return warnings: settings that work and protect less than they seem to."""
    found = []
    if text.timed and not _covers(text, "{timestamp}", text.timestamp):
        found.append("the time stamp is not part of `signed`, so anybody can change it; add {timestamp} to `signed`")
    if text.id_header and "{id}" not in text.signed:
        found.append("the id header is not part of `signed`, so a replay can carry a new id; add {id} to `signed`")
    if text.checksum:
        found.append(
            "of the body only a checksum is signed, for which another body can be made by whoever sees a request; "
            "this sender has nothing better, so keep the address to TLS and act on what its API confirms"
        )
    elif not text.whole_body:
        found.append("only some fields of the body are signed; the rest can be changed by whoever sees a request")
    return found


def _covers(text: SignedText, field: str, place: str | None) -> bool:
    """Return whether a field is signed under its own name, or as part of the signed body."""
    if field in text.signed or (place or "").startswith("header:"):
        return field in text.signed or "{headers:" in text.signed
    if place is None or ":" in place:
        return False
    return text.whole_body or f"{{body.{place.removeprefix('body.')}}}" in text.signed
