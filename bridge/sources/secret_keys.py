"""Decode a shared secret from the form in which its sender shows it."""

import base64
import binascii

KEY_FORMS = ("text", "hex", "base64")


def key(secret: str, form: str) -> bytes:
    """Return a secret as the bytes that sign. Raises ValueError with a text for the operator."""
    try:
        if form == "hex":
            return bytes.fromhex(secret)
        if form == "base64":
            return base64.b64decode(secret + "=" * (-len(secret) % 4), validate=True)
    except (ValueError, binascii.Error):
        raise ValueError(f"is not {form}, which `secret_form` says it is") from None
    return secret.encode()
