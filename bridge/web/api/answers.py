"""Rows as JSON, pages, and refusals: the small parts that all resources share."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import Any

from flask import g

from bridge.operations.errors import OperationError
from bridge.web.problems import problem
from bridge.wiring import House
from rules.planning import Target
from rules.state import target_of


def house() -> House:
    found: House = g.house
    return found


def plain(value: Any) -> Any:
    """Moments as ISO 8601, money as text, dataclasses as objects."""
    match value:
        case datetime():
            return value.isoformat()
        case Decimal() | Enum():
            return str(value)
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return plain(asdict(value))
        case _:
            return value


def page(rows: Sequence[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """One page out of at most `limit` + 1 rows."""
    shown = [plain(row) for row in rows[:limit]]
    return {"data": shown, "next": str(shown[-1][key]) if len(rows) > limit else None}


def one(value: Any) -> dict[str, Any]:
    return {"data": plain(value)}


def refusing(view: Callable[..., Any]) -> Callable[..., Any]:
    """Answer what an operation refuses as a problem document."""

    @wraps(view)
    def careful(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except OperationError as error:
            return problem(error.status, "Not done", str(error))

    return careful


def targets(texts: Sequence[str] | None) -> list[Target] | None:
    """`offer=42` → a target; None stays None."""
    if texts is None:
        return None
    pairs = (text.partition("=") for text in texts)
    return [target_of(kind, identity) for kind, _, identity in pairs]


def whole(text: str | None) -> int | None:
    """A cursor that is a number; anything else is no cursor of ours."""
    return int(text) if text is not None and text.isdigit() else None
