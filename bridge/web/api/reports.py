"""Reports: the state of feeds, differences from postbacks, and imports of history."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import g, request

from bridge.operations import OperationError, exports, feeds
from bridge.operations.feed_status import feed_states
from bridge.operations.report_backfill import backfills, fetch
from bridge.operations.report_imports import import_states, remove_import
from bridge.reports import postbacks
from bridge.reports.csv_import import ImportName, import_file
from bridge.reports.shadow_report import shadow_report
from bridge.sources.csv_file import CsvProblem
from bridge.store.feeds import FeedKey, Kind
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, one, page, picked, refusing
from bridge.web.api.schemas_in import (
    AccountQuery,
    AgreementQuery,
    ExportBody,
    FetchBody,
    ImportQuery,
    PageQuery,
    ShadowQuery,
)
from bridge.web.api.words import must_be_known
from bridge.web.request_context import services

blueprint = Blueprint("reports", "reports", description="What is read from Integr8")
CSV = {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}


@blueprint.get("/feeds")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.FeedRow))
def list_feeds(query: dict[str, Any]) -> dict[str, Any]:
    """List the feeds that are read from Integr8, and how far each is complete."""
    with services().store.read() as session:
        found = [
            picked(each, schemas_out_service.FeedRow)
            | {"bytes": each.size, "age_seconds": round(each.age.total_seconds()) if each.age is not None else None}
            for each in feed_states(session, services().clock())
        ]
    return listed(found, "feed", query)


@blueprint.get("/reports/agreement")
@needs(Role.VIEWER)
@blueprint.arguments(AgreementQuery, location="query")
@blueprint.response(200, thing(schemas_out_service.AgreementRow))
@refusing
def agreement(query: dict[str, Any]) -> dict[str, Any]:
    """Show where postbacks and reports differ, per hour and offer; a day by default."""
    must_be_known(account=query["account"], integration=query["integration"])
    until = query["end"] or services().clock()
    begin = query["start"] or until - timedelta(days=1)
    with services().store.read() as session:
        found = postbacks.compare(session, query["account"], query["integration"], begin, until)
    if found is None:
        raise OperationError("postbacks or conversions were never read")
    rows = [
        {"hour": each.hour, "offer": each.offer, "reports": each.reports, "postbacks": each.postbacks,
         "lost": each.lost}
        for each in found.differing
    ]  # fmt: skip
    return one({"reports": found.reports, "postbacks": found.postbacks, "differing": rows})


@blueprint.get("/reports/shadow")
@needs(Role.VIEWER)
@blueprint.arguments(ShadowQuery, location="query")
@blueprint.response(200, thing(schemas_out_service.ShadowRow))
@refusing
def shadow(query: dict[str, Any]) -> dict[str, Any]:
    """Compare what shadow rules would have done with what people did to the same targets within a day."""
    must_be_known(account=query["account"], rule=query["rule"])
    until = query["end"] or services().clock()
    begin = query["start"] or until - timedelta(days=7)
    with services().store.read() as session:
        found = shadow_report(session, query["account"], begin, until, rule=query["rule"])
    rows = [
        picked(each, schemas_out_service.WouldHaveRow)
        | {"lead_seconds": round(each.lead.total_seconds()) if each.lead is not None else None}
        for each in found.would_have
    ]
    missed = [picked(each, schemas_out_service.MissedRow) for each in found.missed]
    counts = {"same": found.count("same"), "opposite": found.count("opposite"), "nobody": found.count("nobody")}
    return one({"would_have": rows, "paused_by_hand_only": missed, **counts})


@blueprint.post("/reports/poll")
@needs(Role.OPERATOR)
@blueprint.response(202, thing(schemas_out_service.AskedRow))
def poll() -> dict[str, Any]:
    """Let the workers read every feed now. A feed that waits already is not requested again."""
    with services().store.write() as session:
        asked = feeds.ask_all(session, services(), services().clock())
    services().queue.wake("reports.poll")
    return one({"feeds": asked})


@blueprint.post("/reports/exports")
@needs(Role.OPERATOR)
@blueprint.arguments(ExportBody)
@blueprint.response(202, thing(schemas_out_service.ExportRow))
@refusing
def start_export(body: dict[str, Any]) -> dict[str, Any]:
    """Let Integr8's download centre write a CSV. Ten a day are allowed; the eleventh is refused with 409."""
    account, integration = body.pop("account"), body.pop("integration")
    begun = exports.begin(services(), account, integration, **body)
    left = exports.exporter(services(), account, integration).budget().left
    return one({"id": begun, "status": "PENDING", "rows": None, "url": None, "left_today": left})


