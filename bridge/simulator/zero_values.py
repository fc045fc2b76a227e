"""The value of a field that was never set, made from the catalogue's schemas: Go's zero values."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from marshmallow import fields

from bridge.integr8.catalogue import OPERATIONS


@cache
def blank(resource: str) -> Mapping[str, Any]:
    """Return every writable field of a resource with its zero value."""
    found: dict[str, Any] = {}
    for action in ("create", "update"):
        request = OPERATIONS[f"{resource}.{action}"].request
        assert request is not None, "creates and updates have a body"
        found.update({name: _zero(field) for name, field in request().fields.items()})
    return found


def _zero(field: Any) -> Any:
    match field:
        case fields.Boolean():
            return False
        case fields.Integer() | fields.Decimal():
            return 0
        case fields.List():
            return []
        case fields.Nested() | fields.Dict():
            return {}
        case _:
            return ""
