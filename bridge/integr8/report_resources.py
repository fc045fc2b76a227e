"""Reports, downloads and exports of the client.

Every method is one flow; `resources` says what lanes are and which errors come.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from bridge.integr8 import report_query
from bridge.integr8.body_types import ReportFilter
from bridge.integr8.core import Row
from bridge.integr8.filters import Filter, filter_query
from bridge.integr8.page_iterator import Listing
from bridge.integr8.pagination import Cursor, Numbered
from bridge.integr8.query_schemas import PAGE_SIZE_MAX
from bridge.integr8.rate_limiter import Priority
from bridge.integr8.resources import Resource


class Reports(Resource):
    """The three row tables, always newest first. `start` and `end` are aware datetimes."""

    def clicks(
        self,
        start: datetime,
        end: datetime,
        *,
        filter: ReportFilter | None = None,  # noqa: A002
        after: str | None = None,
        before: str | None = None,
        size: int = PAGE_SIZE_MAX,
        integration: str | None = None,
        sort: None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return clicks by `request_time`. See `conversions`."""
        name = "reports.clicks"
        query = report_query.report_query(name, start, end, narrowed=filter, integration=integration, sort=sort)
        return self._report(name, query, Cursor(name, size=size, after=after, before=before), priority)

    def conversions(
        self,
        start: datetime,
        end: datetime,
        *,
        filter: ReportFilter | None = None,  # noqa: A002
        after: str | None = None,
        before: str | None = None,
        size: int = PAGE_SIZE_MAX,
        integration: str | None = None,
        sort: None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return conversions by `conversion_time`, newest first.

        `after=cursor` continues towards older rows, `before=cursor` towards newer ones; both at once are refused, and
        so is any `sort`: Integr8 does not sort reports.
        """
        name = "reports.conversions"
        query = report_query.report_query(name, start, end, narrowed=filter, integration=integration, sort=sort)
        return self._report(name, query, Cursor(name, size=size, after=after, before=before), priority)

    def impressions(
        self,
        start: datetime,
        end: datetime,
        *,
        filter: ReportFilter | None = None,  # noqa: A002
        after: str | None = None,
        before: str | None = None,
        size: int = PAGE_SIZE_MAX,
        integration: str | None = None,
        sort: None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return impressions by `request_time`. See `conversions`."""
        name = "reports.impressions"
        query = report_query.report_query(name, start, end, narrowed=filter, integration=integration, sort=sort)
        return self._report(name, query, Cursor(name, size=size, after=after, before=before), priority)

    def _report(self, name: str, query: dict[str, Any], paging: Cursor, priority: Priority | None) -> Listing:
        return self._listing(name, paging, {}, query, priority)


class Downloads(Resource):
    """Starting an export. At most ten a day are allowed: `Exporter` keeps count, these methods do not."""

    def clicks(
        self,
        start: datetime,
        end: datetime,
        *,
        fields: Sequence[str],
        extra_parameters: Sequence[str] = (),
        filter: ReportFilter | None = None,  # noqa: A002
        delimiter: str | None = None,
        integration: str | None = None,
        priority: Priority | None = None,
    ) -> Row:
        """Start an export of clicks by `request_time`; returns the export object. Never repeated blindly."""
        name = "downloads.clicks"
        query = report_query.download_query(
            name, start, end, fields=fields, extra_parameters=extra_parameters, narrowed=filter, delimiter=delimiter
        )
        return self._start(name, query, integration, priority)

    def conversions(
        self,
        start: datetime,
        end: datetime,
        *,
        fields: Sequence[str],
        extra_parameters: Sequence[str] = (),
        filter: ReportFilter | None = None,  # noqa: A002
        delimiter: str | None = None,
        integration: str | None = None,
        priority: Priority | None = None,
    ) -> Row:
        """Start an export of conversions by `conversion_time`."""
        name = "downloads.conversions"
        query = report_query.download_query(
            name, start, end, fields=fields, extra_parameters=extra_parameters, narrowed=filter, delimiter=delimiter
        )
        return self._start(name, query, integration, priority)

    def impressions(
        self,
        start: datetime,
        end: datetime,
        *,
        fields: Sequence[str],
        extra_parameters: Sequence[str] = (),
        filter: ReportFilter | None = None,  # noqa: A002
        delimiter: str | None = None,
        integration: str | None = None,
        priority: Priority | None = None,
    ) -> Row:
        """Start an export of impressions by `request_time`."""
        name = "downloads.impressions"
        query = report_query.download_query(
            name, start, end, fields=fields, extra_parameters=extra_parameters, narrowed=filter, delimiter=delimiter
        )
        return self._start(name, query, integration, priority)

    def postback_logs(
        self,
        start: datetime,
        end: datetime,
        *,
        fields: Sequence[str],
        delimiter: str | None = None,
        integration: str | None = None,
        priority: Priority | None = None,
    ) -> Row:
        """Start an export of the postback log."""
        name = "downloads.postback_logs"
        query = report_query.download_query(name, start, end, fields=fields, delimiter=delimiter)
        return self._start(name, query, integration, priority)

    def _start(self, name: str, query: dict[str, Any], integration: str | None, priority: Priority | None) -> Row:
        path = {} if integration is None else {"integrationID": integration}
        row: Row = self._runner.run(self._runner.context.call(name, path=path, query=query, priority=priority))
        return row


class Exports(Resource):
    """The Download Center: what has been exported, and where its files are."""

    def list(
        self,
        filter: Filter | None = None,  # noqa: A002
        *,
        size: int = PAGE_SIZE_MAX,
        start: str | int | None = None,
        priority: Priority | None = None,
    ) -> Listing:
        """Return every export, lazily. `filter={"status": "COMPLETED"}`, `{"results_meta.total": {"gte": 1}}`."""
        paging = Numbered("exports.list", size=size, start=start)
        return self._listing("exports.list", paging, {}, filter_query(filter), priority)

    def get(self, id: str, *, priority: Priority | None = None) -> Row:  # noqa: A002
        """Return one export object. Raises NotFound."""
        row: Row = self._runner.run(self._runner.context.call("exports.get", path={"exportID": id}, priority=priority))
        return row

    def delete(self, id: str, *, priority: Priority | None = None) -> None:  # noqa: A002
        """Delete an export and its file. Raises NotFound."""
        self._runner.run(self._runner.context.call("exports.delete", path={"exportID": id}, priority=priority))

    def url(self, artifact_name: str, *, priority: Priority | None = None) -> str:
        """Return the signed address of an export's file. It is short-lived and opens the file to whoever has it."""
        query = {"artifact_name": artifact_name}
        return str(self._runner.run(self._runner.context.call("exports.url", query=query, priority=priority)))

    def shared_url(self, artifact_name: str, token: str | None = None, *, priority: Priority | None = None) -> str:
        """Return the signed address of a shared report's file. Needs no API key, and none is sent."""
        query = {"artifact_name": artifact_name, "token": token}
        return str(self._runner.run(self._runner.context.call("exports.shared_url", query=query, priority=priority)))
