"""Generate the passwords of a rule just before the request leaves, and keep them out of the ledger."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

PASSWORD_LENGTH = 20
ALPHABET = string.ascii_letters + string.digits + "-_.!"
#: Fields that Integr8 takes but never shows: they are no difference, and no reading proves them.
WRITE_ONLY = frozenset({"password"})


def filled(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The wanted fields with generated passwords put in, and the part of the result that hands them on.

    The second is empty where nothing was generated.
    """
    fields, secret = {}, {}
    for name, value in wanted.items():
        if _is_generated(value):
            fields[name] = "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))
            secret = {"$secret": {name: fields[name]}}
        else:
            fields[name] = value
    return fields, secret


def generates(wanted: Mapping[str, Any]) -> bool:
    """Whether one of the wanted fields is to be generated."""
    return any(_is_generated(value) for value in wanted.values())


def _is_generated(value: Any) -> bool:
    return isinstance(value, Mapping) and value.get("$generate") == "password"
