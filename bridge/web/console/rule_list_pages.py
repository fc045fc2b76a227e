"""The list of rules, with what is wrong in their files."""

from datetime import timedelta

from sqlalchemy import func, select

from bridge.store.holds import Hold, HoldState
from bridge.store.roles import Role
from bridge.store.runs import Run
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services

DAY = timedelta(hours=24)


@blueprint.get("/rules")
@needs(Role.VIEWER, page=True)
def rules() -> str:
    now = services().clock()
    with services().store.read() as session:
        book = services().library.current(session)
        newest = select(Run.rule_id, func.max(Run.started_at)).where(Run.started_at >= now - 30 * DAY)
        last = {row[0]: row[1] for row in session.execute(newest.group_by(Run.rule_id))}
        counted = select(Hold.rule_id, func.count()).where(Hold.state == HoldState.ACTIVE).group_by(Hold.rule_id)
        held = {row[0]: row[1] for row in session.execute(counted)}
    listed = sorted(book.revisions.values(), key=lambda one: one.id)
    return show("rules.html", rules=listed, stale=book.stale, problems=book.problems, last=last, held=held)
