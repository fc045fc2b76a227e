"""Public keys of senders: Ed25519, ECDSA and RSA. Reads keys and checks signatures."""

import base64
import binascii
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from bridge.sources.errors import SignatureError

PublicKey: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
ED25519_BYTES = 32


def fits(key: PublicKey, signature: bytes, content: bytes) -> bool:
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
    """A public key in PEM, in base64 (of its DER form, or of 32 bytes), or in hex. Raises ValueError with words."""
    try:
        found = _loaded(text.strip())
    except (ValueError, binascii.Error, TypeError):
        found = None
    if not isinstance(found, PublicKey):
        raise ValueError("is no public key (Ed25519, ECDSA or RSA) in PEM, base64 or hex")  # noqa: TRY004 - bad settings
    return found


def _loaded(text: str) -> object:
    if text.startswith("-----BEGIN"):
        return serialization.load_pem_public_key(text.replace("\\n", "\n").encode())
    if len(text) == 2 * ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    raw = base64.b64decode(text.removeprefix("whpk_"), validate=True)
    if len(raw) == ED25519_BYTES:
        return ed25519.Ed25519PublicKey.from_public_bytes(raw)
    return serialization.load_der_public_key(raw)
