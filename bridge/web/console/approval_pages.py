"""Approvals: plans that wait, ranked by money, with what changed since each was made."""

from bridge.operations.approval_review import reviews
from bridge.operations.confirmation import names_of
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services


@blueprint.get("/approvals")
@needs(Role.VIEWER, page=True)
def approvals() -> str:
    plans = reviews(services(), now=services().clock())
    with services().store.read() as session:
        names = names_of(session, {(one.kind, one.target_id) for plan in plans for one in plan.effects})
    return show("approvals.html", plans=plans, names=names)
