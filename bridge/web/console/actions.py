"""Actions of the console. Each asks for confirmation once, calls `bridge.operations`, and shows the result."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from flask import Response, flash, g, redirect, render_template, request

from bridge.operations import OperationError
from bridge.operations.approvals import approve, reject
from bridge.operations.confirmation import (
    Confirmation,
    about_approval,
    about_release,
    about_undo,
    about_undo_of_runs,
)
from bridge.operations.errors import NothingSelected
from bridge.operations.halt import WaitingEvents, scope_of
from bridge.operations.halt import halt as halt_
from bridge.operations.halt import resume as resume_
from bridge.operations.holds import Released, release_holds
from bridge.operations.item_mutes import EVERY_RULE, end_mutes, mute_item
from bridge.operations.replay import replay, settle_aside
from bridge.operations.reveal_secret import reveal_secret
from bridge.operations.selection import EVERYTHING, Choice, Named
from bridge.operations.undo import Undone, undo, undo_runs
from bridge.store import ledger
from bridge.store.halts import HaltScope
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.access.safe_redirect import own_page
from bridge.web.console.blueprint import blueprint
from bridge.web.console.formatting import many, zone
from bridge.web.console.lists import holds_shown
from bridge.web.console.show import show
from bridge.web.request_context import as_id, person, services
from rules.model.spelling import listed

MAX_SENTENCES = 10  # of one message


def done(where: str, do: Callable[[], str]) -> Response:
    """Run the action, and return to the page with a sentence about it."""
    try:
        flash(do(), "good")
    except OperationError as error:
        flash(str(error), "bad")
    return redirect(where, code=303)  # type: ignore[return-value]


def _selection() -> Choice:
    """Return the ticked boxes. A form without boxes says `whole`; one with none ticked is refused."""
    return EVERYTHING if request.form.get("whole") == "yes" else Named(request.form.getlist("only"))


def _back(otherwise: str) -> str:
    """Return the page that the form was on."""
    return own_page(request.form.get("back", otherwise))


def _halt_scope() -> HaltScope:
    """Return what a form halts or resumes: everything, if it names nothing. An empty name counts as no name."""
    named = {name: request.form.get(name) for name in ("rule", "account", "advertiser")}
    return scope_of(services(), **named)


@blueprint.post("/halt")
@needs(Role.OPERATOR, page=True)
def halt() -> Response:
    def do() -> str:
        why = request.form.get("why", "").strip() or "no reason given"
        found = halt_(services(), _halt_scope(), who=g.who, why=why, now=services().clock())
        if found.scope == "all":
            return "Halted: no effect is sent and no rule decides until someone resumes. Webhooks wait."
        return f"Halted: {found.about}, until someone resumes. Everything else goes on."

    return done(_back("/"), do)


@blueprint.post("/resume")
@needs(Role.OPERATOR, page=True)
def resume() -> Response:
    def do() -> str:
        events: WaitingEvents = "drop" if request.form.get("waiting") == "drop" else "decide"
        found = resume_(services(), who=g.who, now=services().clock(), events=events, of=_halt_scope())
        if not found.was_halted:
            return "Nothing was halted."
        gone = ""
        if events == "drop":
            gone = f" Dropped: {many(len(found.dropped_events), 'event')}, {many(len(found.dropped_runs), 'run')}."
        return f"Resumed: {found.waiting}.{gone}"

    return done(_back("/"), do)


@blueprint.post("/runs/<int:run_id>/undo")
@needs(Role.OPERATOR, page=True)
def undo_run(run_id: int) -> Response | str:
    where = f"/runs/{run_id}"

    def ask() -> Confirmation | None:
        return about_undo(services(), run_id, _selection(), services().clock())

    def do() -> str:
        done = undo(services(), run_id, who=g.who, now=services().clock(), selection=_selection())
        if done.outcome != "waiting" and not done.effects:
            raise OperationError(_undone(done))
        return _undone(done)

    return _surely(ask, do, where, f"/runs/{run_id}/undo")


@blueprint.post("/runs/undo")
@needs(Role.OPERATOR, page=True)
def undo_several() -> Response | str:
    """Undo the ticked runs, after one question with all their changes and money."""
    where = _back("/activity")

    def do() -> str:
        found = undo_runs(services(), _numbers("run"), who=g.who, now=services().clock())
        told = [_undone(one.undone) if one.undone else f"{one.problem}." for one in found]
        return " ".join(told)

    try:
        numbers = _numbers("run")
        asked = about_undo_of_runs(services(), numbers) if numbers else None
    except OperationError as error:
        return done(where, partial(_refuse, error))
    if asked is not None and asked.count and request.form.get("sure") != asked.sure:
        return ask_first(asked, "/runs/undo", where, runs=len(numbers))
    return done(where, do)


def _refuse(error: OperationError) -> str:
    raise error


def _numbers(name: str) -> list[int]:
    """Return the ticked numbers."""
    numbers = [as_id(text) for text in request.form.getlist(name)]
    if None in numbers:
        raise OperationError("the selected items no longer exist, so nothing was done; open the page again")
    return [one for one in numbers if one is not None]


def _undone(done: Undone) -> str:
    if done.outcome == "waiting":
        why = _some(done.left) or "it is over a limit"
        return f"Nothing was undone yet. It needs approval: {why}. It waits on the page Approvals (run {done.run_id})."
    left = f" Left alone: {_some(done.left)}." if done.left else ""
    if not done.effects:
        return f"Nothing was undone.{left}"
    return f"Run {done.run_id} undoes it: {_some(done.effects)}.{left}"


def _surely(ask: Callable[[], Confirmation | None], do: Callable[[], str], where: str, action: str) -> Response | str:
    """Run the action, after one more question if it is large."""
    try:
        asked = ask()
    except OperationError as error:
        flash(str(error), "bad")
        return redirect(where, code=303)  # type: ignore[return-value]
    if asked is None or not asked.is_large or request.form.get("sure") == asked.sure:
        return done(where, do)
    return ask_first(asked, action, where)


def ask_first(asked: Confirmation, action: str, where: str, *, runs: int = 0) -> str:
    """Return the page with the question; its confirmation sends the same form again, with the confirmed values."""
    carried = [(name, value) for name, value in request.form.items(multi=True) if name not in {"form", "sure"}]
    return show("confirm.html", asked=asked, action=action, carried=carried, back=where, runs=runs)


@blueprint.post("/effects/<int:effect_id>/secret")
@needs(Role.OPERATOR, page=True)
def reveal(effect_id: int) -> Response | str:
    """Show a provisioned password, once. The page must not be stored anywhere."""
    try:
        secret = reveal_secret(services(), effect_id, who=g.who, now=services().clock())
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/", code=303)  # type: ignore[return-value]
    return render_template("secret.html", secret=secret, next_page="/activity", now=services().clock())


@blueprint.post("/approvals/<int:plan_id>/approve")
@needs(Role.OPERATOR, page=True)
def approve_plan(plan_id: int) -> Response | str:
    def ask() -> Confirmation | None:
        return about_approval(services(), plan_id, _selection(), services().clock())

    def do() -> str:
        with services().store.read() as session:
            asked = len(ledger.effects_of(session, plan_id))
        answer = approve(services(), plan_id, person=person(), now=services().clock(), selection=_selection())
        dropped = f" Dropped: {_some(answer.dropped)}." if answer.dropped else ""
        others = 0 if _selection() is EVERYTHING else asked - answer.kept - len(answer.dropped)
        left = f" {others:,} not selected: the rule asks again where it still wants them." if others > 0 else ""
        return f"Plan {plan_id}: {many(answer.kept, 'change goes ahead', 'changes go ahead')}.{dropped}{left}"

    return _surely(ask, do, "/approvals", f"/approvals/{plan_id}/approve")


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
        return f"{back} {_stays(done)}".strip() or "The pause is ended."

    return done(_back("/holds"), do)


@blueprint.post("/holds/release")
@needs(Role.OPERATOR, page=True)
def release_many() -> Response | str:
    """End the ticked pauses, or all that the filter shows; many need a confirmation."""
    chosen: list[int] = []

    def ask() -> Confirmation | None:
        chosen[:] = holds_shown(request.form) if request.form.get("which") == "filter" else _numbers("hold")
        return about_release(services(), chosen) if chosen else None

    def do() -> str:
        if not chosen:
            raise NothingSelected("Nothing is selected, so no pause was ended.")
        done = release_holds(services(), chosen, who=g.who, now=services().clock())
        return f"{many(len(done.returns), 'item goes', 'items go')} back. {_stays(done)}".strip()

    return _surely(ask, do, _back("/holds"), "/holds/release")


def _stays(done: Released) -> str:
    """Return what stays paused. Raises OperationError if no pause was ended at all."""
    if not done.ended:
        raise OperationError(f"No pause was ended: {_some(done.stays)}")
    return f"{_some(done.stays)}." if done.stays else ""


def _some(sentences: Sequence[str]) -> str:
    """Return the first ones, and how many more there are: a message has to fit above a page, and into a cookie."""
    told = list(dict.fromkeys(sentences))
    more = f"; and {len(told) - MAX_SENTENCES:,} more" if len(told) > MAX_SENTENCES else ""
    return f"{'; '.join(told[:MAX_SENTENCES])}{more}"


@blueprint.post("/mutes")
@needs(Role.OPERATOR, page=True)
def add_mute() -> Response:
    """Add an exception: no rule, or not this one, changes an item until a day or until somebody ends it."""

    def do() -> str:
        form = request.form
        day = form.get("until", "").strip()
        item = form.get("item", "").strip().replace(" ", "=", 1) if "=" not in form.get("item", "") else form["item"]
        made = mute_item(
            services(), item, account=form.get("account") or None, rule=form.get("rule", "") or EVERY_RULE,
            until=_end_of(day) if day else None, why=form.get("why", ""), who=g.who, now=services().clock(),
        )  # fmt: skip
        first = made[0]
        who = "No rule touches" if first.rule_id == EVERY_RULE else f"{first.rule_id} leaves alone"
        whose = (
            f" of {listed([one.account for one in made], last='and')}" if len(services().settings.accounts) > 1 else ""
        )
        until = f"the end of {day}" if day else "somebody ends it"
        return f"{who} {first.kind} {first.target_id}{whose} until {until}."

    return done(_back("/mutes"), do)


def _end_of(day: str) -> datetime:
    try:
        found = datetime.fromisoformat(day)
    except ValueError:
        raise OperationError(f"{day[:30]!r} is not a day; write it like 2026-11-24") from None
    return (found.replace(tzinfo=zone(services())) + timedelta(days=1)).astimezone(UTC)


@blueprint.post("/mutes/end")
@needs(Role.OPERATOR, page=True)
def end_mute() -> Response:
    """Let a rule act on an item again before its mute runs out."""

    def do() -> str:
        rule, item = request.form.get("rule", ""), request.form.get("item", "")
        account = request.form.get("account") or None
        ended = end_mutes(services().store, rule, item, account=account, who=g.who, now=services().clock())
        return f"{rule} may act on {item.replace('=', ' ')} again." if ended else "That mute had ended already."

    return done(_back("/mutes"), do)


@blueprint.post("/events/<event_id>/replay")
@needs(Role.OPERATOR, page=True)
def replay_event(event_id: str) -> Response:
    def do() -> str:
        chosen = "original" if request.form.get("with") == "original" else "current"
        [made] = replay(services(), [event_id], revision=chosen, who=g.who, now=services().clock())  # type: ignore[arg-type]
        return f"Webhook {made} goes through the rules, with the {chosen} revision."

    return done(f"/events/{event_id}", do)


@blueprint.post("/events/<event_id>/<any(accept, discard):what>")
@needs(Role.OPERATOR, page=True)
def settle_event(event_id: str, what: str) -> Response:
    def do() -> str:
        settle_aside(services(), event_id, accept=what == "accept", who=g.who, now=services().clock())
        return "The webhook goes through the rules." if what == "accept" else "The webhook is discarded."

    return done(f"/events/{event_id}", do)
