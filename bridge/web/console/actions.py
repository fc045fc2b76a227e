"""What one can do on the pages. Each asks once, does it through bridge.operations, and says what happened."""

from collections.abc import Callable

from flask import Response, flash, g, redirect, render_template, request

from bridge.operations import OperationError
from bridge.operations.approvals import approve, reject
from bridge.operations.halt import WaitingEvents
from bridge.operations.halt import resume as resume_
from bridge.operations.holds import release_holds
from bridge.operations.replay import replay, settle_aside
from bridge.operations.reveal_secret import hand_over
from bridge.operations.selection import EVERYTHING, Selection, only
from bridge.operations.undo import undo
from bridge.store import upkeep
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.request_context import person, services
from rules.model.state import target_of


def done(where: str, do: Callable[[], str]) -> Response:
    """Do it, and go back to the page with a sentence about it."""
    try:
        flash(do(), "good")
    except OperationError as error:
        flash(str(error), "bad")
    return redirect(where, code=303)  # type: ignore[return-value]


def _selection() -> Selection:
    """The boxes that are ticked. A form without boxes says `whole`; one with none ticked is refused."""
    if "whole" in request.form:
        return EVERYTHING
    return only(target_of(*text.split("=", 1)) for text in request.form.getlist("only") if "=" in text)


@blueprint.post("/halt")
@needs(Role.OPERATOR, page=True)
def halt() -> Response:
    def do() -> str:
        why = request.form.get("why", "").strip() or "no reason given"
        with services().store.write() as database:
            upkeep.halt(database, by=g.who, why=why, now=services().clock())
        return "Halted: no effect is sent and no rule decides until someone resumes. Webhooks wait."

    return done("/", do)


@blueprint.post("/resume")
@needs(Role.OPERATOR, page=True)
def resume() -> Response:
    def do() -> str:
        events: WaitingEvents = "drop" if request.form.get("waiting") == "drop" else "decide"
        found = resume_(services(), who=g.who, now=services().clock(), events=events)
        if not found.was_halted:
            return "Nothing was halted."
        gone = (
            f" Dropped: {len(found.dropped_events)} events, {len(found.dropped_runs)} runs." if events == "drop" else ""
        )
        return f"Resumed: {found.waiting}.{gone}"

    return done("/", do)


@blueprint.post("/runs/<int:run_id>/undo")
@needs(Role.OPERATOR, page=True)
def undo_run(run_id: int) -> Response:
    def do() -> str:
        done = undo(services(), run_id, who=g.who, now=services().clock(), selection=_selection())
        left = f" Left alone: {'; '.join(done.left)}." if done.left else ""
        return f"Run {done.run_id} takes it back: {', '.join(done.effects) or 'nothing to do'}.{left}"

    return done(f"/runs/{run_id}", do)


@blueprint.post("/effects/<int:effect_id>/secret")
@needs(Role.OPERATOR, page=True)
def reveal(effect_id: int) -> Response | str:
    """Show a provisioned password, once. The page must not be kept anywhere."""
    try:
        secret = hand_over(services(), effect_id, who=g.who, now=services().clock())
    except OperationError as error:
        flash(str(error), "bad")
        return redirect(request.referrer or "/", code=303)  # type: ignore[return-value]
    return render_template("secret.html", secret=secret, now=services().clock())


@blueprint.post("/approvals/<int:plan_id>/approve")
@needs(Role.OPERATOR, page=True)
def approve_plan(plan_id: int) -> Response:
    def do() -> str:
        answer = approve(services(), plan_id, person=person(), now=services().clock(), selection=_selection())
        dropped = f" Dropped: {'; '.join(answer.dropped)}." if answer.dropped else ""
        return f"Plan {plan_id}: {answer.kept} effects go ahead.{dropped}"

    return done("/approvals", do)


@blueprint.post("/approvals/<int:plan_id>/reject")
@needs(Role.OPERATOR, page=True)
def reject_plan(plan_id: int) -> Response:
    def do() -> str:
        why = request.form.get("why", "").strip() or "no reason given"
        reject(services(), plan_id, person=person(), why=why, now=services().clock())
        return f"Plan {plan_id} is rejected."

    return done("/approvals", do)


@blueprint.post("/holds/<int:hold_id>/release")
@needs(Role.OPERATOR, page=True)
def release_hold(hold_id: int) -> Response:
    def do() -> str:
        done = release_holds(services(), [hold_id], who=g.who, now=services().clock())
        back = f"Goes back: {', '.join(done.returns)}." if done.returns else ""
        return f"{back} {' '.join(done.stays)}".strip() or "The hold is ended."

    return done("/holds", do)


@blueprint.post("/events/<event_id>/replay")
@needs(Role.OPERATOR, page=True)
def replay_event(event_id: str) -> Response:
    def do() -> str:
        chosen = "original" if request.form.get("with") == "original" else "current"
        [made] = replay(services(), [event_id], revision=chosen, who=g.who, now=services().clock())  # type: ignore[arg-type]
        return f"Event {made} goes through the rules, with the {chosen} revision."

    return done(f"/events/{event_id}", do)


@blueprint.post("/events/<event_id>/<any(accept, discard):what>")
@needs(Role.OPERATOR, page=True)
def settle_event(event_id: str, what: str) -> Response:
    def do() -> str:
        settle_aside(services(), event_id, accept=what == "accept", who=g.who, now=services().clock())
        return "The event goes through the rules." if what == "accept" else "The event is discarded."

    return done(f"/events/{event_id}", do)
