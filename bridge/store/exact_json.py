"""Encode values as JSON without loss: decimals stay exact, numpy scalars become plain."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

import numpy as np


def plain(value: Any) -> Any:  # noqa: PLR0911 - one line per kind of value
    """Return numpy scalars and the like as JSON values; other values become text."""
    match value:
        case None | bool() | int() | str():
            return value
        case np.generic():
            return plain(value.item())
        case float():
            return value if np.isfinite(value) else str(value)
        case Decimal():
            return str(value)
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            return str(value)


def freeze(value: Any) -> Any:
    """Convert to JSON that keeps decimals exact: {"$decimal": "5.10"}."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else {"$decimal": str(value)}
        case Mapping():
            return {str(key): freeze(item) for key, item in value.items()}
        case list() | tuple():
            return [freeze(item) for item in value]
        case _:
            return plain(value)


def thaw(value: Any) -> Any:
    """Convert the result of `freeze` back."""
    if isinstance(value, Mapping):
        if set(value) == {"$decimal"} and (number := _number(value["$decimal"])) is not None:
            return number
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, list):
        return [thaw(item) for item in value]
    return value


def _number(text: Any) -> Decimal | None:
    """Return a number; None for a text that `freeze` did not write."""
    try:
        return Decimal(text) if isinstance(text, str) else None
    except InvalidOperation:
        return None
