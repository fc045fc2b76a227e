"""Activity: runs with their outcomes, paused and muted items, and the audit log."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from operator import neg
from typing import Any

from flask import Response, abort, request
from sqlalchemy import ColumnElement, Select, func, literal, or_, select, tuple_
from sqlalchemy.orm import Session

from bridge.operations.change_authors import authors
from bridge.operations.confirmation import display_names
from bridge.operations.item_history import changed_by, created_item
from bridge.operations.run_list import fold
from bridge.operations.run_outcomes import outcome_of, run_outcomes
from bridge.operations.undo_status import undoable_runs, undone_items
from bridge.store import entities, ledger
from bridge.store.audit_log import Audit
from bridge.store.entities import ITEM_KINDS, ChangedBy, Entity, EntityChange
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.journal import Event
from bridge.store.ledger import Effect, EffectState, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.lists import (
    HOLDS_FILTERED,
    ROWS_PER_PAGE,
    Filters,
    Line,
    Order,
    as_csv,
    days,
    filters,
    in_order,
    in_order_asked,
    is_csv,
    is_of_any_kind,
    newest_first,
    number_of,
    of_holds,
    one_of,
    page,
)
from bridge.web.console.show import show
from bridge.web.request_context import number_asked, services
from rules.model.formatting import plainly

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
MAX_RUNS_FOLDED = 600  # runs that are read to be folded into one page
MAX_SHOWN_VERDICTS = 200
MAX_SHOWN_CHANGES = 200  # of one run; all of them when asked for
BY_TIME = ("newest", "oldest")
HOLD_ORDERS = {
    "newest": Order(),
    "oldest": Order(descending=False),
    "ends first": Order((func.coalesce(Hold.until, NEVER),), descending=False),
}
REVENUE = func.coalesce(select(Effect.money_24h).where(Effect.id == Hold.effect_id).scalar_subquery(), 0)
AUDIT_ORDERS = {"newest": Order(), "oldest": Order(descending=False)}
CHANGE_ORDERS = {"newest": Order(), "oldest": Order(descending=False)}
MUTE_ORDERS = {
    "ends first": (Mute.until, Mute.rule_id, Mute.target_id, Mute.kind, Mute.account),
    "item": (Mute.kind, func.length(Mute.target_id), Mute.target_id, Mute.account, Mute.rule_id),
    "rule": (Mute.rule_id, Mute.until, Mute.target_id, Mute.kind, Mute.account),
}
CAUSES = {"a rule": ChangedBy.RULE, "a person in Integr8": ChangedBy.PERSON, "not known": ChangedBy.UNKNOWN}
OUTCOMES = ("changed", "waiting", "held back", "no change", "shadow", "failed")


@blueprint.get("/activity")
@needs(Role.VIEWER, page=True)
def activity() -> Response | str:
    """Show runs, newest first.

    Evaluations with the same answer are one row, those that changed nothing are left out.
    """
    found = filters("rule", "outcome", "all", "from", "to", "live", "sort")
    before = number_asked("before")
    oldest_first = one_of(found, "sort", BY_TIME) == "oldest"
    wanted = select(Run).where(*_chosen(found), *days(found, Run.started_at, formatting.zone(services())))
    if is_csv():
        return _runs_as_csv(wanted)
    with services().store.read() as session:
        fitting = number_of(session, wanted.with_only_columns(Run.id))
        if before:
            wanted = wanted.where(Run.id > before if oldest_first else Run.id < before)
        in_time = wanted.order_by(Run.id if oldest_first else Run.id.desc())
        rows = list(session.scalars(in_time.limit(MAX_RUNS_FOLDED + 1)))
        read = rows[:MAX_RUNS_FOLDED]
        folded = fold(read[::-1])[::-1] if oldest_first else fold(read)
        shown, more = folded[:ROWS_PER_PAGE], len(folded) > ROWS_PER_PAGE or len(rows) > MAX_RUNS_FOLDED
        runs = [one.run for one in shown]
        outcomes = run_outcomes(session, runs)
        undoable = undoable_runs(session, {one.id for one in runs})
        names = sorted(services().library.current(session).revisions)
    ids = [one.run.id for one in shown]
    older = (max(ids) if oldest_first else min(ids)) if more and ids else None
    return show(
        "activity.html", rows=shown, outcomes=outcomes, older=older, filters=found, undoable=undoable, names=names,
        words=OUTCOMES, live=found["live"] == "1" and before is None,
        orders=BY_TIME, fitting=fitting,
    )  # fmt: skip


def _runs_as_csv(wanted: Select[Run]) -> Response:
    def lines(session: Session, rows: Sequence[Run]) -> list[Line]:
        outcomes = run_outcomes(session, rows)
        return [
            (one.id, one.started_at, one.rule_id, one.mode, one.yes, one.no, one.no_decision, outcomes[one.id].text,
             one.by, one.event_id)
            for one in rows
        ]  # fmt: skip

    headings = ("run", "started_at", "rule", "mode", "yes", "no", "no_decision", "outcome", "by", "event")
    return as_csv("runs", headings, newest_first(wanted, Run.id, lines))


def _chosen(found: Filters) -> list[ColumnElement[bool]]:
    wanted = [Run.rule_id == found["rule"]] if found["rule"] else []
    match one_of(found, "outcome", OUTCOMES):
        case "changed":
            wanted.append(Run.outcome == "ready")
        case "waiting":
            wanted.append(_with_plan(StoredPlan.state == "waiting"))
        case "held back":
            wanted.append(Run.outcome == "stopped")
        case "no change":
            wanted.append(Run.outcome == "nothing")
        case "shadow":
            wanted.append(Run.outcome == "shadow")
        case "failed":
            failed = select(StoredPlan.run_id).join(Effect).where(Effect.state == EffectState.FAILED)
            wanted.append(or_(Run.outcome == "error", Run.id.in_(failed)))
        case _ if found["all"] != "1":
            wanted.append(or_(Run.outcome != "nothing", Run.yes > 0))
    return wanted


def _with_plan(condition: ColumnElement[bool]) -> ColumnElement[bool]:
    return Run.id.in_(select(StoredPlan.run_id).where(condition))


@blueprint.get("/runs/<int:run_id>")
@needs(Role.VIEWER, page=True)
def run(run_id: int) -> str:
    with services().store.read() as session:
        found = session.get(Run, run_id)
        if found is None:
            abort(404, f"there is no run {run_id}")
        verdicts = session.scalars(
            select(StoredVerdict).where(StoredVerdict.run_id == run_id).limit(MAX_SHOWN_VERDICTS)
        ).all()
        plans = ledger.plans_of(session, found.plan_of or run_id)
        effects = {plan.id: list(plan.effects) for plan in plans}
        everything = [effect for each in effects.values() for effect in each]
        most = len(everything) if request.args.get("all") else MAX_SHOWN_CHANGES
        told = [one for each in effects.values() for one in each[:most]]
        calls = ledger.with_calls(session, [one.id for one in told])
        event = session.get(Event, found.event_id) if found.event_id else None
        undone = undone_items(session, {run_id})
        undone_by = {effect.id: undone.undid(run_id, effect) for effect in everything}
        account = _account(session, found, everything)
        subjects = {(account, kind, number) for kind, _, number in (one.subject.partition("=") for one in verdicts)}
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in told} | subjects)
        made = {one.id: _made(session, one) for one in told if "=" in one.target_id}
        counted: dict[int, dict[str, int]] = {plan.id: _counted(effects[plan.id]) for plan in plans}
        outcome = outcome_of(found, plans, counted)
    undoable = [one for one in everything if one.state == EffectState.APPLIED and undone_by[one.id] is None]
    return show(
        "run.html", run=found, verdicts=_by_reason(verdicts), told=len(verdicts),
        plans=plans, effects=effects, calls=calls, event=event,
        undoable=undoable, undone_by=undone_by, asked=request.args.get("undo", ""), names=names, made=made,
        outcome=outcome, whole_stops={plan.id: _of_the_plan(plan) for plan in plans},
        most=most, account=account,
    )  # fmt: skip


def _account(session: Session, found: Run, effects: Sequence[Effect]) -> str:
    """Return the account of a run's items: a rule has one account."""
    revision = services().library.revision(session, found.revision)
    return revision.account if revision is not None else next((one.account for one in effects), "")


