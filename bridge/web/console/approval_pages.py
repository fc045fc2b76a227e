"""Approvals: what waits for a person, ranked by money, with what changed since it was put to them."""

from bridge.operations.approval_review import reviews
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.pages import show
from bridge.web.request_context import services


@blueprint.get("/approvals")
@needs(Role.VIEWER, page=True)
def approvals() -> str:
    return show("approvals.html", plans=reviews(services(), now=services().clock()))
