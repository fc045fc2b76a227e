"""Standard Webhooks (https://www.standardwebhooks.com): webhook-id, webhook-timestamp, webhook-signature.

The library signs; the checking is ours. Its `verify` reads the clock itself, lets ValueError and
UnicodeDecodeError escape from malformed input (seen in 1.1.0) and would hide which of the two it was.
"""

import base64
import binascii
import hmac
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from bridge.sources.authentication import Authenticated, with_headers, without_headers
from bridge.sources.errors import SignatureError
from bridge.sources.request import Incoming

TOLERANCE = timedelta(minutes=5)  # the text of the standard leaves it open; its libraries use five minutes
MOST_SIGNATURES = 16  # one per key in rotation; more is somebody making us compute
ID = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,255}")  # no comma: a header sent twice arrives joined by one
SECONDS = re.compile(r"[0-9]{1,11}")


@dataclass(frozen=True, slots=True)
class StandardWebhooks:
    """Signatures of Standard Webhooks; any of the keys may fit, so that rotation has no gap."""

    keys: tuple[Webhook, ...] = field(repr=False)
    tolerance: timedelta = TOLERANCE
    covers_query: bool = False
    takes_path: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        delivery = _header(request, "webhook-id", ID)
        signed_at = _time(_header(request, "webhook-timestamp", SECONDS))
        check_age(signed_at, now, self.tolerance)
        given = _signatures(request.headers.get("webhook-signature", ""))
        text = _text(request.body)
        found = False
        for key in self.keys:  # every key and every signature: time does not tell which one fits
            wanted = key.sign(delivery, signed_at, text).encode()
            for signature in given:
                found |= hmac.compare_digest(wanted, signature.encode())
        if not found:
            raise SignatureError("wrong", "no signature in webhook-signature fits the body and this source's secret")
        return Authenticated(delivery, signed_at)

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        stamp = now.astimezone(UTC)
        return with_headers(
            request,
            webhook_id=delivery_id,
            webhook_timestamp=str(int(stamp.timestamp())),
            webhook_signature=self.keys[0].sign(delivery_id, stamp, request.body.decode()),
        )

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, "webhook-signature")


def webhook_key(secret: str) -> Webhook:
    """A key from its usual spelling, `whsec_` and base64. Raises ValueError with words for the operator."""
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
    return Webhook(raw)


def check_age(signed_at: datetime, now: datetime, tolerance: timedelta) -> None:
    """Refuse a signature from too long ago, or from a future that clock differences do not explain."""
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
    given = [part for part in header.split(" ") if part.startswith("v1,")]
    if not given:
        raise SignatureError("missing", "no v1 signature in the webhook-signature header")
    if len(given) > MOST_SIGNATURES:
        raise SignatureError("malformed", f"more than {MOST_SIGNATURES} signatures in one request")
    return given


def _text(body: bytes) -> str:
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise SignatureError("malformed", "the body is not UTF-8, so no signature can fit it") from None
