"""Command line options made from the fields of a schema, and texts of the command line read as its values."""

import json
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

import click
from marshmallow import Schema, fields, validate

from bridge.cli.choice import Choice
from rules.model.input_values import number_of

LIST_MARK = ";"  # between the values of one CSV cell


class Number(click.ParamType["Decimal"]):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return number_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Json(click.ParamType["Any"]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"is not JSON: {error}", param, ctx)


def dashed(name: str) -> str:
    return name.replace("_", "-")


def field_options(schema: type[Schema], *, leave_out: Iterable[str] = ("password",)) -> list[click.Option]:
    """Return one option per field. No option is required here: the schema itself reports missing fields."""
    return [_option(name, field) for name, field in schema().fields.items() if name not in set(leave_out)]


def _option(name: str, field: "fields.Field[Any]") -> click.Option:
    flag = f"--{dashed(name)}"
    help_text = "required" if field.required else None
    if isinstance(field, fields.Boolean):
        return click.Option([f"{flag}/--no-{dashed(name)}", name], default=None, help=help_text)
    if isinstance(field, fields.List):
        return click.Option([flag, name], multiple=True, type=_type(field.inner), help="may be given several times")
    return click.Option([flag, name], type=_type(field), default=None, help=help_text)


def _type(field: "fields.Field[Any]") -> Any:
    choices = next((one.choices for one in field.validators if isinstance(one, validate.OneOf)), None)
    if choices:
        return Choice(list(choices))
    if isinstance(field, fields.Integer):
        return click.INT
    if isinstance(field, fields.Decimal):
        return Number()
    if isinstance(field, fields.Nested | fields.Dict):
        return Json()
    return click.STRING


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that were given: options that were left out are not sent."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def cell(field: "fields.Field[Any] | None", text: str) -> Any:
    """Convert a cell of a CSV file to the field's value. Raises ValueError with a readable text."""
    if isinstance(field, fields.Boolean):
        if text.lower() not in {"true", "false"}:
            raise ValueError("must be true or false")
        return text.lower() == "true"
    if isinstance(field, fields.List):
        return [part.strip() for part in text.split(LIST_MARK) if part.strip()]
    if isinstance(field, fields.Integer):
        return int(text) if text.lstrip("-").isdecimal() else text
    if isinstance(field, fields.Decimal):
        return number_of(text)
    if isinstance(field, fields.Nested | fields.Dict):
        return json.loads(text, parse_float=Decimal)
    return text


def filters(pairs: Iterable[str]) -> dict[str, str]:
    """Convert `active=true`, `results_meta.total[gte]=5` to query parameters."""
    query = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        field, bracket, operator = name.partition("[")
        if not mark or not field:
            raise click.UsageError(f"--filter {pair}: write field=value or field[gte]=value")
        query[f"filter[{field}]" + (bracket + operator if bracket else "")] = value
    return query
