"""Keep values from outside apart from the markers of ours among the wanted values of a step.

A marker is a mapping with a key of ours, such as `{"$ref": "pub.id"}` or `{"$generate": "password"}`. A webhook may
bring a mapping with such a key, too. Its keys that begin with `$` get one more on the way in, and lose it again when it
is sent: so it is a value all the way, and arrives as it came.
"""

from collections.abc import Mapping
from typing import Any

SIGN = "$"


def as_value(value: Any) -> Any:
    """Return a value from outside in a form in which nothing is a marker."""
    match value:
        case Mapping():
            return {_more(str(key)): as_value(item) for key, item in value.items()}
        case list() | tuple():
            return [as_value(item) for item in value]
        case _:
            return value


def as_sent(value: Any) -> Any:
    """Reverse `as_value`."""
    match value:
        case Mapping():
            return {_less(str(key)): as_sent(item) for key, item in value.items()}
        case list() | tuple():
            return [as_sent(item) for item in value]
        case _:
            return value


def _more(key: str) -> str:
    return SIGN + key if key.startswith(SIGN) else key


def _less(key: str) -> str:
    return key.removeprefix(SIGN) if key.startswith(SIGN + SIGN) else key
