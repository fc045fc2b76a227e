"""Explain a rule's decision on an item at any time, and a pause with what changed since."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy import select

from bridge.decisions import subjects
from bridge.operations import OperationError
from bridge.operations.confirmation import display_names
from bridge.operations.explain import Called, subjects_called
from bridge.operations.pauses import Pause, active_pauses
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.long_questions import answered
from bridge.web.request_context import services
from rules.model.input_values import moment_of
from rules.model.revision import Revision

OFFERED = 50  # subjects that the field suggests


@blueprint.get("/explain")
@needs(Role.VIEWER, page=True)
def explanation() -> str:
    """Explain any rule, or all of them, for any item by number, id or name, at any time."""
    chosen, text, at = request.args.get("rule", ""), request.args.get("subject", ""), request.args.get("at", "")
    zone = formatting.zone(services())
    found: list[dict[str, Any]] = []
    account = request.args.get("account") or None
    called: list[Called] = []
    moment, problem_text, since_then, pause = None, None, None, None
    if text:
        try:
            moment = _moment(at, zone)
            with services().store.read() as session:
                rule = services().library.current(session).revisions.get(chosen)
                called = subjects_called(session, text, account=account or (rule.account if rule else None))
            if len(called) == 1:
                found, since_then = _explained(chosen, called[0], moment, account)
                pause = _pause(found[0]) if len(found) == 1 and moment else None
        except (OperationError, ValueError) as error:
            problem_text = str(error)
    with services().store.read() as session:
        book = services().library.current(session).revisions
        names = sorted(book)
        lately = select(StoredVerdict.subject).join(Run, Run.id == StoredVerdict.run_id).where(Run.rule_id == chosen)
        newest = lately.order_by(StoredVerdict.id.desc()).limit(OFFERED)
        known = sorted(set(session.scalars(newest))) if chosen else []
    one = found[0] if len(found) == 1 else None
    return show(
        "explain.html", names=names, chosen=chosen, subject=text, found=one, many=found if one is None else [],
        called=[(subjects.dump(one.subject), one.name) for one in called], problem_text=problem_text, account=account,
        at=moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else "", known=known,
        lines=one["lines"] if one else [], since_then=since_then, pause=pause,
        name=_name(called[0], book, chosen, account) if len(called) == 1 else "",
        accounts={name: revision.account for name, revision in book.items()},
    )  # fmt: skip


def _explained(
    rule: str, about: Called, moment: datetime | None, account: str | None
) -> tuple[list[dict[str, Any]], Any]:
    """Return the explanations by one rule, or by every rule that evaluates this kind of item, and later answers.

    Raises OperationError.
    """
    at = moment.isoformat() if moment else None
    of = about.accounts[0] if account is None and len(about.accounts) == 1 else account
    told = answered("explain page", rule=rule, subject=subjects.dump(about.subject), at=at, account=of)
    return [_with_moments(one) for one in told["found"]], told.get("since")


def _name(about: Called, book: Mapping[str, Revision], rule: str, account: str | None) -> str:
    """Return the name of the item; empty for several dimensions, and where accounts may differ."""
    subject, whose = about.subject, account or (book[rule].account if rule in book else None)
    accounts = {whose} if whose else {one.account for one in book.values()}
    if about.name or len(accounts) != 1 or len(subject.per) != 1:
        return about.name
    item = (next(iter(accounts)), subject.per[0], subject.ids[0])
    with services().store.read() as session:
        return display_names(session, {item}).get(item) or ""


def _with_moments(told: dict[str, Any]) -> dict[str, Any]:
    evaluations = [one | {"at": datetime.fromisoformat(one["at"])} for one in told["evaluations"]]
    return told | {"at": datetime.fromisoformat(told["at"]), "evaluations": evaluations}


def _pause(then: dict[str, Any]) -> Pause | None:
    """Return the pause that the rule began at the explained moment."""
    with services().store.read() as session:
        return next(iter(active_pauses(session, then["subject"], rule=then["rule"])), None)


def _moment(text: str, zone: ZoneInfo) -> datetime | None:
    """Parse a time; without a zone it is the reader's own. Raises ValueError with a readable text."""
    if not text:
        return None
    return moment_of(text, zone)
