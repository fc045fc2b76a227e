"""Items: the list, and one page per offer, publisher or advertiser with its history."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from flask import Response, abort, redirect, request
from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from bridge.decisions.live_facts import facts_of_items
from bridge.operations.confirmation import display_names
from bridge.operations.decide import live_inputs
from bridge.operations.errors import NotThere
from bridge.operations.item_history import Moment, created_item, every_id_of, story
from bridge.operations.item_lookup import SeveralAccounts, find_item
from bridge.operations.pauses import active_pauses
from bridge.operations.rule_text import parts
from bridge.services.container import Services
from bridge.store import entities
from bridge.store.entities import ITEM_KINDS, Entity
from bridge.store.holds import Hold, HoldState
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting, item_charts
from bridge.web.console.blueprint import blueprint
from bridge.web.console.lists import (
    ROWS_PER_PAGE,
    Line,
    Order,
    as_csv,
    filters,
    in_order,
    in_order_asked,
    is_csv,
    one_of,
    page,
)
from bridge.web.console.show import show
from bridge.web.request_context import services
from rules.model.facts import Subject, Why
from rules.model.revision import Revision

STATES = ("active", "inactive", "archived", "paused by rule")
HOUR = timedelta(hours=1)
CHARTED = 48  # hours
DAY = timedelta(hours=24)


@blueprint.get("/items")
@needs(Role.VIEWER, page=True)
def listed() -> Response | str:
    found = filters("kind", "q", "state", "sort", "account")
    accounts = tuple(services().settings.accounts)
    kind = one_of(found, "kind", ITEM_KINDS) or ITEM_KINDS[0]
    wanted = [Entity.kind == kind, *_in_state(one_of(found, "state", STATES))]
    if found["q"]:
        wanted.append(entities.matches(found["q"]))
    if account := one_of(found, "account", accounts):
        wanted.append(Entity.account == account)
    if is_csv():
        headings = ("kind", "number", "id", "name", "active", "changed_at", "archived_at", "account")
        with services().store.read() as session:
            query = in_order_asked(session, select(Entity).where(*wanted), Entity.id, ORDERS, found)
        return as_csv(f"{kind}s", headings, in_order(query, (Entity.id,), _lines_of_file))
    with services().store.read() as session:
        total = session.scalar(select(func.count()).select_from(Entity).where(*wanted)) or 0
        query = in_order_asked(session, select(Entity).where(*wanted), Entity.id, ORDERS, found)
        rows, last = page(list(session.scalars(query.limit(ROWS_PER_PAGE + 1))))
        held = _held_by(session, kind, rows)
        owners = _owners(session, rows)
    return show(
        "items.html", entities=rows, kind=kind, kinds=ITEM_KINDS, states=STATES,
        orders=tuple(ORDERS), accounts=accounts, filters=found, more=last.id if last else None, total=total, held=held,
        owners=owners,
    )  # fmt: skip


def _lines_of_file(_session: Session, rows: Sequence[Entity]) -> list[Line]:
    return [
        (one.kind, one.number, one.ref, one.name, one.active, one.changed_at, one.gone_at, one.account) for one in rows
    ]


def _held_by(session: Session, kind: str, rows: Sequence[Entity]) -> dict[int, Hold]:
    """Return row → its active pause."""
    ids = {(one.account, name): one.id for one in rows for name in (one.number, one.ref) if name}
    names = {name for _, name in ids}
    query = select(Hold).where(Hold.state == HoldState.ACTIVE, Hold.kind == kind, Hold.target_id.in_(names))
    held = [one for one in session.scalars(query) if (one.account, one.target_id) in ids]
    return {ids[one.account, one.target_id]: one for one in held}


def _owners(session: Session, rows: Sequence[Entity]) -> dict[int, tuple[str, str]]:
    """Return row → id and name of its advertiser."""
    found = {one.id: (one.account, "advertiser", owner) for one in rows if (owner := _owner(one))}
    names = display_names(session, set(found.values()))
    return {row: (owner[2], names[owner] or owner[2]) for row, owner in found.items()}


NUMBER, NAME = func.coalesce(Entity.number, ""), func.coalesce(Entity.name, "")
ORDERS = {
    "number": Order((func.length(NUMBER), NUMBER), descending=False),  # as numbers: 2 stands before 10
    "name": Order((NAME,), descending=False),
    "changed": Order((Entity.changed_at,)),
}


def _in_state(state: str) -> list[ColumnElement[bool]]:
    match state:
        case "active":
            return [Entity.active.is_(True), Entity.gone_at.is_(None)]
        case "inactive":
            return [Entity.active.is_(False), Entity.gone_at.is_(None)]
        case "archived":
            return [Entity.gone_at.is_not(None)]
        case "paused by rule":
            held = select(Hold.id).where(
                Hold.state == HoldState.ACTIVE,
                Hold.account == Entity.account,
                Hold.kind == Entity.kind,
                Hold.target_id.in_([Entity.number, Entity.ref]),
            )
            return [held.exists()]
        case _:
            return []


@blueprint.get("/items/<kind>/<path:identity>")
@needs(Role.VIEWER, page=True)
def item(kind: str, identity: str) -> Response | str:
    """Show one item: its figures, what is in force, and its whole history."""
    now = services().clock()
    account = request.args.get("account") or None
    with services().store.read() as session:
        try:
            found = find_item(session, kind, identity, account)
        except SeveralAccounts:
            same = entities.all_named(session, kind, identity)
            return show("item_of_several.html", kind=kind, identity=identity, entities=same)
        except NotThere:
            return _elsewhere(session, kind, identity, account)
        book = services().library.current(session)
        elsewhere = [one.id for one in book.revisions.values() if one.account != found.account]
        told = story(session, found, elsewhere)
        subject = f"{kind}={found.number or found.ref}"
        pauses = active_pauses(session, subject, account=found.account)
        rules = [one for one in book.revisions.values() if one.account == found.account and _touches(one, kind)]
        parent = _advertiser(session, found)
        charts = item_charts.charts(
            _measured(services(), session, found, now), told.holds, formatting.zone(services()),
            marks=[item_charts.Mark(one.at, f"{one.what} by {one.who}") for one in told.moments if _is_change(one)],
            thresholds=_thresholds(session, rules, subject),
        )  # fmt: skip
    return show(
        "item.html", entity=found, story=told, pauses={one.hold_id: one for one in pauses}, rules=rules,
        subject=subject, charts=charts, parent=parent, ids=every_id_of(found),
    )  # fmt: skip


def _elsewhere(session: Session, kind: str, identity: str, account: str | None) -> Response:
    """Return the address of the created item for a natural key."""
    made = created_item(session, account, kind, identity) if "=" in identity else None
    if made is None or not entities.all_named(session, kind, made, account=account):
        where = f" of account {account}" if account is not None else ""
        abort(404, f"there is no {kind} {identity}{where} among what was read from Integr8")
    of = f"?account={quote(account)}" if account is not None else ""
    return redirect(f"/items/{kind}/{quote(made)}{of}")  # type: ignore[return-value]


def _advertiser(session: Session, found: Entity) -> Entity | None:
    owner = _owner(found)
    return entities.named(session, found.account, "advertiser", owner) if owner else None


def _owner(found: Entity) -> str | None:
    owner = found.fields.get("advertiser_id") or found.fields.get("advertiser")
    owner = owner.get("id") if isinstance(owner, dict) else owner
    return str(owner) if owner else None


def _measured(found: Services, session: Session, item: Entity, now: datetime) -> list[item_charts.Hour]:
    """Return clicks, conversions and revenue of the last hours, from the reports that rules use."""
    if item.kind not in ITEM_KINDS or item.account not in found.settings.accounts:
        return []
    subject = Subject((item.kind,), (item.number or item.ref,))  # type: ignore[arg-type]
    facts = facts_of_items(live_inputs(found), session, (item.account, item.integration), [subject], now)
    first = now.replace(minute=0, second=0, microsecond=0) - (CHARTED - 1) * HOUR

    def amount(name: str, at: datetime) -> float | None:
        column = facts.measure(name, (item.kind,), at, min(at + HOUR, now))  # type: ignore[arg-type]
        return float(column.values[0]) if column.why[0] == Why.KNOWN else None

    def of_day(end: datetime) -> tuple[float, float] | None:
        clicks, conversions = (
            facts.measure(name, (item.kind,), end - DAY, end)  # type: ignore[arg-type]
            for name in ("clicks", "conversions")
        )
        if clicks.why[0] != Why.KNOWN or conversions.why[0] != Why.KNOWN:
            return None
        return float(clicks.values[0]), float(conversions.values[0])

    return [
        item_charts.Hour(
            at, amount("clicks", at), amount("conversions", at), amount("revenue", at), of_day(min(at + HOUR, now))
        )
        for at in (first + number * HOUR for number in range(CHARTED))
    ]


def _is_change(moment: Moment) -> bool:
    """Return whether to mark it on the curves: every change that took place, whoever made it."""
    return moment.kind == "change" or (moment.kind == "effect" and moment.state == "applied")


def _thresholds(session: Session, rules: list[Revision], subject: str) -> list[tuple[str, float]]:
    """Return the conversion rate, in per cent, that each rule last required from the item."""
    found = []
    for rule in rules:
        newest = (
            select(StoredVerdict.trace)
            .join(Run, Run.id == StoredVerdict.run_id)
            .where(Run.rule_id == rule.id, StoredVerdict.subject == subject)
            .order_by(StoredVerdict.run_id.desc())
            .limit(1)
        )
        trace = session.scalar(newest)
        found += [(rule.id, threshold) for threshold in _rates(trace)[:1]] if trace else []
    return found


def _rates(trace: dict[str, Any]) -> list[float]:
    told = (part for part in parts(trace) if str(part.get("text", "")).startswith("cr "))
    found = []
    for part in told:
        try:
            found.append(float(part["threshold"]) * item_charts.PERCENT)
        except (KeyError, TypeError, ValueError):
            continue
    return found


def _touches(revision: Revision, kind: str) -> bool:
    return any(step.target == kind for step in revision.then)
