"""Sealing provisioned passwords: Fernet with a key derived from BRIDGE_SECRET_KEY. Never written in clear.

Several keys, separated by commas, let the key be changed without a gap: the first one seals, all of them open.
"""

import base64
import hashlib
import hmac

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

PURPOSE = b"integr8-bridge handover v1"  # the same key may serve other purposes; each derives its own


class Unsealable(ValueError):
    """The text was sealed with a key that is no longer among ours, or was changed."""


class SecretsBox:
    """Seals and opens small secrets."""

    def __init__(self, keys: str) -> None:
        self._fernet = MultiFernet([Fernet(_derive(key.strip())) for key in keys.split(",") if key.strip()])

    def seal(self, secret: bytes) -> bytes:
        return self._fernet.encrypt(secret)

    def open(self, sealed: bytes) -> bytes:
        """Raises Unsealable."""
        try:
            return self._fernet.decrypt(sealed)
        except InvalidToken:
            raise Unsealable("sealed with another BRIDGE_SECRET_KEY; put the old one behind the new one") from None


def _derive(key: str) -> bytes:
    return base64.urlsafe_b64encode(hmac.digest(key.encode(), PURPOSE, hashlib.sha256))
