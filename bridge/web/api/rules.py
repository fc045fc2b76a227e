"""Rules: list, show, history, explain, reload."""

from datetime import UTC, datetime
from typing import Any

from flask_smorest import Blueprint

from bridge import rulebook
from bridge.operations import NotThere
from bridge.operations.explaining import explain, parse_subject
from bridge.store import rulebook as shelf
from bridge.store.people import Role
from bridge.web.access import needs
from bridge.web.api.answers import one, page, refusing
from bridge.web.api.shapes import ExplainQuery, Page, Thing
from bridge.web.current import house
from rules.testing import run_tests

blueprint = Blueprint("rules", "rules", description="The rules of BRIDGE_HOME")


@blueprint.get("/rules")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
def list_rules() -> dict[str, Any]:
    """The live rules; a broken one keeps its last good revision and is marked stale."""
    with house().store.read() as session:
        book = house().library.current(session)
        rows = [
            {"id": found.id, "title": found.title, "owner": found.owner, "mode": found.mode, "revision": found.hash,
             "file": found.place.file, "stale": found.id in book.stale}
            for found in sorted(book.revisions.values(), key=lambda each: each.id)
        ]  # fmt: skip
    return page(rows, len(rows), "id")


@blueprint.get("/rules/<rule_id>")
@needs(Role.VIEWER)
@blueprint.response(200, Thing)
@refusing
def show_rule(rule_id: str) -> dict[str, Any]:
    """The text of a rule and all its revisions."""
    with house().store.read() as session:
        history = shelf.history(session, rule_id)
        if not history:
            raise NotThere(f"rule {rule_id}: there is none")
        live = house().library.current(session).revisions.get(rule_id)
        revisions = [{"revision": each.hash, "first_seen_at": each.first_seen_at} for each in history]
        return one(
            {"id": rule_id, "live": live.hash if live else None, "text": live.text if live else history[0].text,
             "history": revisions}
        )  # fmt: skip


@blueprint.get("/rules/<rule_id>/history")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
@refusing
def rule_history(rule_id: str) -> dict[str, Any]:
    """Every revision that was ever loaded, with its text, newest first."""
    with house().store.read() as session:
        rows = [
            {"revision": each.hash, "file": each.file, "first_seen_at": each.first_seen_at, "text": each.text}
            for each in shelf.history(session, rule_id)
        ]
    if not rows:
        raise NotThere(f"rule {rule_id}: there is none")
    return page(rows, len(rows), "revision")


@blueprint.post("/rules/<rule_id>/test")
@needs(Role.VIEWER)
@blueprint.response(200, Page)
@refusing
def test_rule(rule_id: str) -> dict[str, Any]:
    """Run the rule's own tests. Changes nothing."""
    with house().store.read() as session:
        live = house().library.current(session).revisions.get(rule_id)
    if live is None:
        raise NotThere(f"rule {rule_id}: it is not loaded")
    rows = [
        {"test": each.test.name or f"line {each.test.place.line}", "expect": each.test.expect, "passed": each.passed,
         "answer": each.verdict.answer.word, "message": each.message}
        for each in run_tests(live)
    ]  # fmt: skip
    return page(rows, len(rows), "test")


@blueprint.get("/rules/<rule_id>/explain")
@needs(Role.VIEWER)
@blueprint.arguments(ExplainQuery, location="query")
@blueprint.response(200, Thing)
@refusing
def explain_rule(query: dict[str, Any], rule_id: str) -> dict[str, Any]:
    """Why the rule did, or did not, do something about a subject, now or at a time."""
    subject = parse_subject(query["subject"])
    return one(explain(house(), rule_id, subject, now=datetime.now(UTC), at=query["at"]).as_json())


@blueprint.post("/rules/reload")
@needs(Role.OPERATOR)
@blueprint.response(200, Thing)
def reload_rules() -> dict[str, Any]:
    """Read the rules directory now."""
    reading, changed = rulebook.publish(house().store, house().settings, now=datetime.now(UTC))
    problems = [str(problem) for problem in reading.errors]
    return one({"rules": len(reading.revisions), "changed": changed, "problems": problems})
