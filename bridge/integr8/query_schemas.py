"""The query of each kind of operation, as marshmallow schemas.

The keys are those of the wire (`page[size]`), so a schema serves three readers alike: the client before it
sends, a server double that checks what it got, and the OpenAPI document. Anything else is refused.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from marshmallow import INCLUDE, RAISE, Schema, ValidationError, fields, validate, validates_schema

from bridge.integr8.schemas import EXPORT_STATES, EXPORT_TYPES, Text

PAGE_SIZE_MAX = 100  # "The API max limit is 100"; for reports too
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"  # the reference writes it the Go way: 2006-01-02 15:04:05
STATUSES = ("Approved", "Rejected")  # the interface also knows Pending, which this filter does not document
# The operators that the reference uses itself. It hints at others and names none.
FILTER_OPERATORS = ("eq", "gte", "lte")
#: Operators that Integr8 does not have and that people try.
FOREIGN_OPERATORS = frozenset(
    {
        *("ne", "neq", "not", "in", "nin", "notin", "not_in", "between", "eq", "equals", "lt", "lte", "gt", "gte"),
        *("like", "ilike", "nlike", "contains", "contain", "starts", "startswith", "starts_with", "regex"),
        *("ends", "endswith", "ends_with", "is", "isnull", "is_null", "null", "exists"),
        *("=", "!=", "<", ">", "<=", ">="),
    }
)
FILTER_KEY = re.compile(r"filter\[(?P<field>\w+(?:\.\w+)*)\](?:\[(?P<operator>\w+)\])?")
SORT = r"^-?\w+(\.\w+)*(,-?\w+(\.\w+)*)*$"
# What a generator of requests should make; months of 28 days spare it the calendar.
TIME_PATTERN = r"^20\d\d-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8]) ([01]\d|2[0-3]):[0-5]\d:[0-5]\d$"


class Moment(fields.String):
    """An aware datetime, or a text in the wire's format that means UTC."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> str:
        if isinstance(value, datetime):
            return _wire_time(value)
        text = super()._deserialize(value, *args, **kwargs)
        try:
            parsed = datetime.strptime(text or "", TIME_FORMAT).replace(tzinfo=UTC)
        except ValueError:
            raise ValidationError("must look like 2026-01-31 23:59:59") from None
        return parsed.strftime(TIME_FORMAT)


def _wire_time(value: datetime) -> str:
    if value.tzinfo is None:
        raise ValidationError("needs a time zone; an aware datetime is expected")
    return value.astimezone(UTC).strftime(TIME_FORMAT)


def round_up(moment: datetime) -> datetime:
    """Return the next full second: the wire has no fractions, and the end of a range must not lose its last rows."""
    return moment.replace(microsecond=0) + timedelta(seconds=1) if moment.microsecond else moment


class Query(Schema):
    class Meta:
        unknown = RAISE


class ListQuery(Query):
    """Numbered pages; any `filter[field][operator]`; `sort`. For everything except reports."""

    class Meta:
        unknown = INCLUDE

    page_number = fields.Integer(data_key="page[number]", validate=validate.Range(min=1))
    page_size = fields.Integer(data_key="page[size]", validate=validate.Range(min=1, max=PAGE_SIZE_MAX))
    sort = fields.String(validate=validate.Regexp(SORT, error="must look like -name,id"))

    @validates_schema(pass_original=True, skip_on_field_errors=False)
    def only_filters(self, _data: Mapping[str, Any], original: Mapping[str, Any], **_: Any) -> None:
        declared = {field.data_key or name for name, field in self.fields.items()}
        unknown = {key: problem for key in original if key not in declared and (problem := _filter_problem(key))}
        if unknown:
            raise ValidationError(unknown)


def _filter_problem(key: str) -> str | None:
    match = FILTER_KEY.fullmatch(key)
    if match is None:
        return "is not a parameter of a list; lists take page[number], page[size], sort and filter[field]"
    operator = match["operator"]
    dotted = match["field"].rpartition(".")
    if dotted[1] and operator is None and dotted[2].lower() in FOREIGN_OPERATORS:
        operator = dotted[2]  # `advertiser_id.ne` is not a field
        if operator in FILTER_OPERATORS:
            return f"an operator stands apart: filter[{dotted[0]}][{operator}]"
    if operator is not None and operator not in FILTER_OPERATORS:
        return f"unknown operator {operator!r}; known are {', '.join(FILTER_OPERATORS)}"
    return None


