"""HTTP Message Signatures (RFC 9421) with Content-Digest: HMAC, Ed25519, ECDSA P-256 and RSA keys.

The library verifies; the clock and the choice among several keys are ours. A body counts only where a signed
Content-Digest covers it.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureAlgorithm,
    HTTPSignatureKeyResolver,
    algorithms,
)

from bridge.sources.authentication import Authenticated, with_fields, without_headers
from bridge.sources.errors import CannotSign, SignatureError
from bridge.sources.public_keys import PublicKey
from bridge.sources.request import Incoming
from bridge.sources.standard_webhooks import TOLERANCE, check_age

COVERED = ("@method",)  # beside the digest of a body
OVER_QUERY = frozenset({"@query", "@target-uri", "@request-target"})
HEADERS = ("signature", "signature-input")
OTHER_ALGORITHM = "Unexpected algorithm specified in the signature"  # of a key of another kind: says nothing


@dataclass(slots=True)
class Message:
    """A request in the library's form."""

    method: str
    url: str
    headers: dict[str, str]


@dataclass(frozen=True, slots=True)
class OneKey(HTTPSignatureKeyResolver):
    """The same key for every key id: all our keys are tried."""

    key: Any = field(repr=False)

    def resolve_public_key(self, key_id: str) -> Any:
        del key_id
        return self.key

    def resolve_private_key(self, key_id: str) -> Any:
        del key_id
        return self.key


class RsaPss(algorithms.RSA_PSS_SHA512):
    """RSA-PSS with a salt of any length.

    The RFC requires 64 bytes, and signers in JavaScript use the longest that fits (http-message-signatures 1.0.6 of
    npm). The length of the salt proves nothing; the key does.
    """

    def __init__(self, public_key: Any = None, private_key: Any = None, password: Any = None) -> None:
        super().__init__(public_key, private_key, password)  # type: ignore[no-untyped-call]
        self.padding = padding.PSS(mgf=padding.MGF1(hashes.SHA512()), salt_length=padding.PSS.AUTO)


class Verifier(HTTPMessageVerifier):
    """The library's verifier, without its own check of the clock."""

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        del sig_input, max_age


@dataclass(frozen=True, slots=True)
class HttpSignature:
    """Verifies RFC 9421 signatures. Any of the keys may match, so that rotation has no gap."""

    secrets: tuple[bytes, ...] = field(repr=False)
    keys: tuple[PublicKey, ...] = field(repr=False)
    tolerance: timedelta = TOLERANCE
    covered: tuple[str, ...] = COVERED
    public_url: str | None = None
    takes_path: bool = False
    signs: bool = True

    @property
    def covers_query(self) -> bool:
        return bool(OVER_QUERY & set(self.covered))

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        if any(name not in request.headers for name in HEADERS):
            raise SignatureError("missing", "no Signature and Signature-Input headers")
        message, reasons = self._message(request), []
        for algorithm, key in (way for one in (*self.secrets, *self.keys) for way in _ways(one)):
            verifier = Verifier(signature_algorithm=algorithm, key_resolver=OneKey(key))
            try:
                [result] = verifier.verify(message, max_age=None, require_components=self.covered, body=request.body)
            except Exception as error:  # noqa: BLE001 - malformed input leaves the library in many forms
                reasons.append(str(error)[:200] or "no key fits")
                continue
            return Authenticated(signed_at=self._age(result.parameters, now))
        telling = [why for why in reasons if why != OTHER_ALGORITHM] or reasons
        raise SignatureError("wrong", f"the signature does not fit: {telling[0]}")

    def _age(self, parameters: dict[str, Any], now: datetime) -> datetime:
        times = [parameters.get(name) for name in ("created", "expires")]
        moments = [datetime.fromtimestamp(one, UTC) if isinstance(one, int) else None for one in times]
        created, expires = moments
        if created is None:
            raise SignatureError("malformed", "the signature does not say when it was created")
        check_age(created, now, self.tolerance)
        if expires is not None and expires < now:
            raise SignatureError("too_old", "the signature has expired")
        return created

    def _message(self, request: Incoming) -> Message:
        url = (self.public_url or "http://localhost").rstrip("/") + (request.target or "/")
        return Message(request.method, url, dict(request.headers))

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        if not self.secrets:
            raise CannotSign("only the sender has the private key; let it send a test event")
        message = self._message(request)
        message.headers |= {"content-type": request.content_type}
        signer = HTTPMessageSigner(signature_algorithm=algorithms.HMAC_SHA256, key_resolver=OneKey(self.secrets[0]))
        signer.sign(
            message,
            key_id="test",
            created=now,
            nonce=delivery_id,
            covered_component_ids=self.covered,
            body=request.body,
        )
        made = {name.lower(): value for name, value in message.headers.items()}
        return with_fields(request, {name: made[name] for name in (*HEADERS, "content-digest") if name in made})

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, "signature")


def _ways(key: bytes | PublicKey) -> tuple[tuple[type[HTTPSignatureAlgorithm], bytes | PublicKey], ...]:
    """Return the algorithms for a key of this kind. The key decides, never the request."""
    if isinstance(key, bytes):
        return ((algorithms.HMAC_SHA256, key),)
    if isinstance(key, ed25519.Ed25519PublicKey):
        return ((algorithms.ED25519, key),)
    if isinstance(key, ec.EllipticCurvePublicKey):
        large = key.curve.key_size == 384
        return ((algorithms.ECDSA_P384_SHA384 if large else algorithms.ECDSA_P256_SHA256, key),)
    return ((RsaPss, key), (algorithms.RSA_V1_5_SHA256, key))
