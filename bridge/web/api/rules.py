"""Rules: list, show, history, explain, reload."""

from datetime import timedelta
from typing import Any

from flask import g

from bridge.config import rulebook
from bridge.config.renamed import with_old_names
from bridge.operations import NotThere, backtest_jobs
from bridge.operations.backtest import BacktestRequest, for_programs
from bridge.operations.backtest_jobs import CompareWith, Question, Sweep
from bridge.operations.rule_mode import move
from bridge.operations.rule_save import save
from bridge.operations.rule_templates import from_library, library
from bridge.store import backtest_results
from bridge.store import revisions as stored_revisions
from bridge.store.backtest_jobs import BacktestJob
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.api import schemas_out_rules
from bridge.web.api.blueprint import Blueprint
from bridge.web.api.fields import listing, thing
from bridge.web.api.responses import listed, one, page, picked, refusing
from bridge.web.api.schemas_in import BacktestBody, ExplainQuery, ModeBody, PageQuery, SaveBody, TextBody
from bridge.web.long_questions import answered
from bridge.web.request_context import services

blueprint = Blueprint("rules", "rules", description="The rules of BRIDGE_HOME")


@blueprint.get("/rules")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_rules.RuleRow))
def list_rules(query: dict[str, Any]) -> dict[str, Any]:
    """List the live rules; a broken one keeps its last good revision and is marked stale."""
    with services().store.read() as session:
        book = services().library.current(session)
        found = [
            {"id": found.id, "title": found.title, "owner": found.owner, "mode": found.mode, "revision": found.hash,
             "file": found.place.file, "stale": found.id in book.stale}
            for found in sorted(book.revisions.values(), key=lambda each: each.id)
        ]  # fmt: skip
    return listed(found, "id", query)


