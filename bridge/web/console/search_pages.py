"""Search from the header of every page: a single exact hit is opened directly."""

from flask import Response, redirect, request
from sqlalchemy import select

from bridge.operations.search import RECENT, search
from bridge.store.journal import Event
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services

MAX_QUERY_CHARS = 200


@blueprint.get("/search")
@needs(Role.VIEWER, page=True)
def found() -> Response | str:
    text = request.args.get("q", "").strip()[:MAX_QUERY_CHARS]
    with services().store.read() as session:
        rules, several = services().library.current(session).revisions, len(services().settings.accounts) > 1
        every = request.args.get("all") == "1"
        hits = search(session, text, rules, several_accounts=several, every_event=every)
        newest = select(Event.id).order_by(Event.id.desc()).offset(RECENT).limit(1)
        more = bool(text) and not every and session.scalar(newest) is not None
    exact = [hit for hit in hits if hit.exact]
    best = exact or hits
    if len(best) == 1:
        return redirect(best[0].address)  # type: ignore[return-value]
    return show("search.html", hits=hits, text=text, more=more, recent=RECENT)