@blueprint.get("/reports/exports/<export_id>")
@needs(Role.OPERATOR)
@blueprint.arguments(AccountQuery, location="query")
@blueprint.response(200, thing(schemas_out_service.ExportRow))
@refusing
def show_export(query: dict[str, Any], export_id: str) -> dict[str, Any]:
    """Show the progress of an export, and the address of its file once it exists. Ask again every few seconds."""
    account, integration = query["account"], query["integration"]
    found = exports.status(services(), account, integration, export_id)
    left = exports.exporter(services(), account, integration).budget().left
    return one(picked(found, schemas_out_service.ExportRow) | {"left_today": left})


@blueprint.post("/reports/import")
@needs(Role.OPERATOR)
@blueprint.arguments(ImportQuery, location="query")
@blueprint.doc(requestBody=CSV)
@blueprint.response(200, thing(schemas_out_service.ImportedRow))
@refusing
def import_report(query: dict[str, Any]) -> dict[str, Any]:
    """Add the rows of a CSV, up to 8 MB, to the observations. A repeated upload counts nothing twice."""
    key = FeedKey(account=query["account"], integration=query["integration"], kind=Kind(query["kind"]))
    if key.account not in services().settings.accounts:
        raise OperationError(f"account {key.account}: not in bridge.yaml")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(request.get_data())
        file.flush()
        try:
            found = import_file(
                services().store,
                key,
                Path(file.name),
                now=services().clock(),
                start=query["start"],
                end=query["end"],
                seen_column=query["seen_column"],
                name=ImportName(query["name"] or "api", "", g.who),
            )
        except CsvProblem as error:
            raise OperationError(f"the CSV: {error}") from error
    return one(
        {
            "id": found.id,
            "rows": found.rows,
            "new": found.new,
            "changed": found.changed,
            "refused": list(found.refused),
            "refused_rows": found.refused_rows,
            "left_out": found.summed,
            "joined": found.apart is None,
            "notes": list(found.notes),
        }
    )


@blueprint.post("/reports/fetch")
@needs(Role.OPERATOR)
@blueprint.arguments(FetchBody)
@blueprint.response(202, listing(schemas_out_service.BackfillRow))
@refusing
def fetch_reports(body: dict[str, Any]) -> dict[str, Any]:
    """Let the workers read the days before the known ones from Integr8. A repeated request shows the progress."""
    found = fetch(services(), body["days"], account=body["account"], who=g.who, now=services().clock())
    rows = [picked(each, schemas_out_service.BackfillRow) for each in found]
    return page(rows, len(rows), "kind")


@blueprint.get("/reports/fetch")
@needs(Role.VIEWER)
@blueprint.response(200, listing(schemas_out_service.BackfillRow))
def show_fetching() -> dict[str, Any]:
    """Show how far back each feed reaches, and what is being read before it."""
    rows = [picked(each, schemas_out_service.BackfillRow) for each in backfills(services())]
    return page(rows, len(rows), "kind")


@blueprint.get("/reports/imports")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.ReportImportRow))
def list_imports(query: dict[str, Any]) -> dict[str, Any]:
    """List imports of report rows, the newest first."""
    with services().store.read() as session:
        found = [picked(each, schemas_out_service.ReportImportRow) for each in import_states(session)]
    return listed(found, "id", query)


@blueprint.delete("/reports/imports/<int:import_id>")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_service.RemovedImportRow))
@refusing
def remove_report_import(import_id: int) -> dict[str, Any]:
    """Remove the rows of an import. Rows that it changed are restored; rows that polling read since stay."""
    facts = remove_import(services().store, import_id, by=g.who, now=services().clock())
    return one({"id": import_id, "facts": facts})
