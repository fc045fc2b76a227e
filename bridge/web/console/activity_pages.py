"""Activity: runs with their outcomes, paused and muted items, and the audit log."""

from collections.abc import Sequence
from typing import Any

from flask import Response, abort, request
from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.orm import Session

from bridge.operations.confirmation import display_names
from bridge.operations.item_history import created_item
from bridge.operations.run_list import fold
from bridge.operations.run_outcomes import outcome_of, run_outcomes
from bridge.operations.undo_status import undoable_runs, undone_items
from bridge.store import ledger
from bridge.store.audit_log import Audit
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.journal import Event
from bridge.store.ledger import Effect, EffectState, StoredPlan
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.lists import (
    ROWS_PER_PAGE,
    Filters,
    Line,
    as_csv,
    days,
    filters,
    in_order,
    is_csv,
    is_of_any_kind,
    newest_first,
    of_holds,
    one_of,
    page,
)
from bridge.web.console.show import show
from bridge.web.request_context import number_asked, services
from rules.model.formatting import plainly

SHOWN_MUTES = 500
MAX_RUNS_FOLDED = 600  # runs that are read to be folded into one page
MAX_SHOWN_VERDICTS = 200
MAX_SHOWN_CHANGES = 200  # of one run; all of them when asked for
OUTCOMES = ("changed", "waiting", "held back", "no change", "shadow", "failed")


@blueprint.get("/activity")
@needs(Role.VIEWER, page=True)
def activity() -> Response | str:
    """Runs, newest first; evaluations with the same answer are one row, those that changed nothing are left out."""
    found = filters("rule", "outcome", "all", "from", "to", "live")
    before = number_asked("before")
    wanted = select(Run).where(*_chosen(found), *days(found, Run.started_at, formatting.zone(services())))
    if before:
        wanted = wanted.where(Run.id < before)
    if is_csv():
        return _runs_as_csv(wanted)
    with services().store.read() as session:
        rows = list(session.scalars(wanted.order_by(Run.id.desc()).limit(MAX_RUNS_FOLDED + 1)))
        folded = fold(rows[:MAX_RUNS_FOLDED])
        shown, more = folded[:ROWS_PER_PAGE], len(folded) > ROWS_PER_PAGE or len(rows) > MAX_RUNS_FOLDED
        runs = [one.run for one in shown]
        outcomes = run_outcomes(session, runs)
        undoable = undoable_runs(session, {one.id for one in runs})
        names = sorted(services().library.current(session).revisions)
    older = min((one.run.id for one in shown), default=None) if more else None
    return show(
        "activity.html", rows=shown, outcomes=outcomes, older=older, filters=found, undoable=undoable, names=names,
        words=OUTCOMES, live=found["live"] == "1" and before is None,
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
    """Whose items a run is about: a rule has one account."""
    revision = services().library.revision(session, found.revision)
    return revision.account if revision is not None else next((one.account for one in effects), "")


def _by_reason(verdicts: Sequence[StoredVerdict]) -> list[list[StoredVerdict]]:
    """Verdicts with the same answer for the same reason are told together, in the order of the first of each."""
    found: dict[tuple[int, str], list[StoredVerdict]] = {}
    for one in verdicts:
        found.setdefault((one.answer, one.reason), []).append(one)
    return list(found.values())


def _made(session: Session, effect: Effect) -> str | None:
    """Integr8's id of what a rule ensured by a natural key."""
    made = (effect.result or {}).get("id")
    return str(made) if made is not None else created_item(session, effect.account, effect.kind, effect.target_id)


def _counted(effects: list[Effect]) -> dict[str, int]:
    found: dict[str, int] = {}
    for one in effects:
        found[one.shown] = found.get(one.shown, 0) + 1
    return found


def _of_the_plan(plan: StoredPlan) -> list[dict[str, Any]]:
    """Stops, those of the whole plan first."""
    return sorted(plan.stops, key=lambda one: one.get("subject") is not None)


@blueprint.get("/holds")
@needs(Role.VIEWER, page=True)
def held() -> Response | str:
    """What rules keep paused, and what came back lately."""
    found = filters("rule", "q", "ends")
    before = number_asked("before")
    now = services().clock()
    wanted = [Hold.state == HoldState.ACTIVE, *of_holds(found, now)]
    if is_csv():
        return _holds_as_csv(select(Hold).where(*wanted))
    with services().store.read() as session:
        total = session.scalar(select(func.count()).select_from(Hold).where(*wanted)) or 0
        query = select(Hold).where(*wanted, *([Hold.id < before] if before else [])).order_by(Hold.id.desc())
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
        older=last.id if last else None,
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
    """Items that a rule leaves alone for a while, because a person decided about them."""
    now = services().clock()
    asked = filters("rule", "q")
    wanted = [Mute.until > now]
    if asked["rule"]:
        wanted.append(Mute.rule_id == ("*" if asked["rule"] == "all rules" else asked["rule"]))
    if asked["q"]:
        wanted.append(or_(is_of_any_kind(Mute, asked["q"]), Mute.why.icontains(asked["q"], autoescape=True)))
    query = select(Mute).where(*wanted).order_by(Mute.until, Mute.rule_id, Mute.target_id, Mute.kind, Mute.account)
    if is_csv():
        return _mutes_as_csv(query)
    with services().store.read() as session:
        found = session.scalars(query.limit(SHOWN_MUTES)).all()
        names = display_names(session, {(one.account, one.kind, one.target_id) for one in found})
        total = session.scalar(select(func.count()).select_from(Mute).where(*wanted)) or 0
        rules = sorted(services().library.current(session).revisions)
    accounts = sorted(services().settings.accounts)
    return show(
        "mutes.html", mutes=found, names=names, filters=asked, total=total, rules=rules, accounts=accounts
    )  # fmt: skip


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


@blueprint.get("/audit")
@needs(Role.VIEWER, page=True)
def audit() -> Response | str:
    """Who did what."""
    found = filters("who", "what", "from", "to")
    before = number_asked("before")
    wanted = days(found, Audit.at, formatting.zone(services()))
    wanted += [Audit.who == found["who"]] if found["who"] else []
    wanted += [Audit.what == found["what"]] if found["what"] else []
    wanted += [Audit.id < before] if before else []
    if is_csv():

        def lines(_session: Session, rows: Sequence[Audit]) -> list[Line]:
            return [(one.at, one.who, one.what, one.about, plainly(one.detail or "")) for one in rows]

        everything = newest_first(select(Audit).where(*wanted), Audit.id, lines)
        return as_csv("audit-log", ("at", "who", "what", "about", "detail"), everything)
    with services().store.read() as session:
        rows, last = page(
            list(session.scalars(select(Audit).where(*wanted).order_by(Audit.id.desc()).limit(ROWS_PER_PAGE + 1)))
        )
    return show("audit.html", audit=rows, older=last.id if last else None, filters=found)
