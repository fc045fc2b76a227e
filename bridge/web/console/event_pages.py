"""Webhooks: as received, with their outcome and the rules that they matched."""

from collections.abc import Mapping

from flask import Response, abort, flash, g, redirect, request
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import load_only

from bridge.decisions.event_facts import shown
from bridge.operations import OperationError
from bridge.operations.confirmation import CONFIRM_FROM
from bridge.operations.replay import MAX_EVENTS_PER_REPLAY, cancel, replay
from bridge.operations.run_outcomes import run_outcomes
from bridge.store import deferred_events, journal, ledger
from bridge.store.journal import Event, EventState
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.access.safe_redirect import own_page
from bridge.web.console import formatting
from bridge.web.console.actions import done
from bridge.web.console.blueprint import blueprint
from bridge.web.console.formatting import many
from bridge.web.console.lists import (
    MAX_COUNTED,
    ROWS_PER_PAGE,
    Filters,
    Order,
    as_csv,
    days,
    filters,
    in_order_asked,
    is_csv,
    newest_first,
    number_of,
    one_of,
    page,
)
from bridge.web.console.show import show
from bridge.web.request_context import services

STATES = tuple(str(one) for one in EventState)
FILTERED = ("state", "source", "type", "from", "to")
ORDERS = {"newest": Order(), "oldest": Order(descending=False)}
REPLAYABLE = (EventState.DONE, EventState.DEAD)


@blueprint.get("/events")
@needs(Role.VIEWER, page=True)
def events() -> Response | str:
    found = filters(*FILTERED, "sort")
    wanted = _wanted(found)
    if is_csv():
        columns = (Event.id, Event.received_at, Event.source, Event.event_type, Event.state, Event.problem)
        everything = newest_first(
            select(Event).options(load_only(*columns)).where(*wanted),
            Event.id,
            lambda _session, rows: [tuple(getattr(one, column.key) for column in columns) for one in rows],
        )
        headings = ("id", "received_at", "source", "type", "state", "problem")
        return as_csv("webhooks", headings, everything)
    with services().store.read() as session:
        query = in_order_asked(session, select(Event).where(*wanted), Event.id, ORDERS, found)
        rows, last = page(list(session.scalars(query.limit(ROWS_PER_PAGE + 1))))
        fitting = number_of(session, select(Event.id).where(*wanted)) if found.given.keys() & set(FILTERED) else ""
        counts = journal.counts_up_to(session, MAX_COUNTED + 1)
    return show(
        "events.html", events=rows, older=last.id if last else None, counts=counts, filters=found, states=STATES,
        orders=tuple(ORDERS), fitting=fitting,
        counted=MAX_COUNTED, sources=sorted(services().sources),
    )  # fmt: skip


@blueprint.post("/events/replay")
@needs(Role.OPERATOR, page=True)
def replay_events() -> Response | str:
    """Replay the ticked webhooks, or all that the filter shows; more than a few need a confirmation."""
    form = request.form
    chosen = "original" if form.get("with") == "original" else "current"
    back = own_page(form.get("back", "/events"))
    try:
        ids = _selected(_all_that_fit(form) if form.get("which") == "filter" else form.getlist("event"))
        if len(ids) > CONFIRM_FROM and form.get("sure") != str(len(ids)):
            return show("confirm_replay.html", count=len(ids), chosen=chosen, back=back, form=form)
        made = replay(services(), ids, revision=chosen, who=g.who, now=services().clock())  # type: ignore[arg-type]
    except OperationError as error:
        flash(str(error), "bad")
        return redirect(back, code=303)  # type: ignore[return-value]
    flash(f"{many(len(made), 'webhook goes', 'webhooks go')} through the rules again, a few at a time.", "good")
    return redirect(back, code=303)  # type: ignore[return-value]


@blueprint.post("/events/replay/cancel")
@needs(Role.OPERATOR, page=True)
def cancel_replays() -> Response:
    def do() -> str:
        gone = cancel(services(), who=g.who, now=services().clock())
        return f"{many(gone, 'replay')} that nobody had begun {'is' if gone == 1 else 'are'} cancelled."

    return done("/events", do)


def _selected(ids: list[str]) -> list[str]:
    """Return the selection; an empty selection selects nothing."""
    if not ids:
        raise OperationError("nothing is selected, so nothing was done")
    return ids


def _all_that_fit(form: Mapping[str, str]) -> list[str]:
    """Return the ids of all webhooks that the filter of the page shows, oldest first, without replays."""
    found = Filters({name: form[name] for name in FILTERED if form.get(name)})
    with services().store.read() as session:
        query = select(Event.id).where(*_wanted(found), Event.replay_of.is_(None), Event.state.in_(REPLAYABLE))
        ids = list(session.scalars(query.order_by(Event.id).limit(MAX_EVENTS_PER_REPLAY + 1)))
    if len(ids) > MAX_EVENTS_PER_REPLAY:
        raise OperationError(f"more than {MAX_EVENTS_PER_REPLAY:,} webhooks fit; replay them in parts, with fewer days")
    return ids


def _wanted(found: Filters) -> list[ColumnElement[bool]]:
    wanted = days(found, Event.received_at, formatting.zone(services()))
    if one_of(found, "state", STATES):
        # Nearly all are done: going through the newest finds them at once, and the index would sort a million first.
        state = Event.state.concat("") if found["state"] == EventState.DONE else Event.state
        wanted.append(state == found["state"])
    if found["source"]:
        wanted.append(Event.source == found["source"])
    if found["type"]:
        wanted.append(Event.event_type == found["type"])
    return wanted


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
        owing = deferred_events.rules_of(session, event_id)
    verdicts = {one.run_id: one for one in said}
    return show(
        "event.html", event=found, body=shown(found, services().sources), runs=caused, outcomes=outcomes,
        verdicts=verdicts, effects=effects, listening=listening, owing=owing,
    )  # fmt: skip