def _by_reason(verdicts: Sequence[StoredVerdict]) -> list[list[StoredVerdict]]:
    """Group verdicts with the same answer and reason, in the order of the first of each."""
    found: dict[tuple[int, str], list[StoredVerdict]] = {}
    for one in verdicts:
        found.setdefault((one.answer, one.reason), []).append(one)
    return list(found.values())


def _made(session: Session, effect: Effect) -> str | None:
    """Return Integr8's id of what a rule ensured by a natural key."""
    made = (effect.result or {}).get("id")
    return str(made) if made is not None else created_item(session, effect.account, effect.kind, effect.target_id)


def _counted(effects: list[Effect]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in effects:
        found[one.shown] = found.get(one.shown, 0) + 1
    return found


def _of_the_plan(plan: StoredPlan) -> list[dict[str, Any]]:
    """Return the stops, those of the whole plan first."""
    return sorted(plan.stops, key=lambda one: one.get("subject") is not None)


@blueprint.get("/holds")
@needs(Role.VIEWER, page=True)
def held() -> Response | str:
    """Show what rules keep paused, and what returned lately."""
    found = filters(*HOLDS_FILTERED, "sort")
    now = services().clock()
    wanted = [Hold.state == HoldState.ACTIVE, *of_holds(found, now)]
    places = services().settings.currency_places
    orders = HOLD_ORDERS | {"most revenue": Order((*map(neg, ledger.currency_place(Hold.account, places)), REVENUE))}
    if is_csv():
        return _holds_as_csv(select(Hold).where(*wanted))
    with services().store.read() as session:
        total = session.scalar(select(func.count()).select_from(Hold).where(*wanted)) or 0
        query = in_order_asked(session, select(Hold).where(*wanted), Hold.id, orders, found)
        active, last = page(list(session.scalars(query.limit(ROWS_PER_PAGE + 1))))
        ended = session.scalars(
            select(Hold).where(Hold.state != HoldState.ACTIVE).order_by(Hold.ended_at.desc()).limit(20)
        ).all()
        money: dict[int, Any] = {
            row[0]: row[1]
            for row in session.execute(
                select(Effect.id, Effect.money_24h).where(Effect.id.in_([one.effect_id for one in active]))
            )
        }
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in (*active, *ended)})
        rules = sorted(session.scalars(select(Hold.rule_id).where(Hold.state == HoldState.ACTIVE).distinct()))
    return show(
        "holds.html", active=active, ended=ended, names=names, total=total, filters=found, rules=rules, money=money,
        older=last.id if last else None, orders=tuple(orders),
    )  # fmt: skip


