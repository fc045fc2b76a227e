"""Events: list, show, replay."""

from typing import Any

from flask import g
from sqlalchemy import select

from bridge.decisions.event_facts import shown
from bridge.operations import NotThere
from bridge.operations.csv_results import results
from bridge.operations.replay import cancel, matching, replay, settle_aside
from bridge.store.journal import Event
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import needs
from bridge.web.api import schemas_out_decisions
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, newest, one, picked, refusing
from bridge.web.api.schemas_in import AcceptBody, DiscardBody, EventQuery, PageQuery, ReplayBody, ReplayManyBody
from bridge.web.api.words import must_be_known
from bridge.web.request_context import services

blueprint = Blueprint("events", "events", description="Webhooks as they were received")


@blueprint.get("/events")
@needs(Role.VIEWER)
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.EventRow))
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """List events, newest first."""
    must_be_known(source=query.get("source"), type=query.get("event_type"))
    equal = {"source": Event.source, "state": Event.state, "event_type": Event.event_type}
    found = [Event.received_at >= query["since"]] if "since" in query else []
    return newest(Event, schemas_out_decisions.EventRow, query, *found, equal=equal, cursor=lambda text: text or None)


@blueprint.get("/events/<event_id>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_decisions.EventStory))
@refusing
def show_event(event_id: str) -> dict[str, Any]:
    """Show one event: its values, and the runs that it caused."""
    with services().store.read() as session:
        event = session.get(Event, event_id)
        if event is None:
            raise NotThere(f"event {event_id}: not found")
        caused = session.scalars(select(Run).where(Run.event_id == event_id).order_by(Run.id))
        runs = [{"run": run.id, "rule": run.rule_id, "outcome": run.outcome} for run in caused]
        return one(
            picked(event, schemas_out_decisions.EventRow) | {"body": shown(event, services().sources), "runs": runs}
        )


@blueprint.get("/events/<event_id>/results")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_decisions.ResultRow))
@refusing
def event_results(query: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Return the result of each row of a CSV that was posted to a source; the event is any of its rows."""
    with services().store.read() as session:
        return listed(results(session, event_id), "row", query)


@blueprint.post("/events/<event_id>/replay")
@needs(Role.OPERATOR)
@blueprint.arguments(ReplayBody)
@blueprint.response(202, thing(schemas_out_decisions.EventName))
@refusing
def replay_event(body: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Send one event through the rules again."""
    made = replay(services(), [event_id], revision=body["revision"], who=g.who, now=services().clock())
    return one({"event_id": made[0]})


@blueprint.post("/events/replay")
@needs(Role.OPERATOR)
@blueprint.arguments(ReplayManyBody)
@blueprint.response(202, thing(schemas_out_decisions.ReplayedRow))
@refusing
def replay_events(body: dict[str, Any]) -> dict[str, Any]:
    """Send everything since a moment, or the result of a filter, through the rules again, bit by bit."""
    chosen, pace = body.pop("revision"), body.pop("per_minute")
    with services().store.read() as session:
        found = matching(session, **body)
    made = replay(services(), found, revision=chosen, who=g.who, now=services().clock(), per_minute=pace)
    return one({"events": len(made)})


@blueprint.post("/events/replay/cancel")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_decisions.CancelledRow))
def cancel_replay() -> dict[str, Any]:
    """Cancel the replays that have not been processed yet."""
    return one({"cancelled": cancel(services(), who=g.who, now=services().clock())})


@blueprint.post("/events/<event_id>/accept")
@needs(Role.OPERATOR)
@blueprint.arguments(AcceptBody)
@blueprint.response(202, thing(schemas_out_decisions.EventName))
@refusing
def accept_event(body: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Accept a quarantined or dead event, with a corrected body if one is given."""
    raw = body["body"].encode() if "body" in body else None
    settle_aside(services(), event_id, accept=True, body=raw, who=g.who, now=services().clock())
    return one({"event_id": event_id})


@blueprint.post("/events/<event_id>/discard")
@needs(Role.OPERATOR)
@blueprint.arguments(DiscardBody)
@blueprint.response(200, thing(schemas_out_decisions.EventName))
@refusing
def discard_event(body: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Discard a quarantined or dead event."""
    settle_aside(services(), event_id, accept=False, who=g.who, now=services().clock(), why=body["why"])
    return one({"event_id": event_id})
