"""The service itself: overview, feeds, calls, audit, halt and resume."""

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import g
from flask_smorest import Blueprint

from bridge.operations.consuming import consumption
from bridge.store import feeds, holds, journal, ledger, runs, upkeep
from bridge.store.ledger import Call
from bridge.store.people import Role
from bridge.store.upkeep import Audit
from bridge.web.access import needs
from bridge.web.api.answers import newest, one, page
from bridge.web.api.shapes import Page, PageQuery, Thing, WhyBody
from bridge.web.current import house
from bridge.web.health import checks

blueprint = Blueprint("service", "service", description="The service itself")
CALL = ("id", "account", "operation", "targets", "started_at", "ended_at", "outcome", "status", "error")
AUDIT = ("id", "at", "who", "what", "about", "detail")


@blueprint.get("/overview")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
def overview() -> dict[str, Any]:
    """What happened in the last 24 hours, what waits, what is wrong."""
    now = datetime.now(UTC)
    with house().store.read() as session:
        found = {
            "events": journal.counts(session),
            "runs": runs.counts(session, now - timedelta(hours=24)),
            "effects": ledger.counts(session),
            "waiting": ledger.count_waiting(session),
            "holds": holds.count_active(session),
        }
    return one(found | {"checks": checks(house(), now)})


@blueprint.get("/sources")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
def list_sources() -> dict[str, Any]:
    """Who may send webhooks, and how each proves itself."""
    rows = [
        {"source": name, "proof": found.way, "format": found.format, "path": f"/hooks/{name}",
         "warnings": list(found.warnings)}
        for name, found in sorted(house().sources.items())
    ]  # fmt: skip
    return page(rows, len(rows), "source")


@blueprint.get("/feeds")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
def list_feeds() -> dict[str, Any]:
    """What is read from Integr8, and how far it is complete."""
    now = datetime.now(UTC)
    with house().store.read() as session:
        rows = [
            {
                "feed": feed.name,
                "as_of": feed.as_of,
                "age_seconds": round((now - feed.as_of).total_seconds()) if feed.as_of else None,
                "problem": feed.problem,
            }
            for feed in feeds.everything(session)
        ]
    return page(rows, len(rows), "feed")


@blueprint.get("/usage")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
def usage() -> dict[str, Any]:
    """Requests to Integr8 in the last 24 hours, by hour and by operation, and the exports left of each account."""
    with house().store.read() as session:
        found = consumption(session, house().settings.accounts, datetime.now(UTC))
    return one(
        {
            "hours": [asdict(hour) for hour in found.hours],
            "operations": [asdict(each) | {"failed": each.failed} for each in found.operations],
            "exports": [
                {"account": name, "limit": left.limit, "left": left.left, "next_free": left.next_free}
                for name, left in found.exports.items()
            ],
        }
    )


@blueprint.get("/calls")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, Page)
def list_calls(query: dict[str, Any]) -> dict[str, Any]:
    """Requests to Integr8, newest first."""
    return newest(Call, CALL, query)


@blueprint.get("/audit")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, Page)
def list_audit(query: dict[str, Any]) -> dict[str, Any]:
    """Who did what, newest first."""
    return newest(Audit, AUDIT, query)


@blueprint.post("/halt")
@needs(Role.OPERATOR)
@blueprint.arguments(WhyBody)
@blueprint.response(200, Thing)
def halt(body: dict[str, Any]) -> dict[str, Any]:
    """Let no effect leave the house until resume."""
    with house().store.write() as session:
        found = upkeep.halt(session, by=g.who, why=body["why"], now=datetime.now(UTC))
        return one({"since": found.since, "by": found.by, "why": found.why})


@blueprint.post("/resume")
@needs(Role.OPERATOR)
@blueprint.response(200, Thing)
def resume() -> dict[str, Any]:
    """End the halt. Nothing happens when none is on."""
    with house().store.write() as session:
        ended = upkeep.resume(session, by=g.who, now=datetime.now(UTC))
        return one({"was_halted": ended is not None})
