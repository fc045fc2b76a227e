"""Generate the passwords of a rule just before the request leaves, and keep them out of the ledger."""

import secrets
import string
from collections.abc import Mapping
from typing import Any

from rules.model.markers import as_sent

PASSWORD_LENGTH = 20
ALPHABET = string.ascii_letters + string.digits + "-_.!"
#: Fields that Integr8 takes but never shows: they are no difference, and no reading proves them.
WRITE_ONLY = frozenset({"password"})


class Generated:
    """A placeholder in the fields of a job for a password that will be generated."""


GENERATED = Generated()


def for_job(value: Any) -> Any:
    """Return a wanted value for a handler: markers become `GENERATED`, and values from outside stay unchanged."""
    is_marker = isinstance(value, Mapping) and value.get("$generate") == "password"
    return GENERATED if is_marker else as_sent(value)


def filled(wanted: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the wanted fields with generated passwords, and the part of the result that passes them on.

    The second is empty if nothing was generated.
    """
    fields, secret = {}, {}
    for name, value in wanted.items():
        if isinstance(value, Generated):
            fields[name] = "".join(secrets.choice(ALPHABET) for _ in range(PASSWORD_LENGTH))
            secret = {"$secret": {name: fields[name]}}
        else:
            fields[name] = value
    return fields, secret


def generates(wanted: Mapping[str, Any]) -> bool:
    """Return whether one of the wanted fields is to be generated."""
    return any(isinstance(value, Generated) for value in wanted.values())
