"""Hash passwords and the secrets of API tokens. The hashes are slow on purpose. They cost time on purpose."""

import secrets
from base64 import b64encode

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)  # argon2id as OWASP recommends it


def hashed(text: str) -> str:
    """Return the hash to store, with its salt and its parameters."""
    return HASHER.hash(text)


def matches(known: str | None, text: str) -> bool:
    """Return whether this is the text behind the hash. It takes as long without any hash."""
    try:
        HASHER.verify(known or _of_nobody(), text)
    except VerificationError:
        return False
    return known is not None


def is_stale(known: str) -> bool:
    """Return whether the hash was made with other parameters than the present ones."""
    return HASHER.check_needs_rehash(known)


def _of_nobody() -> str:
    """Return a hash that no text has.

    Checking against it takes as long as against a real one; making it takes no time.
    """
    salt, digest = (
        b64encode(secrets.token_bytes(size)).decode().rstrip("=") for size in (HASHER.salt_len, HASHER.hash_len)
    )
    return f"$argon2id$v=19$m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}${salt}${digest}"
