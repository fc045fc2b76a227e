"""Entities: one page per offer, publisher or advertiser, and the way to it."""

from collections.abc import Sequence

from flask import abort, request
from sqlalchemy import select
from sqlalchemy.orm import Session, joinedload

from bridge.store import entities, ledger
from bridge.store.entities import Entity
from bridge.store.holds import Hold
from bridge.store.ledger import Effect
from bridge.store.roles import Role
from bridge.web.access import needs
from bridge.web.console.blueprint import blueprint
from bridge.web.console.pages import PAGE, show
from bridge.web.request_context import number_asked, services
from rules.model.revision import Revision

KINDS = ("offer", "publisher", "advertiser")
SHOWN = 30


@blueprint.get("/entities")
@needs(Role.VIEWER, page=True)
def listed() -> str:
    kind, text = request.args.get("kind", KINDS[0]), request.args.get("q", "").strip()
    after = number_asked("after") or 0
    wanted = select(Entity).where(Entity.kind == kind).order_by(Entity.active, Entity.name, Entity.id)
    if text:
        wanted = wanted.where(entities.matches(text))
    with services().store.read() as session:
        found = list(session.scalars(wanted.offset(after).limit(PAGE + 1)))
    more = after + PAGE if len(found) > PAGE else None
    return show("entities.html", entities=found[:PAGE], kind=kind, kinds=KINDS, text=text, more=more)


@blueprint.get("/entities/<kind>/<identity>")
@needs(Role.VIEWER, page=True)
def entity(kind: str, identity: str) -> str:
    """One of them: its state, who changed it and why, which rules act on it, and the way back."""
    with services().store.read() as session:
        found = entities.named(session, kind, identity)
        if found is None:
            abort(404, f"there is no {kind} {identity} in the mirror")
        changed = entities.changes(session, account=found.account, kind=kind, ref=found.ref, limit=50)
        ids = [one for one in (found.ref, found.number) if one]
        of_it = select(Hold).where(Hold.kind == kind, Hold.target_id.in_(ids))
        held = session.scalars(of_it.order_by(Hold.id.desc()).limit(SHOWN)).all()
        effects = _effects(session, kind, ids)
        runs = {one.id: one.plan.run_id for one in effects}
        undone = ledger.undone(session, set(runs.values()))
        book = services().library.current(session)
    return show(
        "entity.html", entity=found, changes=changed, holds=held, effects=effects, runs=runs, undone=undone,
        rules=[one for one in book.revisions.values() if _touches(one, kind)],
    )  # fmt: skip


def _effects(session: Session, kind: str, ids: Sequence[str]) -> Sequence[Effect]:
    wanted = select(Effect).where(Effect.kind == kind, Effect.target_id.in_(ids))
    return session.scalars(wanted.options(joinedload(Effect.plan)).order_by(Effect.id.desc()).limit(SHOWN)).all()


def _touches(revision: Revision, kind: str) -> bool:
    return any(step.target == kind for step in revision.then)
