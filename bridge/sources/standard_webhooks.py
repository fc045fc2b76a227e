"""Standard Webhooks (https://www.standardwebhooks.com): webhook-id, webhook-timestamp, webhook-signature.

The library makes the symmetric signature; the comparison is ours. Its `verify` reads the clock itself, lets ValueError
and UnicodeDecodeError escape from malformed input (seen in 1.1.0) and would hide which of the two it was.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from bridge.sources.authentication import Authenticated, with_headers
from bridge.sources.errors import CannotSign, SignatureError
from bridge.sources.public_keys import PublicKey, decoded, fits
from bridge.sources.request import Incoming
from bridge.sources.secret_keys import key as key_bytes

TOLERANCE = timedelta(minutes=5)  # the text of the standard leaves it open; its libraries use five minutes
MAX_SIGNATURES = 16  # one per key in rotation; more is somebody making us compute
ID = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")  # no comma: a header sent twice arrives joined by one
SVIX = ("svix-id", "svix-timestamp", "svix-signature")
SIGNATURES = frozenset({"webhook-signature", "svix-signature"})
TIMESTAMP_PATTERN = re.compile(r"[0-9]{1,11}")


class SharedKey(Webhook):
    """A key of the library that also makes the signature of bytes, in a fraction of the library's time.

    The state of the key's hash is copied for each text. `hmac.digest` is as fast, but lets another thread have the
    interpreter each time, and the event loop then waits for it.
    """

    def __init__(self, secret: bytes) -> None:
        super().__init__(secret)
        self._begun = hmac.new(secret, digestmod="sha256")

    def signature(self, delivery: str, stamp: int, body: bytes) -> bytes:
        """Return the same as `sign`, as bytes. `stamp` is in Unix seconds."""
        mac = self._begun.copy()
        mac.update(f"{delivery}.{stamp}.".encode() + body)
        return b"v1," + base64.b64encode(mac.digest())


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """Signatures of Standard Webhooks, symmetric (v1) and Ed25519 (v1a). Any of the keys may match, for rotation.

    Svix and its users name the same headers svix-id, svix-timestamp and svix-signature.
    """

    keys: tuple[SharedKey, ...] = field(repr=False)
    tolerance: timedelta = TOLERANCE
    public_keys: tuple[PublicKey, ...] = ()
    covers_query: bool = False
    takes_path: bool = False
    signs: bool = True

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        prefix = _prefix(request)
        delivery = _header(request, f"{prefix}-id", ID)
        stamp = _header(request, f"{prefix}-timestamp", TIMESTAMP_PATTERN)
        signed_at = _time(stamp)
        check_age(signed_at, now, self.tolerance)
        given = _signatures(request.headers.get(f"{prefix}-signature", ""))
        fits = self._fits(delivery, int(stamp), request.body, given)
        if not fits and not self._fits_public(f"{delivery}.{stamp}.".encode() + request.body, given):
            raise SignatureError("wrong", f"no signature in {prefix}-signature fits the body and this source's secret")
        return Authenticated(delivery, signed_at)

    def _fits(self, delivery: str, stamp: int, body: bytes, given: list[str]) -> bool:
        found = False
        if self.keys:
            _check_utf8(body)
        for key in self.keys:  # every key and every signature: time does not tell which one fits
            wanted = key.signature(delivery, stamp, body)
            for signature in given:
                found |= hmac.compare_digest(wanted, signature.encode())
        return found

    def _fits_public(self, content: bytes, given: list[str]) -> bool:
        made = [decoded(text.removeprefix("v1a,"), "base64") for text in given if text.startswith("v1a,")]
        return any(fits(key, signature, content) for key in self.public_keys for signature in made)

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        if not self.keys:
            raise CannotSign("only the sender has the private key; let it send a test event")
        stamp = now.astimezone(UTC)
        return with_headers(
            request,
            webhook_id=delivery_id,
            webhook_timestamp=str(int(stamp.timestamp())),
            webhook_signature=self.keys[0].sign(delivery_id, stamp, request.body.decode()),
        )

    def clean(self, request: Incoming) -> Incoming:
        return request.but(headers=request.headers.without(SIGNATURES))


def _prefix(request: Incoming) -> str:
    """Return which set of headers came. Both may come with equal values; a mixture is refused."""
    if not any(name in request.headers for name in SVIX):
        return "webhook"
    sets = [
        tuple(request.headers.get(f"{prefix}-{name}") for name in ("id", "timestamp", "signature"))
        for prefix in ("webhook", "svix")
    ]
    ours, svix = sets
    if any(svix) and any(ours) and ours != svix:
        raise SignatureError("ambiguous", "the request mixes webhook-... and svix-... headers with different values")
    return "svix" if any(svix) else "webhook"


def webhook_key(secret: str, form: str | None = None) -> SharedKey:
    """Return a key from its usual form, `whsec_` and base64. Raises ValueError with a text for the operator.

    `form` is for senders whose keys are the secret's own characters (`text`) or written in hex.
    """
    if form in ("text", "hex"):
        return SharedKey(key_bytes(secret, form))
    encoded = secret.removeprefix("whsec_")
    try:
        raw = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(
            "not a Standard Webhooks secret; it looks like whsec_ followed by base64, "
            "`openssl rand -base64 32` makes one"
        ) from None
    if not raw:
        raise ValueError("the secret is empty")
    return SharedKey(raw)


def check_age(signed_at: datetime, now: datetime, tolerance: timedelta) -> None:
    """Refuse a signature that is too old, or further in the future than clock differences explain."""
    if signed_at < now - tolerance:
        raise SignatureError("too_old", f"signed more than {tolerance} ago; check the sender's clock")
    if signed_at > now + tolerance:
        raise SignatureError("too_new", f"signed more than {tolerance} ahead of our clock; check both clocks")


def _header(request: Incoming, name: str, shape: re.Pattern[str]) -> str:
    value = request.headers.get(name)
    if value is None:
        raise SignatureError("missing", f"no {name} header")
    if not shape.fullmatch(value):
        raise SignatureError("malformed", f"the {name} header is malformed or came twice")
    return value


def _time(seconds: str) -> datetime:
    try:
        return datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        raise SignatureError("malformed", "webhook-timestamp is not a time") from None


def _signatures(header: str) -> list[str]:
    given = [part for part in header.split(" ") if part.startswith(("v1,", "v1a,"))]
    if not given:
        raise SignatureError("missing", "no v1 or v1a signature in the signature header")
    if len(given) > MAX_SIGNATURES:
        raise SignatureError("malformed", f"more than {MAX_SIGNATURES} signatures in one request")
    return given


def _check_utf8(body: bytes) -> None:
    try:
        body.decode()
    except UnicodeDecodeError:
        raise SignatureError("malformed", "the body is not UTF-8, so no signature can fit it") from None
