"""Verify a JSON Web Token in a header that signs the body: Plaid (ES256) and Netlify (HS256) sign like this.

The token is signed, and one of its claims is the SHA-256 of the body in hex. The algorithm follows from the kind of key
that the operator gave, never from the token alone. No key is fetched.
"""

import hashlib
import hmac
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, OctKey, RSAKey

from bridge.sources.authentication import Authenticated, with_fields, without_headers
from bridge.sources.errors import CannotSign, SignatureError
from bridge.sources.public_keys import PublicKey
from bridge.sources.request import Incoming
from bridge.sources.standard_webhooks import ID, TOLERANCE, check_age

MAX_TOKEN_CHARS = 8_192
MAX_SECONDS = 253_402_300_799  # the last second of the year 9999

Key = tuple[OctKey | ECKey | RSAKey, str]  # with the only algorithm that it is used for


@dataclass(frozen=True, slots=True, kw_only=True)
class WebToken:
    """Verifies JSON Web Tokens. `claim` has the digest of the body.

    If the token has a time of issue (`iat`), it expires.
    """

    header: str
    claim: str
    keys: tuple[Key, ...] = field(repr=False)
    prefix: str = ""
    tolerance: timedelta = TOLERANCE
    covers_query: bool = False
    takes_path: bool = False
    signs: bool = True

    def check(self, request: Incoming, now: datetime) -> Authenticated:
        given = request.headers.get(self.header, "").strip()
        if not given:
            raise SignatureError("missing", f"no token in header:{self.header}")
        if not given.startswith(self.prefix) or len(given) > MAX_TOKEN_CHARS:
            raise SignatureError("malformed", f"header:{self.header} does not hold a token as this source expects it")
        claims = self._claims(given.removeprefix(self.prefix).strip())
        digest = claims.get(self.claim)
        wanted = hashlib.sha256(request.body).hexdigest()
        if not isinstance(digest, str) or not hmac.compare_digest(digest.lower().encode(), wanted.encode()):
            raise SignatureError("wrong", f"the claim {self.claim} of the token does not fit the body")
        issued = _moment(claims, "iat")
        if issued is not None:
            check_age(issued, now, self.tolerance)
        _check_window(claims, now, self.tolerance)
        return Authenticated(_identity(claims, wanted), issued)

    def _claims(self, token: str) -> Mapping[str, Any]:
        """Return the claims of a token that one of the keys has signed."""
        for key, algorithm in self.keys:
            try:
                return jwt.decode(token, key, algorithms=[algorithm]).claims
            except (JoseError, ValueError, TypeError, KeyError, RecursionError):
                continue
        raise SignatureError("wrong", f"no key of this source has signed the token in header:{self.header}")

    def sign(self, request: Incoming, now: datetime, delivery_id: str) -> Incoming:
        del delivery_id
        key, algorithm = self.keys[0]
        if not isinstance(key, OctKey):
            raise CannotSign("only the sender has the private key; let it send a test event")
        claims = {self.claim: hashlib.sha256(request.body).hexdigest(), "iat": int(now.timestamp())}
        token = jwt.encode({"alg": algorithm, "typ": "JWT"}, claims, key)
        return with_fields(request, {self.header: self.prefix + token})

    def clean(self, request: Incoming) -> Incoming:
        return without_headers(request, self.header)


def shared_key(secret: bytes) -> Key:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # `check` warns of a short secret in its own words
        return OctKey.import_key(secret), "HS256"


def public_key(key: PublicKey) -> Key:
    """Return a key of the sender, with the algorithm of its kind. Raises ValueError for an unsupported kind."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        raise ValueError("is an Ed25519 key, which verify: jwt does not take; ES256 and RS256 are")  # noqa: TRY004 - settings
    pem = key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    if isinstance(key, ec.EllipticCurvePublicKey):
        return ECKey.import_key(pem), {"secp256r1": "ES256", "secp384r1": "ES384"}.get(key.curve.name, "ES512")
    return RSAKey.import_key(pem), "RS256"


def _identity(claims: Mapping[str, Any], digest: str) -> str | None:
    """Return what distinguishes two deliveries.

    Plaid sends the same body for two events; their second of issue differs.
    """
    given = claims.get("jti")
    if isinstance(given, str) and ID.fullmatch(given):
        return given
    return f"{claims['iat']}-{digest[:32]}" if "iat" in claims else None


def _check_window(claims: Mapping[str, Any], now: datetime, tolerance: timedelta) -> None:
    until, since = _moment(claims, "exp"), _moment(claims, "nbf")
    if until is not None and until < now - tolerance:
        raise SignatureError("too_old", "the token has expired; check the sender's clock")
    if since is not None and since > now + tolerance:
        raise SignatureError("too_new", "the token is not valid yet; check both clocks")


def _moment(claims: Mapping[str, Any], name: str) -> datetime | None:
    """Return a claim that is a time, in seconds. Raises SignatureError for anything else under that name."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_SECONDS:
        raise SignatureError("malformed", f"the claim {name} of the token is not a time")
    return datetime.fromtimestamp(value, UTC)
