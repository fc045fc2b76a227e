"""Explain a rule's decision on an item at any time, and a pause with what changed since."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy import select

from bridge.decisions import subjects
from bridge.operations import OperationError
from bridge.operations.explain import Explanation, explain, subjects_called
from bridge.operations.pauses import Pause, active_pauses
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.rule_text import Line, explained
from bridge.web.console.show import show
from bridge.web.request_context import services
from rules.model.facts import Subject
from rules.model.input_values import moment_of

OFFERED = 50  # subjects that the field suggests
RULES = 30  # that are asked where none is chosen


@blueprint.get("/explain")
@needs(Role.VIEWER, page=True)
def explanation() -> str:
    """Any rule, or all of them, any item by number, id or name, any time."""
    chosen, text, at = request.args.get("rule", ""), request.args.get("subject", ""), request.args.get("at", "")
    zone = formatting.zone(services())
    found: list[Explanation] = []
    called: list[tuple[Subject, str]] = []
    moment, problem_text, since_then, pause = None, None, None, None
    if text:
        try:
            moment = _moment(at, zone)
            with services().store.read() as session:
                called = subjects_called(session, text)
            if len(called) == 1:
                found = _explained(chosen, called[0][0], moment)
                since_then, pause = _since(found, moment)
        except (OperationError, ValueError) as error:
            problem_text = str(error)
    with services().store.read() as session:
        names = sorted(services().library.current(session).revisions)
        lately = select(StoredVerdict.subject).join(Run, Run.id == StoredVerdict.run_id).where(Run.rule_id == chosen)
        newest = lately.order_by(StoredVerdict.id.desc()).limit(OFFERED)
        known = sorted(set(session.scalars(newest))) if chosen else []
    one = found[0] if len(found) == 1 else None
    return show(
        "explain.html", names=names, chosen=chosen, subject=text, found=one, many=found if one is None else [],
        called=[(subjects.dump(subject), name) for subject, name in called], problem_text=problem_text,
        at=moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else "", known=known, lines=_lines(one),
        since_then=since_then, pause=pause,
    )  # fmt: skip


def _explained(rule: str, subject: Subject, moment: datetime | None) -> list[Explanation]:
    """By one rule, or by every rule that looks at this kind of item. Raises OperationError."""
    now = services().clock()
    if rule:
        return [explain(services(), rule, subject, now=now, at=moment)]
    with services().store.read() as session:
        book = services().library.current(session)
    wanted = sorted(one.id for one in book.revisions.values() if one.scope.per == subject.per)[:RULES]
    if not wanted:
        raise OperationError(f"no rule has {' x '.join(subject.per)} in its scope, so there is nothing to explain")
    found = []
    for name in wanted:
        try:
            found.append(explain(services(), name, subject, now=now, at=moment))
        except OperationError:
            if len(wanted) == 1:
                raise
    return found


def _since(found: list[Explanation], moment: datetime | None) -> tuple[Explanation | None, Pause | None]:
    """What the same rule says now, and the pause that it began at the moment that is explained."""
    if len(found) != 1 or moment is None:
        return None, None
    then = found[0]
    with services().store.read() as session:
        pauses = active_pauses(session, subjects.dump(then.verdict.subject), then.rule)
    try:
        now = explain(services(), then.rule, then.verdict.subject, now=services().clock())
    except OperationError:
        now = None
    return now, next(iter(pauses), None)


def _lines(found: Explanation | None) -> list[Line]:
    """The text of the revision that was asked, with what it says line by line."""
    if found is None:
        return []
    with services().store.read() as session:
        revision = services().library.revision(session, found.revision)
    return explained(revision, found.verdict) if revision else []


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """A time without a zone is the reader's own. Raises ValueError in words."""
    if not text:
        return None
    return moment_of(text, zone)
