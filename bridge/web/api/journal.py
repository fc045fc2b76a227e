"""Events: list, show, replay."""

from datetime import UTC, datetime
from typing import Any

from flask import g
from flask_smorest import Blueprint
from sqlalchemy import select

from bridge.eventfacts import read_again
from bridge.exactjson import plain
from bridge.operations import NotThere
from bridge.operations.replaying import replay
from bridge.sources import SourceError
from bridge.store.journal import Event
from bridge.store.people import Role
from bridge.store.runs import Run
from bridge.web.access import needs
from bridge.web.api.answers import house, one, page, refusing
from bridge.web.api.shapes import EventQuery, Page, ReplayBody, Thing

blueprint = Blueprint("events", "events", description="Webhooks as they were received")
NAMES = ("id", "source", "event_type", "delivery_id", "received_at", "event_time", "state", "problem", "replay_of")


@blueprint.get("/events")
@needs(Role.VIEWER)
@blueprint.arguments(EventQuery, location="query")
@blueprint.response(200, Page)
def list_events(query: dict[str, Any]) -> dict[str, Any]:
    """Newest first."""
    wanted = select(Event).order_by(Event.id.desc()).limit(query["limit"] + 1)
    if query["after"]:
        wanted = wanted.where(Event.id < query["after"])
    if "source" in query:
        wanted = wanted.where(Event.source == query["source"])
    if "state" in query:
        wanted = wanted.where(Event.state == query["state"])
    with house().store.read() as session:
        rows = [_row(event) for event in session.scalars(wanted)]
    return page(rows, query["limit"], "id")


def _row(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in NAMES}


@blueprint.get("/events/<event_id>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_event(event_id: str) -> dict[str, Any]:
    """One event: what it says, and the runs that it caused."""
    with house().store.read() as session:
        event = session.get(Event, event_id)
        if event is None:
            raise NotThere(f"event {event_id}: there is none")
        caused = session.scalars(select(Run).where(Run.event_id == event_id).order_by(Run.id))
        runs = [{"run": run.id, "rule": run.rule_id, "outcome": run.outcome} for run in caused]
        return one(_row(event) | {"body": _body(event), "runs": runs})


def _body(event: Event) -> Any:
    source = house().sources.get(event.source)
    try:
        return plain(read_again(event, source).reading.body) if source else None
    except SourceError as error:
        return f"cannot be read: {error}"


@blueprint.post("/events/<event_id>/replay")
@needs(Role.OPERATOR)
@blueprint.arguments(ReplayBody)
@blueprint.response(202, Thing)
@refusing
def replay_event(body: dict[str, Any], event_id: str) -> dict[str, Any]:
    """Send one event through the rules again."""
    made = replay(house(), [event_id], revision=body["revision"], who=g.who, now=datetime.now(UTC))
    return one({"event_id": made[0]})
