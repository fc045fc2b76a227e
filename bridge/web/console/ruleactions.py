"""What one can do on a rule's page: move it along the ladder, and try it on the past."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from flask import Response, g, request

from bridge.operations import OperationError
from bridge.operations.backtesting import Question, keep, try_live
from bridge.operations.moving import move
from bridge.store.people import Role
from bridge.web.access import needs
from bridge.web.console import words
from bridge.web.console.actions import done
from bridge.web.console.blueprint import blueprint
from bridge.web.current import house, trying
from rules.model import Mode


@blueprint.post("/rules/<rule_id>/mode")
@needs(Role.OPERATOR, page=True)
def move_rule(rule_id: str) -> Response:
    def do() -> str:
        try:
            mode = Mode(request.form.get("mode", ""))
        except ValueError:
            raise OperationError(f"a mode is one of {', '.join(Mode)}") from None
        moved = move(house(), rule_id, mode, who=g.who, now=house().clock())
        return f"{rule_id} went from {moved.before} to {moved.mode}. Commit {moved.file}, or a deploy takes it back."

    return done(f"/rules/{rule_id}", do)


@blueprint.post("/rules/<rule_id>/backtest")
@needs(Role.OPERATOR, page=True)
def try_rule(rule_id: str) -> Response:
    def do() -> str:
        zone = words.zone(house())
        question = Question(
            start=_day("from", zone),
            end=_day("to", zone),
            against="imported" if request.form.get("against") == "imported" else "live",
        )
        with trying():
            report = try_live(house(), rule_id, question)
        keep(house(), [report], question, who=g.who, now=house().clock())
        return f"{report.looks:,} looks: it would have paused {len(report.pauses)} times."

    return done(f"/rules/{rule_id}#backtest", do)


def _day(name: str, zone: ZoneInfo) -> datetime:
    try:
        return datetime.fromisoformat(request.form.get(name, "")).replace(tzinfo=zone).astimezone(UTC)
    except ValueError:
        raise OperationError(f"{name}: choose a day") from None