def _holds_as_csv(wanted: Select[Hold]) -> Response:
    def lines(session: Session, rows: Sequence[Hold]) -> list[Line]:
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in rows})
        return [
            (one.id, one.kind, one.target_id, names[one.account, one.kind, one.target_id], one.rule_id, one.since,
             one.until, one.count, one.account)
            for one in rows
        ]  # fmt: skip

    headings = ("hold", "kind", "id", "name", "rule", "since", "until", "times_in_a_row", "account")
    return as_csv("paused-items", headings, newest_first(wanted, Hold.id, lines))


@blueprint.get("/mutes")
@needs(Role.VIEWER, page=True)
def mutes() -> Response | str:
    """Show items that a rule leaves alone for a while, because a person decided about them."""
    now = services().clock()
    asked = filters("rule", "q", "from", "to", "sort")
    wanted = [Mute.until > now, *days(asked, Mute.until, formatting.zone(services()))]
    if asked["rule"]:
        wanted.append(Mute.rule_id == ("*" if asked["rule"] == "all rules" else asked["rule"]))
    if asked["q"]:
        wanted.append(or_(is_of_any_kind(Mute, asked["q"]), Mute.why.icontains(asked["q"], autoescape=True)))
    order = MUTE_ORDERS[one_of(asked, "sort", tuple(MUTE_ORDERS)) or next(iter(MUTE_ORDERS))]
    query = select(Mute).where(*wanted).order_by(*order)
    if is_csv():
        return _mutes_as_csv(query)
    with services().store.read() as session:
        shown, last = page(list(session.scalars(_after_mute(session, query, order, asked).limit(ROWS_PER_PAGE + 1))))
        found = list(shown)
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in found})
        total = session.scalar(select(func.count()).select_from(Mute).where(*wanted)) or 0
        rules = sorted(services().library.current(session).revisions)
    accounts = sorted(services().settings.accounts)
    return show(
        "mutes.html", mutes=found, names=names, filters=asked, total=total, rules=rules, accounts=accounts,
        orders=tuple(MUTE_ORDERS), older=json.dumps(_mute_key(last)) if last else None,
    )  # fmt: skip


MUTE_KEY_LENGTH = 4


def _mute_key(one: Mute) -> list[str]:
    return [one.rule_id, one.account, one.kind, one.target_id]


def _after_mute(session: Session, query: Select[Mute], order: Sequence[Any], found: Filters) -> Select[Mute]:
    """Return the mutes after the one that `before` names; from the beginning if it has ended meanwhile."""
    if not found["before"]:
        return query
    try:
        key = json.loads(found["before"])
    except ValueError:
        key = None
    if not isinstance(key, list) or len(key) != MUTE_KEY_LENGTH or not all(isinstance(one, str) for one in key):
        abort(422, "`before` names no mute; begin with the first page")
    rule, account, kind, target = key
    named = (Mute.rule_id == rule, Mute.account == account, Mute.kind == kind, Mute.target_id == target)
    last = session.execute(select(*order).where(*named)).one_or_none()
    if last is None:
        return query
    there = tuple_(*(literal(value, column.type) for value, column in zip(last, order, strict=True)))
    return query.where(tuple_(*order) > there)


