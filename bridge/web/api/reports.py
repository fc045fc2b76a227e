"""Reports: what was read from Integr8 and how far, where postbacks differ, and history from a file."""

import csv
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from flask import request
from flask_smorest import Blueprint

from bridge.data import postbacks
from bridge.data.importing import import_file
from bridge.operations import OperationError
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind
from bridge.store.people import Role
from bridge.web.access import needs
from bridge.web.api import houserows
from bridge.web.api.answers import listed, one, refusing
from bridge.web.api.kinds import listing, thing
from bridge.web.api.shapes import AgreementQuery, ImportQuery, PageQuery
from bridge.web.current import house

blueprint = Blueprint("reports", "reports", description="What is read from Integr8")
CSV = {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}


@blueprint.get("/feeds")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(houserows.FeedRow))
def list_feeds(query: dict[str, Any]) -> dict[str, Any]:
    """What is read from Integr8, and how far it is complete."""
    now = house().clock()
    with house().store.read() as session:
        found = [
            {
                "feed": feed.name,
                "complete_from": feed.since,
                "as_of": feed.as_of,
                "age_seconds": round((now - feed.as_of).total_seconds()) if feed.as_of else None,
                "problem": feed.problem,
            }
            for feed in feeds.everything(session)
        ]
    return listed(found, "feed", query)


@blueprint.get("/reports/agreement")
@needs(Role.VIEWER)
@blueprint.arguments(AgreementQuery, location="query")
@blueprint.response(200, thing(houserows.AgreementRow))
@refusing
def agreement(query: dict[str, Any]) -> dict[str, Any]:
    """Where postbacks and reports differ, per hour and offer; a day by default."""
    until = query["end"] or house().clock()
    begin = query["start"] or until - timedelta(days=1)
    with house().store.read() as session:
        found = postbacks.compare(session, query["account"], query["integration"], begin, until)
    if found is None:
        raise OperationError("one of the two was never read: postbacks or conversions")
    rows = [
        {"hour": each.hour, "offer": each.offer, "reports": each.reports, "postbacks": each.postbacks,
         "lost": each.lost}
        for each in found.differing
    ]  # fmt: skip
    return one({"reports": found.reports, "postbacks": found.postbacks, "differing": rows})


@blueprint.post("/reports/import")
@needs(Role.OPERATOR)
@blueprint.arguments(ImportQuery, location="query")
@blueprint.doc(requestBody=CSV)
@blueprint.response(200, thing(houserows.ImportedRow))
@refusing
def import_report(query: dict[str, Any]) -> dict[str, Any]:
    """Add the rows of a CSV, up to 8 MB, to the observations. Sent again, it counts nothing twice."""
    key = FeedKey(account=query["account"], integration=query["integration"], kind=Kind(query["kind"]))
    if key.account not in house().settings.accounts:
        raise OperationError(f"account {key.account}: there is none in bridge.yaml")
    with tempfile.NamedTemporaryFile(suffix=".csv") as file:
        file.write(request.get_data())
        file.flush()
        try:
            found = import_file(
                house().store, key, Path(file.name), now=house().clock(), start=query["start"], end=query["end"]
            )
        except (ValueError, csv.Error) as error:
            raise OperationError(f"the CSV: {str(error).replace(file.name, 'it')}") from error
    told = {"rows": found.rows, "new": found.new, "changed": found.changed, "refused": list(found.refused)}
    return one(told | {"joined": found.apart is None})
