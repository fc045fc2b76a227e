"""Webhooks: as received, with their outcome and the rules that they matched."""

from flask import Response, abort
from sqlalchemy import select

from bridge.decisions.event_facts import shown
from bridge.operations.run_outcomes import run_outcomes
from bridge.store import journal, ledger
from bridge.store.journal import Event, EventState
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.lists import PAGE, ROWS, as_csv, days, filters, is_csv, one_of, page
from bridge.web.console.show import show
from bridge.web.request_context import services

STATES = tuple(str(one) for one in EventState)


@blueprint.get("/events")
@needs(Role.VIEWER, page=True)
def events() -> Response | str:
    found = filters("state", "source", "type", "from", "to")
    wanted = days(found, Event.received_at, formatting.zone(services()))
    if one_of(found, "state", STATES):
        wanted.append(Event.state == found["state"])
    if found["source"]:
        wanted.append(Event.source == found["source"])
    if found["type"]:
        wanted.append(Event.event_type == found["type"])
    if found["before"]:
        wanted.append(Event.id < found["before"])
    if is_csv():
        columns = (Event.id, Event.received_at, Event.source, Event.event_type, Event.state, Event.problem)
        with services().store.read() as session:
            everything = session.execute(select(*columns).where(*wanted).order_by(Event.id.desc()).limit(ROWS)).all()
        headings = ("id", "received_at", "source", "type", "state", "problem")
        return as_csv("webhooks", headings, [tuple(row) for row in everything])
    with services().store.read() as session:
        rows, last = page(list(session.scalars(select(Event).where(*wanted).order_by(Event.id.desc()).limit(PAGE + 1))))
        counts = journal.counts(session)
    return show(
        "events.html", events=rows, older=last.id if last else None, counts=counts, filters=found, states=STATES,
        sources=sorted(services().sources),
    )  # fmt: skip


@blueprint.get("/events/<event_id>")
@needs(Role.VIEWER, page=True)
def event(event_id: str) -> str:
    with services().store.read() as session:
        found = session.get(Event, event_id)
        if found is None:
            abort(404, f"there is no event {event_id}")
        caused = session.scalars(select(Run).where(Run.event_id == event_id).order_by(Run.id)).all()
        outcomes = run_outcomes(session, caused)
        said = session.scalars(
            select(StoredVerdict).where(StoredVerdict.run_id.in_([one.id for one in caused])).limit(200)
        ).all()
        effects = [effect for one in caused for plan in ledger.plans_of(session, one.id) for effect in plan.effects]
        listening = [
            one.id
            for one in services().library.current(session).revisions.values()
            if getattr(one.trigger, "source", None) == found.source
        ]
    verdicts = {one.run_id: one for one in said}
    return show(
        "event.html", event=found, body=shown(found, services().sources), runs=caused, outcomes=outcomes,
        verdicts=verdicts, effects=effects, listening=listening,
    )  # fmt: skip