@blueprint.get("/rules/<rule_id>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_rules.RuleStory))
@refusing
def show_rule(rule_id: str) -> dict[str, Any]:
    """Show the text of a rule and all its revisions."""
    with services().store.read() as session:
        history = stored_revisions.history(session, rule_id)
        if not history:
            raise NotThere(f"rule {rule_id}: not found")
        live = services().library.current(session).revisions.get(rule_id)
        revisions = [{"revision": each.hash, "first_seen_at": each.first_seen_at} for each in history]
        return one(
            {"id": rule_id, "live": live.hash if live else None, "text": live.text if live else history[0].text,
             "history": revisions}
        )  # fmt: skip


@blueprint.get("/rules/<rule_id>/history")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_rules.RevisionRow))
@refusing
def rule_history(query: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """List every revision that was ever loaded, with its text, newest first."""
    with services().store.read() as session:
        found = [
            {"revision": each.hash, "file": each.file, "first_seen_at": each.first_seen_at, "text": each.text}
            for each in stored_revisions.history(session, rule_id)
        ]
    if not found:
        raise NotThere(f"rule {rule_id}: not found")
    return listed(found, "revision", query)


@blueprint.post("/rules/<rule_id>/test")
@needs(Role.VIEWER)
@blueprint.response(200, listing(schemas_out_rules.TestRow))
@refusing
def test_rule(rule_id: str) -> dict[str, Any]:
    """Run the rule's own tests. Changes nothing."""
    found = answered("test", rule=rule_id)
    return page(found, len(found), "test")


@blueprint.get("/rules/<rule_id>/explain")
@needs(Role.VIEWER)
@blueprint.arguments(ExplainQuery, location="query")
@blueprint.response(200, thing(schemas_out_rules.ExplanationRow))
@refusing
def explain_rule(query: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """Explain why the rule did, or did not, do something about a subject, now or at a time."""
    at = query["at"]
    return one(answered("explain", rule=rule_id, subject=query["subject"], at=at.isoformat() if at else None))


@blueprint.post("/rules/<rule_id>/mode")
@needs(Role.OPERATOR)
@blueprint.arguments(ModeBody)
@blueprint.response(200, thing(schemas_out_rules.MovedRow))
@refusing
def move_rule(body: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """Change the mode of a rule: writes one word into its file and loads it."""
    return one(move(services(), rule_id, body["mode"], who=g.who, now=services().clock()))


@blueprint.get("/rules/<rule_id>/costs")
@needs(Role.VIEWER)
@blueprint.response(200, listing(schemas_out_rules.CostRow))
@refusing
def list_costs(rule_id: str) -> dict[str, Any]:
    """List the costs of the live revision at this network's volumes.

    These are honest subjects paused by chance, and collapses unnoticed.
    """
    found = answered("costs", rule=rule_id)
    return page(found, len(found), "a_day")


@blueprint.get("/rules/<rule_id>/backtests")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_rules.BacktestRow))
def list_backtests(query: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """List the results of the rule's last backtests, newest first."""
    with services().store.read() as session:
        found = [
            picked(each, schemas_out_rules.BacktestRow) | {"figures": for_programs(each.figures)}
            for each in backtest_results.of_rule(session, rule_id)
        ]
    return listed(found, "id", query)


@blueprint.post("/rules/<rule_id>/backtests")
@needs(Role.OPERATOR)
@blueprint.arguments(BacktestBody)
@blueprint.response(202, thing(schemas_out_rules.BacktestJobRow))
@refusing
def run_backtest(body: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """Let a worker replay the live revision over the past, with the facts as they were known then.

    The last 30 days up to now, unless `from` and `to` say otherwise; never after now.
    """
    step = timedelta(seconds=body["step_seconds"]) if "step_seconds" in body else None
    question = BacktestRequest.of(body.get("start"), body.get("end"), services().clock(), step, body["against"])
    now = services().clock()
    return one(_job(backtest_jobs.ask(services(), rule_id, question, who=g.who, now=now, about=_question(body))))


def _job(row: BacktestJob) -> dict[str, Any]:
    return with_old_names("backtest job", picked(row, schemas_out_rules.BacktestJobRow))


def _question(body: dict[str, Any]) -> Question:
    if "sweep" in body:
        return Sweep(body["sweep"])
    return CompareWith(body["compare_with"]) if "compare_with" in body else None


@blueprint.get("/backtest-jobs/<int:number>")
@needs(Role.VIEWER)
@blueprint.response(200, thing(schemas_out_rules.BacktestJobRow))
@refusing
def show_backtest_job(number: int) -> dict[str, Any]:
    """Show the progress of a backtest; when it is done, `backtest_id` names its row in the rule's backtests."""
    with services().store.read() as session:
        found = session.get(BacktestJob, number)
    if found is None:
        raise NotThere(f"backtest {number}: not found, or deleted by retention")
    return one(_job(found))


@blueprint.post("/backtest-jobs/<int:number>/stop")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_rules.BacktestJobRow))
@refusing
def stop_backtest_job(number: int) -> dict[str, Any]:
    """End a waiting or running backtest."""
    return one(_job(backtest_jobs.stop(services(), number, who=g.who, now=services().clock())))


@blueprint.post("/rules")
@needs(Role.OPERATOR)
@blueprint.arguments(SaveBody)
@blueprint.response(200, thing(schemas_out_rules.SavedRow))
@refusing
def save_rule(body: dict[str, Any]) -> dict[str, Any]:
    """Write one rule into its file and load it; return the patch if rules are in git."""
    done = save(
        services(), body["text"], who=g.who, note=body["note"], now=services().clock(), base=body["base"],
        force=body["write"],
    )  # fmt: skip
    return one(picked(done, schemas_out_rules.SavedRow))


@blueprint.get("/rules/library")
@needs(Role.VIEWER)
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, listing(schemas_out_rules.TemplateRow))
def list_library(query: dict[str, Any]) -> dict[str, Any]:
    """List the rules of the library, each as the text of a new rule: in shadow, with a free id."""
    with services().store.read() as session:
        taken = services().library.current(session).revisions.keys()
    rows = [
        {"name": each.name, "title": each.title, "note": each.note, "text": from_library(each.name, taken)}
        for each in library()
    ]
    return listed(rows, "name", query)


@blueprint.post("/rules/past")
@needs(Role.VIEWER)
@blueprint.arguments(TextBody)
@blueprint.response(200, thing(schemas_out_rules.PastRow))
@refusing
def past_of_rule(body: dict[str, Any]) -> dict[str, Any]:
    """Show what the rule of a text would have done in the last 30 days, evaluated in few steps. Changes nothing."""
    return one(with_old_names("backtest", answered("past", text=body["text"])))


@blueprint.post("/rules/check")
@needs(Role.VIEWER)
@blueprint.arguments(TextBody)
@blueprint.response(200, thing(schemas_out_rules.DraftRow))
@refusing
def check_rules(body: dict[str, Any]) -> dict[str, Any]:
    """Check a text that is not live: its faults, its own tests, and its relation to the live rules. Changes nothing."""
    return one(answered("check", text=body["text"]))


@blueprint.post("/rules/diff")
@needs(Role.VIEWER)
@blueprint.arguments(TextBody)
@blueprint.response(200, thing(schemas_out_rules.ComparedRow))
@refusing
def compare_rules(body: dict[str, Any]) -> dict[str, Any]:
    """Compare the decisions of a text with those of the live rules, on the present data. Changes nothing."""
    return one({"rules": answered("diff", text=body["text"])})


@blueprint.post("/rules/reload")
@needs(Role.OPERATOR)
@blueprint.response(200, thing(schemas_out_rules.ReloadedRow))
def reload_rules() -> dict[str, Any]:
    """Read the rules directory now."""
    reading, changed = rulebook.publish(services().store, services().settings, now=services().clock())
    problems = [str(problem) for problem in reading.errors]
    return one({"rules": len(reading.revisions), "changed": changed, "problems": problems})
