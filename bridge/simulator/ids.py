"""Integr8's two kinds of id, repeatable from a seed: short string keys and ULIDs that sort by time.

Evidence: facts, section 3.1. Offers, publishers and advertisers also carry a small counting number; the
repositories hand that one out.
"""

import random
import string

from bridge.store.ids import ALPHABET, encode

KEY_LETTERS = string.ascii_lowercase + string.digits
KEY_LENGTH = 10
ULID_LENGTH = 26


class Ids:
    """A stream of ids. The same seed gives the same stream."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable on purpose, protects nothing

    def dice(self) -> random.Random:
        """Return a separate stream of random numbers, so that ids do not depend on other random choices."""
        return random.Random(self._random.getrandbits(64))  # noqa: S311 - as above

    def key(self) -> str:
        return "".join(self._random.choices(KEY_LETTERS, k=KEY_LENGTH))

    def token(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def ulid(self, ms: int) -> str:
        return encode(ms << 80 | self._random.getrandbits(80))


def floor(ms: int) -> str:
    """Return the smallest ULID of that millisecond: the start of a time range in a sorted table."""
    return encode(max(ms, 0) << 80)


def is_ulid(text: str) -> bool:
    return len(text) == ULID_LENGTH and all(letter in ALPHABET for letter in text) and text[0] <= "7"