class SpanQuery(Query):
    """The time range of reports and downloads."""

    start_time = Moment(required=True, metadata={"pattern": TIME_PATTERN})
    end_time = Moment(required=True, metadata={"pattern": TIME_PATTERN})
    timezone = Text()

    @validates_schema
    def ordered(self, data: Mapping[str, Any], **_: Any) -> None:
        if data["start_time"] > data["end_time"]:
            raise ValidationError({"end_time": "lies before start_time"})


class ReportFilters(Query):
    filter_status = fields.String(data_key="filter[status]", validate=validate.OneOf(STATUSES))
    filter_offer_id = fields.String(data_key="filter[offer_id]")
    filter_publisher = fields.String(data_key="filter[publisher]")
    filter_advertiser = fields.String(data_key="filter[advertiser]")


class ReportQuery(SpanQuery, ReportFilters):
    """Cursor pages, newest first. There is no `sort`: the reference says that it is not supported."""

    integration_id = Text(required=True)
    page_size = fields.Integer(data_key="page[size]", required=True, validate=validate.Range(min=1, max=PAGE_SIZE_MAX))
    page_before = fields.String(data_key="page[before]")
    page_after = fields.String(data_key="page[after]")

    @validates_schema
    def one_direction(self, data: Mapping[str, Any], **_: Any) -> None:
        if "page_before" in data and "page_after" in data:
            raise ValidationError({"page[before]": "cannot stand beside page[after]"})


class PostbackLogQuery(SpanQuery):
    delimiter = fields.String(validate=validate.Length(equal=1))
    fields_ = fields.String(data_key="fields", required=True, validate=validate.Length(min=1))


class DownloadQuery(PostbackLogQuery, ReportFilters):
    """Parameters of a download.

    `fields` and `extra_parameters` are single strings; the comma between names is inferred.
    """

    extra_parameters = fields.String(required=True)  # required, and may be empty: no extra columns


_STORED = "filter[reports_query_option"


class ExportListQuery(Query):
    """The filters that the reference lists for the Download Center, and numbered pages."""

    page_number = fields.Integer(data_key="page[number]", validate=validate.Range(min=1))
    page_size = fields.Integer(data_key="page[size]", validate=validate.Range(min=1, max=PAGE_SIZE_MAX))
    sort = fields.String(validate=validate.Regexp(SORT, error="must look like -name,id"))
    offer_ids = fields.List(fields.String(), data_key=_STORED + ".filters.offer_id.equalvalues]")
    publishers = fields.List(fields.String(), data_key=_STORED + ".filters.publisher.equalvalues]")
    advertisers = fields.List(fields.String(), data_key=_STORED + ".filters.advertiser.equalvalues]")
    integration_ids = fields.List(fields.String(), data_key=_STORED + ".filters.integration_id.equalvalues]")
    start_date = fields.Date(data_key=_STORED + ".start_date]")
    end_date = fields.Date(data_key=_STORED + ".end_date]")
    # The reference's enums lack COMPLETED and two of the four types; Integr8's own handbook has COMPLETED.
    status = fields.String(data_key="filter[status]", validate=validate.OneOf(EXPORT_STATES))
    type = fields.String(data_key="filter[type]", validate=validate.OneOf(EXPORT_TYPES))
    total_gte = fields.Integer(data_key="filter[results_meta.total][gte]")
    total_lte = fields.Integer(data_key="filter[results_meta.total][lte]")
    duration_gte = fields.Integer(data_key="filter[results_meta.duration_seconds][gte]")
    duration_lte = fields.Integer(data_key="filter[results_meta.duration_seconds][lte]")


class ArtifactQuery(Query):
    artifact_name = Text(required=True)


class SharedArtifactQuery(ArtifactQuery):
    token = Text()  # "Required for guest access"; the operation sends no API key
