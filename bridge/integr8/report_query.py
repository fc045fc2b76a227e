"""The query of reports and downloads: time range, filters, columns."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from bridge.integr8.body_types import ReportFilter
from bridge.integr8.errors import InvalidCall
from bridge.integr8.filters import filter_query
from bridge.integr8.query_schemas import round_up


def report_query(
    name: str,
    start: datetime,
    end: datetime,
    *,
    narrowed: ReportFilter | None,
    integration: str | None,
    sort: Any,
) -> dict[str, Any]:
    """Return the parameters of a report without those of its page. Raises InvalidCall if a sort is wanted."""
    if sort is not None:
        raise InvalidCall(name, {"sort": "reports cannot be sorted; their rows always come newest first"})
    query = _span(start, end) | _narrowed(narrowed)
    return query if integration is None else query | {"integration_id": integration}


def download_query(
    name: str,
    start: datetime,
    end: datetime,
    *,
    fields: Sequence[str],
    extra_parameters: Sequence[str] | None = None,
    narrowed: ReportFilter | None = None,
    delimiter: str | None = None,
) -> dict[str, Any]:
    """Return the parameters of an export. Raises InvalidCall if a single text is given instead of names."""
    if isinstance(fields, str) or isinstance(extra_parameters, str):
        raise InvalidCall(name, {"fields": "must be a list of column names"})
    query = _span(start, end) | _narrowed(narrowed) | {"fields": ",".join(fields), "delimiter": delimiter}
    return query if extra_parameters is None else query | {"extra_parameters": ",".join(extra_parameters)}


def _span(start: datetime, end: datetime) -> dict[str, Any]:
    return {"start_time": start, "end_time": round_up(end)}


def _narrowed(narrowed: ReportFilter | None) -> dict[str, Any]:
    wanted: Mapping[str, Any] = narrowed or {}
    return filter_query({key: _text(value) for key, value in wanted.items()})


def _text(value: Any) -> Any:
    """Return an id as text; anything but a single value stays unchanged, and is refused later."""
    return value if value is None or isinstance(value, Mapping) else str(value)
