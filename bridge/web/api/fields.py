"""Field types and wrappers of answers, with their descriptions for the OpenAPI document."""

from collections.abc import Callable
from functools import cache
from typing import Any

from marshmallow import Schema, fields

from bridge.web.api.plain_values import plain

AT = "2026-11-24T10:15:00+00:00"


class Free(fields.Field[Any]):
    """A value of any form: a body, a trace, a field of Integr8."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **kwargs: Any) -> Any:  # noqa: ARG002
        return plain(value)


class SchemaRow(Schema):
    schema = Free(metadata={"description": "JSON Schema, draft 2020-12"})


def when(text: str = "") -> fields.AwareDateTime:
    return fields.AwareDateTime(allow_none=True, metadata=_about(text, AT))


def word(text: str = "", example: str | None = None) -> fields.String:
    return fields.String(allow_none=True, metadata=_about(text, example))


def whole(text: str = "", example: int | None = None) -> fields.Integer:
    return fields.Integer(allow_none=True, metadata=_about(text, example))


def number(text: str = "", example: float | None = None) -> fields.Float:
    return fields.Float(allow_none=True, metadata=_about(text, example))


def money(text: str = "") -> fields.Decimal:
    return fields.Decimal(as_string=True, allow_none=True, metadata=_about(text, "12.50"))


def truth(text: str = "") -> fields.Boolean:
    return fields.Boolean(allow_none=True, metadata=_about(text, None))


def words(text: str = "") -> fields.List[Any]:
    return fields.List(fields.String(), metadata=_about(text, None))


def old(kind: Callable[..., fields.Field[Any]], new: str) -> fields.Field[Any]:
    """Return the former name of the field `new`; the view returns both (`bridge.config.renamed.with_old_names`)."""
    made = kind()
    made.metadata = old_name(new)
    return made


def old_name(new: str) -> dict[str, Any]:
    """Return the OpenAPI text about a field that is now called `new`."""
    return {"description": f"The old name of `{new}`; gone in the next version.", "deprecated": True}


def counts(text: str = "") -> fields.Dict:
    return fields.Dict(keys=fields.String(), values=fields.Integer(), metadata=_about(text, None))


def _about(text: str, example: Any) -> dict[str, Any]:
    return ({"description": text} if text else {}) | ({"examples": [example]} if example is not None else {})


@cache
def listing(row: type[Schema]) -> type[Schema]:
    """Return the schema of a page of such rows."""
    description = "give it as `after`; null on the last page"
    return Schema.from_dict(
        {
            "data": fields.List(fields.Nested(row), required=True),
            "next": fields.String(allow_none=True, required=True, metadata={"description": description}),
        },
        name=f"{row.__name__}Page",
    )


@cache
def thing(row: type[Schema]) -> type[Schema]:
    """Return the schema of one of them, or of the result of an action."""
    return Schema.from_dict({"data": fields.Nested(row, required=True)}, name=f"{row.__name__}Answer")