def _mutes_as_csv(wanted: Select[Mute]) -> Response:
    def lines(session: Session, rows: Sequence[Mute]) -> list[Line]:
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in rows})
        return [
            (
                one.kind,
                one.target_id,
                names.get((one.account, one.kind, one.target_id)),
                one.rule_id,
                one.until,
                one.why,
                one.account,
            )
            for one in rows
        ]

    headings = ("kind", "id", "name", "rule", "until", "why", "account")
    identity = (Mute.rule_id, Mute.account, Mute.kind, Mute.target_id)
    return as_csv("mutes", headings, in_order(wanted, identity, lines))


@blueprint.get("/changes")
@needs(Role.VIEWER, page=True)
def changes() -> Response | str:
    """Show differences found at Integr8, and who changed them."""
    found = filters("q", "kind", "field", "by", "account", "from", "to", "sort")
    accounts = tuple(services().settings.accounts)
    wanted = days(found, EntityChange.seen_at, formatting.zone(services()))
    wanted += [EntityChange.kind == kind] if (kind := one_of(found, "kind", ITEM_KINDS)) else []
    wanted += [EntityChange.account == account] if (account := one_of(found, "account", accounts)) else []
    wanted += [EntityChange.cause == CAUSES[by]] if (by := one_of(found, "by", tuple(CAUSES))) else []
    wanted += [EntityChange.field == found["field"]] if found["field"] else []
    if found["q"]:
        wanted.append(_of_item_called(found["q"]))
    query = select(EntityChange).where(*wanted)
    if is_csv():
        headings = ("change", "seen_at", "account", "kind", "id", "name", "field", "before", "after", "by", "run")
        return as_csv("changes", headings, newest_first(query, EntityChange.id, _lines_of_changes))
    with services().store.read() as session:
        fitting = number_of(session, query.with_only_columns(EntityChange.id))
        asked = in_order_asked(session, query, EntityChange.id, CHANGE_ORDERS, found)
        rows, last = page(list(session.scalars(asked.limit(ROWS_PER_PAGE + 1))))
        names = display_names(session, {(one.account, one.kind, one.ref) for one in rows})
        known = select(Entity.account, Entity.kind, Entity.ref, Entity.number)
        known = known.where(Entity.ref.in_({one.ref for one in rows}))
        numbers = {(account, kind, ref): number for account, kind, ref, number in session.execute(known) if number}
        by_whom = authors(session, {one.effect_id for one in rows if one.effect_id})
    return show(
        "changes.html", changes=rows, names=names, numbers=numbers, authors=by_whom, filters=found, fitting=fitting,
        kinds=ITEM_KINDS, causes=tuple(CAUSES), accounts=accounts, orders=tuple(CHANGE_ORDERS),
        older=last.id if last else None,
    )  # fmt: skip


def _of_item_called(text: str) -> ColumnElement[bool]:
    """Return the condition for changes of the item with this id, either of its two, or with this in its name."""
    same = (Entity.account == EntityChange.account, Entity.kind == EntityChange.kind, Entity.ref == EntityChange.ref)
    return select(Entity.id).where(*same, entities.matches(text)).exists()


def _lines_of_changes(session: Session, rows: Sequence[EntityChange]) -> list[Line]:
    names = display_names(session, {(one.account, one.kind, one.ref) for one in rows})
    by_whom = authors(session, {one.effect_id for one in rows if one.effect_id})
    return [
        (
            one.id, one.seen_at, one.account, one.kind, one.ref, names[one.account, one.kind, one.ref], one.field,
            plainly(one.before), plainly(one.after), changed_by(one, author),
            author.run_id if author else None,
        )
        for one in rows
        for author in [by_whom.get(one.effect_id) if one.effect_id else None]
    ]  # fmt: skip


@blueprint.get("/audit")
@needs(Role.VIEWER, page=True)
def audit() -> Response | str:
    """Show who did what."""
    found = filters("who", "what", "from", "to", "sort")
    wanted = days(found, Audit.at, formatting.zone(services()))
    wanted += [Audit.who == found["who"]] if found["who"] else []
    wanted += [Audit.what == found["what"]] if found["what"] else []
    if is_csv():

        def lines(_session: Session, rows: Sequence[Audit]) -> list[Line]:
            return [(one.at, one.who, one.what, one.about, plainly(one.detail or "")) for one in rows]

        everything = newest_first(select(Audit).where(*wanted), Audit.id, lines)
        return as_csv("audit-log", ("at", "who", "what", "about", "detail"), everything)
    with services().store.read() as session:
        fitting = number_of(session, select(Audit.id).where(*wanted))
        query = in_order_asked(session, select(Audit).where(*wanted), Audit.id, AUDIT_ORDERS, found)
        rows, last = page(list(session.scalars(query.limit(ROWS_PER_PAGE + 1))))
    return show(
        "audit.html", audit=rows, older=last.id if last else None, filters=found, fitting=fitting,
        orders=tuple(AUDIT_ORDERS),
    )  # fmt: skip
