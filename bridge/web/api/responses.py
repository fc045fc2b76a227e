"""Rows as JSON, pages and refusals: what all resources share."""

from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any

from flask import abort
from marshmallow import Schema
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import InstrumentedAttribute

from bridge.operations.errors import RETRY, OperationError, TooMany, Unconfirmed
from bridge.operations.selection import EVERYTHING, Choice, Named
from bridge.web.problems import problem
from bridge.web.request_context import as_id, services
from rules.model.plan import Target
from rules.model.state import target_of


def page(rows: Sequence[dict[str, Any]], limit: int, key: str) -> dict[str, Any]:
    """Return one page out of at most `limit` + 1 rows."""
    shown = list(rows[:limit])
    return {"data": shown, "next": str(shown[-1][key]) if len(rows) > limit else None}


def listed(rows: Sequence[dict[str, Any]], key: str, query: Mapping[str, Any]) -> dict[str, Any]:
    """Return a page of a short list that is completely at hand, in its own order.

    After a deleted row nothing follows.
    """
    after = query["after"]
    names = [str(row[key]) for row in rows]
    begin = 0 if after is None else names.index(after) + 1 if after in names else len(rows)
    return page(rows[begin:], query["limit"], key)


def whole(text: str | None) -> int | None:
    """Parse a cursor that is a number; anything else is refused."""
    return None if text is None else as_id(text)


def picked(row: Any, schema: type[Schema]) -> dict[str, Any]:
    """Return the fields of a row that the schema names; the view adds the others."""
    names = (field.attribute or name for name, field in schema._declared_fields.items())  # noqa: SLF001 - no other list
    return {name: getattr(row, name) for name in names if hasattr(row, name)}


def newest(
    table: Any,
    schema: type[Schema],
    query: Mapping[str, Any],
    *conditions: ColumnElement[bool],
    equal: Mapping[str, InstrumentedAttribute[Any]] | None = None,
    cursor: Callable[[str | None], Any] = whole,
) -> dict[str, Any]:
    """Return a page of a table, newest first. `equal`: the column that a parameter of the query must equal."""
    wanted = select(table).where(*conditions).order_by(table.id.desc()).limit(query["limit"] + 1)
    after = cursor(query["after"])
    if after is None and query["after"]:
        abort(422, f"after: {query['after'][:50]!r} is no id of a row; take `next` of the page before")
    if after is not None:
        wanted = wanted.where(table.id < after)
    for name, column in (equal or {}).items():
        if name in query:
            wanted = wanted.where(column == query[name])
    with services().store.read() as session:
        return page([picked(row, schema) for row in session.scalars(wanted)], query["limit"], "id")


def one(value: Any) -> dict[str, Any]:
    return {"data": value}


def refusing(view: Callable[..., Any]) -> Callable[..., Any]:
    """Convert refusals of an operation to problem documents."""

    @wraps(view)
    def careful(*args: Any, **kwargs: Any) -> Any:
        try:
            return view(*args, **kwargs)
        except Unconfirmed as error:
            sentence = f'{error}; nothing was done, because you meant another number: send "confirm": {error.count}'
            return problem(error.status, "Confirmation needed", sentence)
        except TooMany as error:
            return problem(error.status, "Too many at once", str(error), retry_after=RETRY)
        except OperationError as error:
            return problem(error.status, "Not done", str(error))

    return careful


def targets(texts: Sequence[str]) -> list[Target]:
    """Convert `offer=42` to a target."""
    pairs = (text.partition("=") for text in texts)
    return [target_of(kind, identity) for kind, _, identity in pairs]


def selection(body: dict[str, Any]) -> Choice:
    """Return the selection: a body without `only` means everything; an empty list is refused with NothingSelected."""
    return Named(body["targets"]) if "targets" in body else EVERYTHING
