"""Schemas of the sections of bridge.yaml. `bridge.config.settings` reads the file."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marshmallow import ValidationError, fields, post_load, validate

from bridge.sources.strict_schema import StrictSchema
from rules.model.revision import ALWAYS_KEPT, DECLARABLE
from rules.model.spelling import did_you_mean, listed

#: What a column of a look-up table may be declared as.
TYPES = ("number", "money", "percent", "text", "boolean", "key", "from", "to")


@dataclass(frozen=True, slots=True)
class Rate:
    """Integr8's limit for one API key. `burst`: the largest number of calls in one second; None: `per_second`."""

    per_second: float = 5.0
    burst: int | None = None


class PlainFloat(fields.Float):
    """A number as in rules: a text such as `0100` or `1_000`, which other readers accept, is refused."""

    def _validated(self, value: Any) -> Any:
        if isinstance(value, str) and not re.fullmatch(r"(0|[1-9][0-9]*)(\.[0-9]+)?", value):
            raise self.make_error("invalid", input=value)
        return super()._validated(value)


class RateSchema(StrictSchema):
    per_second = PlainFloat(load_default=5.0, validate=validate.Range(min=0, min_inclusive=False))
    burst = fields.Integer(load_default=None, allow_none=True, strict=True, validate=validate.Range(min=1))

    @post_load
    def build(self, data: dict[str, Any], **_: Any) -> Rate:
        return Rate(**data)


def _known_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValidationError(f"{name!r} is not an IANA time zone such as Europe/Berlin") from error


class Ids(fields.List[Any]):
    """Ids as opaque strings; YAML may hold them as numbers."""

    def __init__(self) -> None:
        super().__init__(fields.Raw())

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        return tuple(str(item) for item in super()._deserialize(value, attr, data, **kwargs))


def _without_extras(url: str) -> None:
    """Refuse an address with ? or #: paths of operations are appended to it."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for one that there cannot be
    except ValueError:
        raise ValidationError("an address whose port is no number from 0 to 65535") from None
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValidationError("an address with ? or #; write only https://host/path")
    if parts.username or parts.password:
        raise ValidationError("a user name or password in the address; the key belongs in `api_key`")


#: Names of accounts and integrations stand in keys of due slots, in addresses and in metrics.
NAME = validate.Regexp(r"[A-Za-z0-9][A-Za-z0-9_.-]*\Z", error="a name has letters, digits, _ . and - only")


class AccountSchema(StrictSchema):
    base_url = fields.Url(required=True, require_tld=False, schemes={"http", "https"}, validate=_without_extras)
    api_key = fields.String(required=True, validate=validate.Length(min=1))
    integrations = fields.Dict(
        keys=fields.String(validate=NAME), values=fields.String(), required=True, validate=validate.Length(min=1)
    )
    rate = fields.Nested(RateSchema, load_default=Rate)
    timezone = fields.String(load_default="UTC", validate=_known_zone)
    currency = fields.String(load_default="USD", validate=validate.Length(equal=3))
    protected = fields.Dict(keys=fields.String(), values=Ids(), load_default=dict)
    routes = fields.Dict(keys=fields.String(), values=fields.String(), load_default=dict)
    rejection_url = fields.String(load_default=None)
    poll = fields.Dict(keys=fields.String(), values=fields.Raw(), load_default=dict)
    queues = fields.String(
        load_default="shared", validate=validate.OneOf(["shared", "own"], error="may be shared or own")
    )
    false_incidents = PlainFloat(load_default=1.0, validate=validate.Range(min=0.01, max=1000))


class KeepSchema(StrictSchema):
    """For how many days observations are kept: row by row, then as sums per hour."""

    rows = fields.Integer(load_default=95, strict=True, validate=validate.Range(min=7))
    observations = fields.Integer(load_default=800, strict=True, validate=validate.Range(min=7))


class Names(fields.Field[tuple[str, ...]]):
    """One name or a list of them."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        del attr, data, kwargs
        found = [value] if isinstance(value, str) else value
        if not isinstance(found, list) or not all(isinstance(item, str) and item for item in found):
            raise ValidationError("write a name or a list of names")
        return tuple(dict.fromkeys(found))


class DimensionNames(Names):
    """The dimensions that are kept in addition to the standard ones."""

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> tuple[str, ...]:
        found = super()._deserialize(value, attr, data, **kwargs)
        for name in found:
            if name in ALWAYS_KEPT:
                raise ValidationError(f"{name} is always kept; leave it out")
            if name not in DECLARABLE:
                raise ValidationError(f"'{name}' is not one of {listed(DECLARABLE)}{did_you_mean(name, DECLARABLE)}")
        return found


class BudgetSchema(StrictSchema):
    """The largest number of changes in a day or a month, for all rules that name the budget."""

    effects = fields.Integer(required=True, strict=True, validate=validate.Range(min=1))
    per = fields.String(required=True, validate=validate.OneOf(("day", "month"), error="write day or month"))


class NoticesSchema(StrictSchema):
    """Channels that are notified of problems of the service: halts, stalled feeds, broken rules, dead letters."""

    operations = Names(load_default=())


class MetricsSchema(StrictSchema):
    """The token of /metrics; without one, everybody who reaches it can read it."""

    token = fields.String(load_default=None)


class FileSchema(StrictSchema):
    accounts = fields.Dict(keys=fields.String(validate=NAME), values=fields.Dict(), load_default=dict)
    sources = fields.Dict(keys=fields.String(), values=fields.Dict(), load_default=dict)
    channels = fields.Dict(keys=fields.String(), values=fields.Dict(), load_default=dict)
    tables = fields.Dict(
        keys=fields.String(),
        values=fields.Dict(
            keys=fields.String(),
            values=fields.String(
                validate=validate.OneOf(TYPES, error=f"a column is one of {', '.join(TYPES)}"),
            ),
        ),
        load_default=dict,
    )
    budgets = fields.Dict(keys=fields.String(validate=NAME), values=fields.Nested(BudgetSchema), load_default=dict)
    dimensions = DimensionNames(load_default=())
    notices = fields.Nested(NoticesSchema, load_default=lambda: NoticesSchema().load({}))
    http = fields.Dict(keys=fields.String(), load_default=dict)
    keep = fields.Nested(KeepSchema, load_default=lambda: KeepSchema().load({}))
    trusted_proxies = fields.List(fields.String(), load_default=list)
    public_url = fields.String(load_default=None)
    login = fields.Dict(keys=fields.String(), load_default=dict)
    metrics = fields.Nested(MetricsSchema, load_default=lambda: MetricsSchema().load({}))
