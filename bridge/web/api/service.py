"""The service itself: overview, calls, audit, halt and resume."""

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from flask import g

from bridge.operations.api_usage import consumption
from bridge.operations.check import check_home
from bridge.operations.doctor import examine, permissions, routes
from bridge.operations.halt import halt as halt_
from bridge.operations.halt import halted_parts, scope_of
from bridge.operations.halt import resume as resume_
from bridge.operations.health_checks import checks
from bridge.operations.search import search
from bridge.store import holds, journal, ledger, runs
from bridge.store.audit_log import Audit
from bridge.store.ledger import Call
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_decisions, schemas_out_service
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, newest, one, page, refusing
from bridge.web.api.schemas_in import AuditQuery, DoctorQuery, HaltBody, PageQuery, ResumeBody, SearchQuery
from bridge.web.api.words import must_be_known
from bridge.web.request_context import services

blueprint = Blueprint("service", "service", description="The service itself")


@blueprint.get("/overview")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_service.OverviewRow))
def overview() -> dict[str, Any]:
    """Show what happened in the last 24 hours, what waits, and what is wrong."""
    now = services().clock()
    with services().store.read() as session:
        found = {
            "events": journal.counts(session),
            "runs": runs.counts(session, now - timedelta(hours=24)),
            "effects": ledger.counts(session),
            "waiting": ledger.count_waiting(session),
            "holds": holds.count_active(session),
        }
    return one(found | {"checks": checks(services(), now)})


@blueprint.get("/search")
@needs(Role.VIEWER)
@blueprint.arguments(SearchQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.HitRow))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Find offers, publishers, advertisers, rules, runs and webhooks by id or name, the best hits first."""
    several = len(services().settings.accounts) > 1
    with services().store.read() as session:
        rules = services().library.current(session).revisions
        hits = search(session, query["text"], rules, several_accounts=several, every_event=query["every"])
    return page([asdict(hit) for hit in hits], len(hits), "address")


@blueprint.get("/usage")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_service.UsageRow))
def usage() -> dict[str, Any]:
    """Show requests to Integr8 in the last 24 hours, by hour and by operation, and the exports left of each account."""
    with services().store.read() as session:
        found = consumption(session, services().settings.accounts, services().clock())
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
@blueprint.response(200, listing(schemas_out_decisions.CallOfAccount))
def list_calls(query: dict[str, Any]) -> dict[str, Any]:
    """List requests to Integr8, newest first."""
    return newest(Call, schemas_out_decisions.CallOfAccount, query)


@blueprint.get("/audit")
@needs(Role.VIEWER)
@blueprint.arguments(AuditQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.AuditRow))
def list_audit(query: dict[str, Any]) -> dict[str, Any]:
    """List who did what, newest first."""
    must_be_known(who=query.get("who"), what=query.get("what"))
    found = [Audit.at >= query["since"]] if "since" in query else []
    return newest(Audit, schemas_out_service.AuditRow, query, *found, equal={"who": Audit.who, "what": Audit.what})


@blueprint.get("/check")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_service.FindingsRow))
def check() -> dict[str, Any]:
    """Check the present files: bridge.yaml, the rules and the tables."""
    found = check_home(services().settings.home)
    told = {"errors": found.errors, "warnings": found.warnings, "rules": found.rules}
    return one({"ok": not found.errors, **told})


@blueprint.get("/doctor")
@needs(Role.OPERATOR)
@blueprint.arguments(DoctorQuery, location="query")
@blueprint.response(200, thing(schemas_out_service.DoctorRow))
def doctor(query: dict[str, Any]) -> dict[str, Any]:
    """Check everything that the service needs; with `integr8`, also what each API key may read."""
    now = services().clock()
    found, paste = examine(services(), now, health=checks), []
    for name in services().settings.accounts:
        found += permissions(services(), name, now) if query["integr8"] else []
        if query["live"]:
            answered, text = routes(services(), name, now)
            found.append(answered)
            paste += [text] if text else []
    return one({"well": all(each["status"] != "fail" for each in found), "checks": found, "paste": paste})


@blueprint.post("/halt")
@needs(Role.OPERATOR)
@blueprint.arguments(HaltBody)
@blueprint.response(200, thing(schemas_out_service.HaltRow))
@refusing
def halt(body: dict[str, Any]) -> dict[str, Any]:
    """Halt everything, or one rule, account or advertiser, until resume: no effect is sent, no rule decides.

    Webhooks are still accepted; they wait.
    """
    why = body.pop("why")
    return one(halt_(services(), scope_of(services(), **body), who=g.who, why=why, now=services().clock()))


@blueprint.get("/halts")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_service.OpenHaltRow))
def list_halts(query: dict[str, Any]) -> dict[str, Any]:
    """List what is halted, the oldest halt first, and how much waits for resume."""
    with services().store.read() as session:
        return listed([asdict(each) for each in halted_parts(services(), session)], "id", query)


@blueprint.post("/resume")
@needs(Role.OPERATOR)
@blueprint.arguments(ResumeBody, required=False)
@blueprint.response(200, thing(schemas_out_service.ResumedRow))
@refusing
def resume(body: dict[str, Any] | None = None) -> dict[str, Any]:
    """End the halt of everything, or of what is named. Without a halt nothing happens.

    Events and due runs that waited are processed now, or dropped.
    """
    asked = dict(body or {})
    events = asked.pop("waiting", "decide")
    of = scope_of(services(), **asked)
    return one(resume_(services(), who=g.who, now=services().clock(), events=events, of=of))
