"""HMAC over the raw body, the way each sender likes it: header, digest, prefix, encoding, time stamp.

What exactly is signed is a short text with {body}, {timestamp} and {id} in it. GitHub signs `{body}`, Stripe
`{timestamp}.{body}`, Slack `v0:{timestamp}:{body}`.
"""

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from bridge.sources.authentication import Authenticated, with_fields, without_headers
from bridge.sources.errors import SignatureError
from bridge.sources.request import Incoming
from bridge.sources.standard_webhooks import ID, SECONDS, TOLERANCE, check_age

DIGESTS = ("sha256", "sha512", "sha384", "sha1")  # sha1 because some senders have nothing else; HMAC survives it
MOST_SIGNATURES = 16

# Settings that a preset fills in. Where the sender's id and type are to be found is part of knowing a sender.
# GitHub's and Shopify's delivery ids are not covered by their signatures, so they are shown but do not
# decide what is a duplicate: the signed body does.
PRESETS: Mapping[str, Mapping[str, Any]] = {
    "github": {
        "header": "X-Hub-Signature-256",
        "prefix": "sha256=",
        "event_type": "header:X-GitHub-Event",
        "shown_id": "header:X-GitHub-Delivery",
    },
    "stripe": {
        "header": "Stripe-Signature",
        "signature_part": "v1",
        "timestamp_part": "t",
        "signed": "{timestamp}.{body}",
        "event_type": "type",
        "delivery_id": "id",
        "event_time": "created",
    },
    "shopify": {
        "header": "X-Shopify-Hmac-Sha256",
        "encoding": "base64",
        "event_type": "header:X-Shopify-Topic",
        "event_time": "header:X-Shopify-Triggered-At",
        "shown_id": "header:X-Shopify-Webhook-Id",
    },
    "slack": {
        "header": "X-Slack-Signature",
        "prefix": "v0=",
        "timestamp_header": "X-Slack-Request-Timestamp",
        "signed": "v0:{timestamp}:{body}",
        "event_type": "event.type",
        "delivery_id": "event_id",
        "event_time": "event_time",
    },
}

_FIELD = re.compile(r"\{(body|timestamp|id)\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HmacAuthenticator:
    """A configurable HMAC. `signature_part` and `timestamp_part` read a header such as `t=17,v1=ab12`."""

    secrets: tuple[bytes, ...] = field(repr=False)
    header: str
    digest: str = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: str = "{body}"
    signature_part: str | None = None
    timestamp_part: str | None = None
    timestamp_header: str | None = None
    id_header: str | None = None
    tolerance: timedelta = TOLERANCE
    covers_query: bool = False
    takes_path: bool = False

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        given, stamp = self._given(request)
        signed_at = self._age(stamp, now)
        delivery = self._id(request)
        content = self._content(request.body, stamp, delivery)
        found = False
        for secret in self.secrets:
            wanted = self._encoded(secret, content)
            for signature in given:
                found |= hmac.compare_digest(wanted, self._normal(signature).encode())
        if not found:
            raise SignatureError(
                "wrong", f"the signature in {self.header} does not fit the body and this source's secret"
            )
        return Authenticated(delivery if "{id}" in self.signed else None, signed_at)

    def _given(self, request: Incoming) -> tuple[list[str], str | None]:
        value = request.headers.get(self.header)
        if not value:
            raise SignatureError("missing", f"no {self.header} header")
        stamp = request.headers.get(self.timestamp_header) if self.timestamp_header else None
        if self.signature_part is None:
            signatures = [value.strip()]
        else:
            parts = [part.strip().partition("=")[::2] for part in value.split(",")]
            signatures = [text for name, text in parts if name == self.signature_part]
            if self.timestamp_part:
                stamps = [text for name, text in parts if name == self.timestamp_part]
                stamp = stamps[0] if len(stamps) == 1 else None
        stripped = [text.removeprefix(self.prefix) for text in signatures if text.startswith(self.prefix)]
        if not stripped or len(stripped) > MOST_SIGNATURES:
            raise SignatureError(
                "malformed", f"the {self.header} header does not hold a signature as this source expects it"
            )
        return stripped, stamp

    def _age(self, stamp: str | None, now: datetime) -> datetime | None:
        if not self.timed:
            return None
        if not stamp or not SECONDS.fullmatch(stamp):
            raise SignatureError("malformed", "the signature's time stamp is missing or is not in seconds since 1970")
        signed_at = datetime.fromtimestamp(int(stamp), UTC)
        check_age(signed_at, now, self.tolerance)
        return signed_at

    @property
    def timed(self) -> bool:
        return self.timestamp_header is not None or self.timestamp_part is not None

    def _id(self, request: Incoming) -> str | None:
        if self.id_header is None:
            return None
        value = request.headers.get(self.id_header)
        if value is None or not ID.fullmatch(value):
            raise SignatureError("malformed", f"the {self.id_header} header is missing, malformed or came twice")
        return value

    def _content(self, body: bytes, stamp: str | None, delivery: str | None) -> bytes:
        values = {"body": body, "timestamp": (stamp or "").encode(), "id": (delivery or "").encode()}
        pieces = _FIELD.split(self.signed)
        return b"".join(values[piece] if position % 2 else piece.encode() for position, piece in enumerate(pieces))

    def _encoded(self, secret: bytes, content: bytes) -> bytes:
        raw = hmac.digest(secret, content, self.digest)
        return raw.hex().encode() if self.encoding == "hex" else base64.b64encode(raw)

    def _normal(self, signature: str) -> str:
        return signature.lower() if self.encoding == "hex" else signature

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        stamp = str(int(now.timestamp())) if self.timed else None
        delivery = delivery_id if self.id_header else None
        encoded = self._encoded(self.secrets[0], self._content(request.body, stamp, delivery)).decode()
        value = self.prefix + encoded
        if self.signature_part:
            value = f"{self.signature_part}={value}"
        if self.timestamp_part:
            value = f"{self.timestamp_part}={stamp},{value}"
        fields = {self.header: value}
        if self.timestamp_header and stamp:
            fields[self.timestamp_header] = stamp
        if self.id_header and delivery:
            fields[self.id_header] = delivery
        return with_fields(request, fields)

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, self.header)


def weaknesses(method: HmacAuthenticator) -> list[str]:
    """What is worth a warning: a setting that works and protects less than it seems to."""
    found = []
    if method.timed and "{timestamp}" not in method.signed:
        found.append("the time stamp is not part of `signed`, so anybody can change it; add {timestamp} to `signed`")
    if method.id_header and "{id}" not in method.signed:
        found.append("the id header is not part of `signed`, so a replay can carry a new id; add {id} to `signed`")
    return found
