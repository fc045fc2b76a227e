"""Public keys of senders: Ed25519, ECDSA and RSA. Reads keys and checks signatures.

The library is loaded with the first key: few homes have one, and `check` is to answer at once.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from bridge.sources.errors import SignatureError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

PublicKey: TypeAlias = Union["Ed25519PublicKey", "EllipticCurvePublicKey", "RSAPublicKey"]
ED25519_BYTES = 32


def fits(key: PublicKey, signature: bytes, content: bytes) -> bool:
    """Return whether this is the signature of the content, with SHA-256 where the kind of key leaves it open."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding

    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, content)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, content, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, content, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def decoded(signature: str, encoding: str) -> bytes:
    try:
        return bytes.fromhex(signature) if encoding == "hex" else base64.b64decode(signature, validate=True)
    except (ValueError, binascii.Error):
        raise SignatureError("malformed", f"the signature is not {encoding}") from None


def load(text: str) -> PublicKey:
    """Load a public key in PEM (also of a certificate), base64 (DER, or 32 bytes), hex, or as a JWK.

    Of a certificate only the key is used: whoever pins it trusts it. Raises ValueError with a readable text.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    try:
        found = _loaded(text.strip())
    except (ValueError, binascii.Error, TypeError, KeyError, RecursionError):
        found = None
    if not isinstance(found, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey):
        raise ValueError("is not a public key (Ed25519, ECDSA or RSA) in PEM, base64, hex or as a JWK")  # noqa: TRY004 - settings
    return found


def _loaded(text: str) -> object:
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ed25519

    if text.startswith("{"):
        return _of_jwk(json.loads(text))
    if text.startswith("-----BEGIN CERTIFICATE"):
        return x509.load_pem_x509_certificate(text.replace("\\n", "\n").encode()).public_key()
    if text.startswith("-----BEGIN"):
        return serialization.load_pem_public_key(text.replace("\\n", "\n").encode())
    if len(text) == 2 * ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    raw = base64.b64decode(text.removeprefix("whpk_"), validate=True)
    if len(raw) == ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return serialization.load_der_public_key(raw)


def _of_jwk(jwk: Mapping[str, Any]) -> object:
    """Load a JSON Web Key (RFC 7517), as an API of the sender shows it."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    match jwk["kty"], jwk.get("crv"):
        case "EC", ("P-256" | "P-384" | "P-521") as curve:
            kinds = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}
            return ec.EllipticCurvePublicNumbers(_number(jwk["x"]), _number(jwk["y"]), kinds[curve]).public_key()
        case "OKP", "Ed25519":
            return ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
        case "RSA", _:
            return rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
    return None


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text), "big")
