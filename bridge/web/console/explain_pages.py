"""Explain: why a rule did, or did not, do something about any subject at any time."""

from datetime import datetime
from zoneinfo import ZoneInfo

from flask import request
from sqlalchemy import select

from bridge.operations import OperationError
from bridge.operations.explain import Explanation, explain, parse_subject
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.pages import show
from bridge.web.console.rule_text import Line, explained
from bridge.web.request_context import services

OFFERED = 50  # subjects that the field suggests


@blueprint.get("/explain")
@needs(Role.VIEWER, page=True)
def explanation() -> str:
    """Any rule, any subject, any time."""
    chosen, subject, at = request.args.get("rule", ""), request.args.get("subject", ""), request.args.get("at", "")
    zone = formatting.zone(services())
    found, moment, problem_text = None, None, None
    if chosen and subject:
        try:
            moment = _moment(at, zone)
            found = explain(services(), chosen, parse_subject(subject), now=services().clock(), at=moment)
        except (OperationError, ValueError) as error:
            problem_text = str(error)
    with services().store.read() as session:
        names = sorted(services().library.current(session).revisions)
        lately = select(StoredVerdict.subject).join(Run, Run.id == StoredVerdict.run_id).where(Run.rule_id == chosen)
        known = session.scalars(lately.distinct().order_by(StoredVerdict.subject).limit(OFFERED)).all()
    return show(
        "explain.html", names=names, chosen=chosen, subject=subject, found=found, problem_text=problem_text,
        at=moment.astimezone(zone).strftime("%Y-%m-%dT%H:%M") if moment else "", known=known, lines=_lines(found),
    )  # fmt: skip


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
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text} is not a time; write it like 2026-11-24T10:15") from None
    return found if found.tzinfo else found.replace(tzinfo=zone)
