"""One rule: its text with what the last run said line by line, its measurements against the line, its history."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from difflib import unified_diff
from itertools import pairwise
from typing import Any

from flask import abort, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.store import rulebook as shelf
from bridge.store.holds import Hold, HoldState
from bridge.store.people import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import charts
from bridge.web.console.blueprint import blueprint
from bridge.web.console.pages import show
from bridge.web.current import house
from rules.testing import run_tests

POINTS = 60
MODES = ("disabled", "shadow", "approve", "live")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the text, and how often the condition on it was answered in which way."""

    text: str
    answers: tuple[tuple[str, int], ...] = ()

    @property
    def tone(self) -> str:
        """The most frequent answer, or nothing where no condition stands."""
        return self.answers[0][0] if self.answers else ""


@blueprint.get("/rules/<rule_id>")
@needs(Role.VIEWER, page=True)
def rule(rule_id: str) -> str:
    with house().store.read() as session:
        book = house().library.current(session)
        history = shelf.history(session, rule_id)
        wanted = select(Run).where(Run.rule_id == rule_id).order_by(Run.id.desc()).limit(15)
        recent = session.scalars(wanted).all()
        held = session.scalars(select(Hold).where(Hold.rule_id == rule_id, Hold.state == HoldState.ACTIVE)).all()
        traces = _last_traces(session, rule_id)
        subject, measured = _measured(session, rule_id, request.args.get("subject"))
    live = book.revisions.get(rule_id)
    if live is None and not history:
        abort(404, f"there is no rule {rule_id}")
    text = live.text if live else history[0].text
    return show(
        "rule.html", rule_id=rule_id, live=live, lines=coloured(text, traces), history=history, runs=recent, holds=held,
        results=run_tests(live) if live else (), stale=rule_id in book.stale, modes=MODES, subject=subject,
        chart=charts.against_line(measured), older={new.hash: old.hash for new, old in pairwise(history)},
        judged=len(traces),
    )  # fmt: skip


def _last_traces(session: Session, rule_id: str) -> Sequence[dict[str, Any]]:
    """Of the newest run that kept verdicts with their evidence."""
    newest = select(func.max(StoredVerdict.run_id)).join(Run, Run.id == StoredVerdict.run_id)
    run_id = session.scalar(newest.where(Run.rule_id == rule_id))
    return session.scalars(select(StoredVerdict.trace).where(StoredVerdict.run_id == run_id).limit(500)).all()


def _parts(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield trace
    for part in trace.get("parts", ()):
        yield from _parts(part)


def coloured(text: str, traces: Sequence[dict[str, Any]]) -> list[Line]:
    """The text line by line; a line on which a condition stands carries its answers, the most frequent first."""
    said: dict[str, Counter[str]] = {}
    for trace in traces:
        for part in _parts(trace):
            if part is not trace and "answer" in part:  # the whole bears the rule's name, not a condition
                said.setdefault(part["text"], Counter())[part["answer"]] += 1
    longest = sorted(said, key=len, reverse=True)
    return [_line(line, next((one for one in longest if one in line), None), said) for line in text.splitlines()]


def _line(line: str, condition: str | None, said: dict[str, Counter[str]]) -> Line:
    return Line(line, tuple(said[condition].most_common())) if condition else Line(line)


def _measured(
    session: Session, rule_id: str, wanted: str | None
) -> tuple[str | None, list[tuple[datetime, float, float]]]:
    """The measurements of one subject: the one asked for, or the one with the most verdicts."""
    of_rule = select(StoredVerdict.subject).join(Run, Run.id == StoredVerdict.run_id).where(Run.rule_id == rule_id)
    most = of_rule.group_by(StoredVerdict.subject).order_by(func.count().desc(), StoredVerdict.subject).limit(1)
    subject = wanted or session.scalar(most)
    rows = session.execute(
        select(Run.started_at, StoredVerdict.trace)
        .join(Run, Run.id == StoredVerdict.run_id)
        .where(Run.rule_id == rule_id, StoredVerdict.subject == subject)
        .order_by(Run.id.desc())
        .limit(POINTS)
    )
    points = [(at, *pair) for at, trace in rows for pair in _first_number(trace)]
    return subject, points[::-1]


def _first_number(trace: dict[str, Any]) -> list[tuple[float, float]]:
    """Value and line of the first condition that compares two numbers; a share in per cent, as it was written."""
    for part in _parts(trace):
        try:
            scale = 100 if "%" in part["text"] else 1
            return [(float(part["value"]) * scale, float(part["threshold"]) * scale)]
        except (KeyError, TypeError, ValueError):
            continue
    return []


@blueprint.get("/rules/<rule_id>/diff")
@needs(Role.VIEWER, page=True)
def difference(rule_id: str) -> str:
    """What changed between two revisions, line by line."""
    with house().store.read() as session:
        found = {one.hash: one for one in shelf.history(session, rule_id)}
    try:
        before, after = found[request.args.get("from", "")], found[request.args.get("to", "")]
    except KeyError:
        abort(404, f"there is no such pair of revisions of {rule_id}")
    lines = list(unified_diff(before.text.splitlines(), after.text.splitlines(), n=30, lineterm=""))[2:]
    return show("diff.html", rule_id=rule_id, before=before, after=after, lines=lines)
