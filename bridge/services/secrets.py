"""Encrypt generated passwords with Fernet and a key derived from BRIDGE_SECRET_KEY. Never stored in clear.

Several keys, separated by commas, let the key be changed without a gap: the first one seals, all of them open.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PURPOSE = b"integr8-bridge handover v1"  # the same key may serve other purposes; each derives its own


class Unsealable(ValueError):
    """The text was encrypted with an unknown key, or was changed."""


class SecretsBox:
    """Encrypts and decrypts small secrets."""

    def __init__(self, keys: str) -> None:
        self._keys = [key.strip() for key in keys.split(",") if key.strip()]
        self._fernet = MultiFernet([Fernet(base64.urlsafe_b64encode(_derive(key, PURPOSE))) for key in self._keys])

    def derive(self, purpose: bytes) -> bytes:
        """Return a key for another purpose, derived from the first of our keys."""
        return _derive(self._keys[0], purpose)

    def seal(self, secret: bytes) -> bytes:
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Decrypt a text. Raises Unsealable."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise Unsealable("encrypted with another BRIDGE_SECRET_KEY; add the old key after the new one") from None


def _derive(key: str, purpose: bytes) -> bytes:
    return hmac.digest(key.encode(), purpose, hashlib.sha256)
