"""The pages: each is one question to the store, told in plain words."""

from datetime import datetime, timedelta
from typing import Any

from flask import abort, render_template, request
from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from bridge.decisions.event_facts import shown
from bridge.operations.api_usage import consumption
from bridge.operations.halt import waiting as waits_for_resume
from bridge.store import holds, journal, ledger, runs, upkeep
from bridge.store.holds import Hold, HoldState
from bridge.store.journal import Event
from bridge.store.ledger import Effect, EffectState
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import charts, formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.health import checks
from bridge.web.request_context import number_asked, services

PAGE = 60
DAY = timedelta(hours=24)


def show(template: str, **values: Any) -> str:
    with services().store.read() as session:
        halt = upkeep.halted(session)
        halt_waits = waits_for_resume(session) if halt is not None else None
        waiting = ledger.count_waiting(session)
    return render_template(
        template, halt=halt, halt_waits=halt_waits, waiting_count=waiting, now=services().clock(), **values
    )


@blueprint.get("/")
@needs(Role.VIEWER, page=True)
def overview() -> str:
    now = services().clock()
    with services().store.read() as session:
        found: dict[str, Any] = {
            "events": journal.counts(session),
            "runs_today": runs.counts(session, now - DAY),
            "effects": ledger.counts(session),
            "held": holds.count_active(session),
            "waiting": ledger.waiting(session)[:5],
            "recent": session.scalars(_runs().where(Run.outcome.not_in(["nothing"])).limit(8)).all(),
            "columns": _by_hour(session, now),
            "failed": session.scalars(_failed(now).limit(5)).all(),
        }
        found["undoable"] = ledger.undoable(session, {one.id for one in found["recent"]})
    wrong = [one for one in checks(services(), now) if one["status"] != "ok"]
    chart = charts.hours(found["columns"], "events", "effects")
    return show("overview.html", wrong=wrong, chart=chart, percent=charts.percent, **found)


def _runs() -> Any:
    return select(Run).order_by(Run.id.desc())


def _failed(now: datetime) -> Any:
    return (
        select(Effect)
        .where(Effect.state == EffectState.FAILED, Effect.ended_at >= now - DAY)
        .order_by(Effect.id.desc())
    )


def _by_hour(session: Session, now: datetime) -> list[charts.Column]:
    """Events received, effects applied and the use of Integr8's budget in each of the last 24 hours."""
    accounts = services().settings.accounts
    used = consumption(session, accounts, now).hours
    first = used[0].at
    events = session.scalars(select(Event.received_at).where(Event.received_at >= first).limit(200_000))
    effects = session.scalars(
        select(Effect.ended_at).where(Effect.ended_at >= first, Effect.state == EffectState.APPLIED).limit(200_000)
    )
    counts = [[0, 0] for _ in used]
    for column, moments in ((0, events.all()), (1, effects.all())):
        for at in moments:
            if at is not None:
                counts[min(int((at - first).total_seconds() // 3600), 23)][column] += 1
    zone = formatting.zone(services())
    return [
        charts.Column(hour.at.astimezone(zone), received, applied, hour.share)
        for hour, (received, applied) in zip(used, counts, strict=True)
    ]


@blueprint.get("/activity")
@needs(Role.VIEWER, page=True)
def activity() -> str:
    """Runs, newest first; dull ones are left out unless asked for."""
    rule, everything = request.args.get("rule"), request.args.get("all") == "1"
    before = number_asked("before")
    wanted = _runs().limit(PAGE + 1)
    if rule:
        wanted = wanted.where(Run.rule_id == rule)
    if not everything:
        wanted = wanted.where(or_(Run.outcome != "nothing", Run.yes > 0))
    if before:
        wanted = wanted.where(Run.id < before)
    with services().store.read() as session:
        found = list(session.scalars(wanted))
        undoable = ledger.undoable(session, {one.id for one in found})
    older = found[PAGE - 1].id if len(found) > PAGE else None
    live = request.args.get("live") == "1" and before is None
    return show(
        "activity.html", runs=found[:PAGE], older=older, rule=rule, everything=everything, live=live, undoable=undoable
    )


@blueprint.get("/runs/<int:run_id>")
@needs(Role.VIEWER, page=True)
def run(run_id: int) -> str:
    with services().store.read() as session:
        found = session.get(Run, run_id)
        if found is None:
            abort(404, f"there is no run {run_id}")
        verdicts = session.scalars(select(StoredVerdict).where(StoredVerdict.run_id == run_id).limit(200)).all()
        plans = ledger.plans_of(session, run_id)
        effects = {plan.id: list(plan.effects) for plan in plans}
        calls = {effect.id: list(effect.calls) for each in effects.values() for effect in each}
        event = session.get(Event, found.event_id) if found.event_id else None
        undone = ledger.undone(session, {run_id})
    undoable = [effect for each in effects.values() for effect in each if effect.state == EffectState.APPLIED]
    return show(
        "run.html",
        run=found,
        verdicts=verdicts,
        plans=plans,
        effects=effects,
        calls=calls,
        event=event,
        undoable=undoable,
        undone_by=undone.get(run_id),
        asked=request.args.get("undo", ""),
    )


@blueprint.get("/holds")
@needs(Role.VIEWER, page=True)
def held() -> str:
    with services().store.read() as session:
        wanted = select(Hold).where(Hold.state == HoldState.ACTIVE)
        active = session.scalars(wanted.order_by(Hold.until, Hold.id)).all()
        ended = session.scalars(
            select(Hold).where(Hold.state != HoldState.ACTIVE).order_by(Hold.ended_at.desc()).limit(20)
        ).all()
    return show("holds.html", active=active, ended=ended)


@blueprint.get("/rules")
@needs(Role.VIEWER, page=True)
def rules() -> str:
    now = services().clock()
    with services().store.read() as session:
        book = services().library.current(session)
        newest = select(Run.rule_id, func.max(Run.started_at)).where(Run.started_at >= now - 30 * DAY)
        last = {row[0]: row[1] for row in session.execute(newest.group_by(Run.rule_id))}
    listed = sorted(book.revisions.values(), key=lambda one: one.id)
    return show("rules.html", rules=listed, stale=book.stale, problems=book.problems, last=last)


@blueprint.get("/events")
@needs(Role.VIEWER, page=True)
def events() -> str:
    state, source, before = request.args.get("state"), request.args.get("source"), request.args.get("before")
    wanted = select(Event).order_by(Event.id.desc()).limit(PAGE + 1)
    if state:
        wanted = wanted.where(Event.state == state)
    if source:
        wanted = wanted.where(Event.source == source)
    if before:
        wanted = wanted.where(Event.id < before)
    with services().store.read() as session:
        found = list(session.scalars(wanted))
        counts = journal.counts(session)
    older = found[PAGE - 1].id if len(found) > PAGE else None
    return show("events.html", events=found[:PAGE], older=older, counts=counts, state=state, source=source)


@blueprint.get("/events/<event_id>")
@needs(Role.VIEWER, page=True)
def event(event_id: str) -> str:
    with services().store.read() as session:
        found = session.get(Event, event_id)
        if found is None:
            abort(404, f"there is no event {event_id}")
        caused = session.scalars(select(Run).where(Run.event_id == event_id).order_by(Run.id)).all()
    return show("event.html", event=found, body=shown(found, services().sources), runs=caused)
