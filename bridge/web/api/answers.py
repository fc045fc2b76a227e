"""Rows as JSON, pages, and refusals: the small parts that all resources share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from functools import wraps
from typing import Any

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from bridge.operations.errors import OperationError
from bridge.web.access import MOST_ID
from bridge.web.current import house
from bridge.web.problems import problem
from rules.planning import Target
from rules.state import target_of


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


def whole(text: str | None) -> int | None:
    """A cursor that is a number; anything else is no cursor of ours."""
    if text is None or not text.isdecimal() or int(text) > MOST_ID:
        return None
    return int(text)


def picked(row: Any, names: Sequence[str]) -> dict[str, Any]:
    """These columns of a row."""
    return {name: getattr(row, name) for name in names}


def newest(
    table: Any,
    names: Sequence[str],
    query: Mapping[str, Any],
    *conditions: ColumnElement[bool],
    equal: Mapping[str, InstrumentedAttribute[Any]] | None = None,
    cursor: Callable[[str | None], Any] = whole,
) -> dict[str, Any]:
    """A page of a table, newest first. `equal`: the column that a parameter of the query must agree with."""
    wanted = select(table).where(*conditions).order_by(table.id.desc()).limit(query["limit"] + 1)
    after = cursor(query["after"])
    if after is not None:
        wanted = wanted.where(table.id < after)
    for name, column in (equal or {}).items():
        if name in query:
            wanted = wanted.where(column == query[name])
    with house().store.read() as session:
        return page([picked(row, names) for row in session.scalars(wanted)], query["limit"], "id")


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
