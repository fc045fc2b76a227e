"""Passwords of users: requirements, hashing, and a comparison that takes equally long for every user."""

import secrets
import unicodedata
from threading import BoundedSemaphore

from bridge.store.users import fold
from bridge.web.access import slow_hashes

MIN_LENGTH, MAX_LENGTH = 12, 200  # characters; no rule about digits and signs: length is what counts
MIN_DIFFERENT_CHARACTERS = 5  # different characters
ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"  # nothing that looks like something else
GROUPS, GROUP = 5, 4  # 100 bits

_room = BoundedSemaphore(2)  # hashes at a time: sign-ins must not take the memory of the webhooks


def fault(text: str, name: str) -> str | None:
    """Return why this cannot be the password of `name`; None if it can."""
    if len(text) < MIN_LENGTH:
        return f"the password has {len(text)} characters; take at least {MIN_LENGTH}, for example a few words"
    if len(text) > MAX_LENGTH:
        return f"the password has more than {MAX_LENGTH} characters; take a shorter one"
    if len(set(text)) < MIN_DIFFERENT_CHARACTERS:
        return "the password is a few characters over and over; take a few words"
    if fold(text) == fold(name):
        return "the password is the name; take another"
    return None


def generated() -> str:
    """Return a password that can be read out over the telephone."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(GROUP)) for _ in range(GROUPS))


def hashed(text: str) -> str:
    with _room:
        return slow_hashes.hashed(_normal(text))


def matches(known: str | None, text: str) -> bool:
    """Return whether this is the password behind the hash. It takes as long without any hash."""
    with _room:
        return slow_hashes.matches(known, _normal(text[: MAX_LENGTH + 1]))


def _normal(text: str) -> str:
    """Return a normal form: keyboards differ in how they write an accent; a password must not depend on it."""
    return unicodedata.normalize("NFKC", text)
