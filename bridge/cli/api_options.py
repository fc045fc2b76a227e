"""Command line options made from the fields of a schema, and texts of the command line read as its values."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

import click
from marshmallow import Schema, fields, validate

LIST_MARK = ";"  # between the values of one CSV cell
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Number(click.ParamType["Decimal"]):
    name = "number"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        try:
            return Decimal(str(value))
        except InvalidOperation:
            self.fail(f"{value!r} is no number", param, ctx)


class Json(click.ParamType["Any"]):
    name = "json"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return json.loads(value, parse_float=Decimal) if isinstance(value, str) else value
        except ValueError as error:
            self.fail(f"is no JSON: {error}", param, ctx)


class Span(click.ParamType["timedelta"]):
    """30m, 24h, 7d, 2w."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        amount, unit = value[:-1], UNITS.get(value[-1:])
        if unit is None or not amount.isdecimal():
            self.fail(f"{value!r} is no duration; write 30m, 24h, 7d or 2w", param, ctx)
        return timedelta(**{unit: int(amount)})


class Instant(click.ParamType["datetime"]):
    """2026-03-01, 2026-03-01T12:00 or 2026-03-01T12:00+02:00; without an offset it is UTC."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            moment = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-03-01T12:00 (UTC)", param, ctx)
        return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def dashed(name: str) -> str:
    return name.replace("_", "-")


def field_options(schema: type[Schema], *, leave_out: Iterable[str] = ("password",)) -> list[click.Option]:
    """One option per field. Nothing is required here: the schema itself says what is missing."""
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
        return click.Choice(list(choices))
    if isinstance(field, fields.Integer):
        return click.INT
    if isinstance(field, fields.Decimal):
        return Number()
    if isinstance(field, fields.Nested | fields.Dict):
        return Json()
    return click.STRING


def given(values: Mapping[str, Any]) -> dict[str, Any]:
    """What was really given: options that were left out are not sent."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in values.items()
        if value is not None and value != ()
    }


def cell(field: "fields.Field[Any] | None", text: str) -> Any:
    """A cell of a CSV file as the field's value. Raises ValueError in words."""
    if isinstance(field, fields.Boolean):
        if text.lower() not in {"true", "false"}:
            raise ValueError("must be true or false")
        return text.lower() == "true"
    if isinstance(field, fields.List):
        return [part.strip() for part in text.split(LIST_MARK) if part.strip()]
    if isinstance(field, fields.Integer):
        return int(text) if text.lstrip("-").isdecimal() else text
    if isinstance(field, fields.Decimal):
        try:
            return Decimal(text)
        except InvalidOperation:
            raise ValueError("must be a number") from None
    if isinstance(field, fields.Nested | fields.Dict):
        return json.loads(text, parse_float=Decimal)
    return text


def filters(pairs: Iterable[str]) -> dict[str, str]:
    """`active=true`, `results_meta.total[gte]=5` → query parameters."""
    query = {}
    for pair in pairs:
        name, mark, value = pair.partition("=")
        field, bracket, operator = name.partition("[")
        if not mark or not field:
            raise click.UsageError(f"--filter {pair}: write field=value or field[gte]=value")
        query[f"filter[{field}]" + (bracket + operator if bracket else "")] = value
    return query
