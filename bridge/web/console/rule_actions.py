"""Actions of a rule's page: change its mode, and backtest it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from flask import Response, flash, g, redirect, request

from bridge.operations import OperationError, backtest_jobs
from bridge.operations.backtest import BacktestRequest
from bridge.operations.backtest_jobs import CompareWith, Question, Sweep
from bridge.operations.rule_mode import move, patch_only
from bridge.reports.past_facts import Against
from bridge.store import report_imports
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.actions import done
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services
from rules.model.input_values import parse_moment
from rules.model.revision import Mode


@blueprint.post("/rules/<rule_id>/mode")
@needs(Role.OPERATOR, page=True)
def move_rule(rule_id: str) -> Response | str:
    """Change the mode; where the file cannot be written from here, show the patch."""

    def do() -> str:
        moved = move(services(), rule_id, wanted, who=g.who, now=services().clock())
        return f"{rule_id} went from {moved.before} to {moved.mode}. Commit {moved.file}, or a deploy undoes it."

    try:
        wanted = _mode()
        patch = patch_only(services(), rule_id, wanted)
    except OperationError as error:
        flash(str(error), "bad")
        return redirect(f"/rules/{rule_id}", code=303)  # type: ignore[return-value]
    return done(f"/rules/{rule_id}", do) if patch is None else show("rule_patch.html", done=patch, draft=None)


def _mode() -> Mode:
    try:
        return Mode(request.form.get("mode", ""))
    except ValueError:
        raise OperationError(f"a mode is one of {', '.join(Mode)}") from None


@blueprint.post("/rules/<rule_id>/backtest")
@needs(Role.OPERATOR, page=True)
def run_backtest(rule_id: str) -> Response:
    def do() -> str:
        zone, now = formatting.zone(services()), services().clock()
        against: Against = "imported" if request.form.get("against") == "imported" else "live"
        if against == "imported" and not _imported():
            raise OperationError("nothing was imported yet, so there is nothing to evaluate; see Settings, Imports")
        question = BacktestRequest.of(_day("from", zone), _day_after("to", zone), now, None, against)
        asked = backtest_jobs.ask(services(), rule_id, question, who=g.who, now=now, about=_about(), coarser=True)
        told = "A worker runs it. You may leave the page: it continues, and the result appears here."
        if asked.step_seconds:
            often = formatting.length(asked.step_seconds)
            told += f" It evaluates every {often}; as often as the rule does is too much for one job."
        return told

    return done(f"/rules/{rule_id}#backtest", do)


def _about() -> Question:
    """Return what the form asks for: the rule alone, many thresholds of it, or an earlier revision beside it."""
    form = request.form
    match form.get("kind", ""):
        case "sweep":
            low, high = form.get("low", "").strip(), form.get("high", "").strip()
            return Sweep(f"{form.get('metric', '')}={low}..{high}")
        case "compare":
            return CompareWith(form.get("other", ""))
        case _:
            return None


@blueprint.post("/rules/<rule_id>/backtest-jobs/<int:number>/stop")
@needs(Role.OPERATOR, page=True)
def stop_backtest_job(rule_id: str, number: int) -> Response:
    def do() -> str:
        backtest_jobs.stop(services(), number, who=g.who, now=services().clock())
        return "Stopped; nothing is kept of it."

    return done(f"/rules/{rule_id}#backtest", do)


def _imported() -> bool:
    with services().store.read() as session:
        return any(one.removed_at is None and one.rows for one in report_imports.newest_first(session))


def _day(name: str, zone: ZoneInfo) -> datetime:
    day = parse_moment(request.form.get(name, ""), zone)
    if day is None:
        raise OperationError(f"{name}: choose a day from 2000 to 2100")
    return day


def _day_after(name: str, zone: ZoneInfo) -> datetime:
    """Return the end of a named day: local midnight, also on days with a clock change."""
    local = _day(name, zone).astimezone(zone).replace(tzinfo=None)
    return (local + timedelta(days=1)).replace(tzinfo=zone).astimezone(UTC)
