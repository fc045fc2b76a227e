"""One rule: its text with the last result line by line, its measurements against the threshold, its history."""

from base64 import b64encode
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from difflib import unified_diff
from hashlib import sha256
from itertools import pairwise
from typing import Any

from flask import Response, abort, redirect, request
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from bridge.operations.backtest_page import EDGE, HEIGHT, WIDTH
from bridge.operations.confirmation import display_names
from bridge.operations.errors import OperationError, TooMany
from bridge.operations.rule_save import authors
from bridge.operations.rule_text import lines_with_counts, parts
from bridge.operations.run_list import fold
from bridge.operations.run_outcomes import run_outcomes
from bridge.operations.undo_status import undoable_runs
from bridge.reports.shadow_report import shadow_report
from bridge.store import backtest_jobs, backtest_results, feeds
from bridge.store import revisions as stored_revisions
from bridge.store.backtest_jobs import BacktestJob, BacktestKind
from bridge.store.backtest_results import Backtest
from bridge.store.holds import Hold, HoldState
from bridge.store.roles import Role
from bridge.store.runs import Run, StoredVerdict
from bridge.web.access import needs
from bridge.web.console import charts, formatting
from bridge.web.console.blueprint import blueprint
from bridge.web.console.rule_sentence import words_of
from bridge.web.console.show import show
from bridge.web.long_questions import answered
from bridge.web.request_context import services
from rules.backtest.costs import ratio
from rules.backtest.threshold_sweep import plain_thresholds
from rules.loading.self_tests import run_tests
from rules.model.metrics import unit
from rules.model.revision import Mode, Revision, Webhook

POINTS = 60
MAX_RECENT_RUNS = 200  # runs among whose verdicts the page looks for a subject to draw
SHADOWED = timedelta(days=7)
MAX_RUNS_SHOWN = 20
MAX_TRACES_COUNTED = 500  # findings that are counted beside the conditions
STEPS = {
    "disabled": "It is not evaluated.",
    "shadow": "It decides and records; nothing is executed.",
    "approve": "Every plan waits for a person.",
    "live": "Plans within its guards are executed at once.",
}


@blueprint.get("/rules/<rule_id>")
@needs(Role.VIEWER, page=True)
def rule(rule_id: str) -> str:
    with services().store.read() as session:
        book = services().library.current(session)
        history = stored_revisions.history(session, rule_id)
        written_by = authors(session, rule_id)
        wanted = select(Run).where(Run.rule_id == rule_id).order_by(Run.id.desc()).limit(60)
        recent = session.scalars(wanted).all()
        held = session.scalars(select(Hold).where(Hold.rule_id == rule_id, Hold.state == HoldState.ACTIVE)).all()
        counted_run, traces = _last_traces(session, rule_id)
        tried = backtest_results.of_rule(session, rule_id)
        job = backtest_jobs.newest(session, rule_id)
        sweep = backtest_jobs.answered(session, rule_id, BacktestKind.SWEEP)
        comparison = backtest_jobs.answered(session, rule_id, BacktestKind.COMPARE)
        undoable = undoable_runs(session, {one.id for one in recent})
        outcomes = run_outcomes(session, recent)
        subject, measured, measures, unit = _measured(session, rule_id, request.args.get("subject"))
        named = _item(subject)
        live = book.revisions.get(rule_id)
        account = live.account if live is not None else ""
        items = {(one.account, one.kind, one.target_id) for one in held}
        names = display_names(session, items | {(account, *named)})
        shadow = _shadow(session, rule_id, live, services().clock())
        since = _facts_since(session, live)
    if live is None and not history and not tried:
        abort(404, f"there is no rule {rule_id}")
    text = live.text if live else history[0].text if history else ""
    today = services().clock().astimezone(formatting.zone(services())).date()
    return show(
        "rule.html", rule_id=rule_id, live=live, lines=lines_with_counts(text, live, traces), history=history,
        runs=recent, holds=held,
        results=run_tests(live) if live else (), stale=rule_id in book.stale, subject=subject,
        subject_name=names[account, *named] or "", account=account,
        currency=formatting.currency_of(services(), account), measures=measures,
        chart=charts.against_line(measured, unit), older={new.hash: old.hash for new, old in pairwise(history)},
        judged=len(traces), counted_run=counted_run,
        tried=tried, box=(WIDTH, HEIGHT), floor=HEIGHT - EDGE, undoable=undoable, steps=STEPS,
        outcomes=outcomes, names=names, shadow=shadow, folded=fold(recent), authors=written_by,
        week=(max(today - timedelta(days=7), since or today - timedelta(days=7)), today), since=since, job=job,
        sweep=sweep, comparison=comparison, sweepable=_spans(live), sweep_charts=_sweep_charts(sweep),
        has_costs=_has_costs(live), **(_costs(rule_id) if request.args.get("costs") else {"costs": None}),
    )  # fmt: skip


@blueprint.get("/rules/<rule_id>/costs")
@needs(Role.VIEWER, page=True)
def rule_costs(rule_id: str) -> Response | str:
    """Return the costs of the live revision: a fragment that the page loads later, because it simulates a month."""
    if "HX-Request" not in request.headers:
        return redirect(f"/rules/{rule_id}?costs=1#costs")  # type: ignore[return-value]
    with services().store.read() as session:
        live = services().library.current(session).revisions.get(rule_id)
    account = live.account if live is not None else ""
    return show("rule_costs.html", currency=formatting.currency_of(services(), account), **_costs(rule_id))


def _costs(rule_id: str) -> dict[str, Any]:
    try:
        return {"costs": answered("costs", rule=rule_id)}
    except TooMany:
        return {"costs": [], "costs_wait": True, "live_rule": rule_id}
    except OperationError as error:
        return {"costs": [], "no_costs": str(error)}


def _has_costs(live: Revision | None) -> bool:
    """Return whether a month of the rule can be simulated: it needs a ratio of counts and a schedule."""
    return live is not None and not isinstance(live.trigger, Webhook) and ratio(live.when) is not None


def _sweep_charts(sweep: BacktestJob | None) -> list[tuple[str, charts.Choices]]:
    """Return a sweep's estimates for the month ahead, as curves over its thresholds."""
    if sweep is None or sweep.answer is None:
        return []
    metric, tried = sweep.answer["metric"], sweep.answer["tried"]
    names = [formatting.threshold(one["value"], metric) for one in tried]
    found = []
    for title, key, written in (
        ("A collapse to a quarter stays unnoticed, hours", "unnoticed_hours", "{:,.4g}".format),
        ("Honest items paused in a month", "honest_paused", "{:.1%}".format),
    ):
        values = [(name, one.get(key), bool(one.get("best"))) for name, one in zip(names, tried, strict=True)]
        chart = charts.over_choices(values, written)
        found += [(title, chart)] if chart is not None else []
    return found


def _spans(live: Revision | None) -> list[tuple[str, str, str]]:
    """Return what can be swept: the metric, and half and twice its threshold as it would be written."""
    found = plain_thresholds(live) if live else {}
    return [(name, _written(name, value / 2), _written(name, value * 2)) for name, value in found.items()]


def _written(name: str, value: Decimal) -> str:
    return f"{(value * 100).normalize():f}%" if unit(name) == "share" else f"{value.normalize():f}"


def _facts_since(session: Session, live: Revision | None) -> date | None:
    """Return the first day with known data; None if nothing was read yet."""
    begun = [
        one.since for one in feeds.everything(session) if one.since and (live is None or one.account == live.account)
    ]
    return min(begun).astimezone(formatting.zone(services())).date() if begun else None


def _shadow(session: Session, rule_id: str, live: Revision | None, now: datetime) -> dict[str, Any] | None:
    """Return what the rule would have done in the last week, beside what people did; None if it was not in shadow."""
    if live is None or live.mode is not Mode.SHADOW:
        return None
    report = shadow_report(session, live.account, now - SHADOWED, now + timedelta(seconds=1), rule=rule_id)
    told = report.would_have
    items = {(live.account, one.kind, one.target) for one in told}
    said_yes = (Run.rule_id == rule_id, Run.mode == Mode.SHADOW, Run.yes > 0, Run.started_at >= now - SHADOWED)
    return {
        "runs": session.scalar(select(func.count()).select_from(Run).where(*said_yes)),
        "count": len(told), "touched": len(items), "same": report.count("same"), "opposite": report.count("opposite"),
        "first": told[:MAX_RUNS_SHOWN], "names": display_names(session, items), "days": SHADOWED.days,
        "account": live.account,
    }  # fmt: skip


@blueprint.get("/rules/<rule_id>/to/<mode>")
@needs(Role.VIEWER, page=True)
def to_mode(rule_id: str, mode: str) -> str:
    """Show the question before a mode change: what the rule did in shadow, its backtest, and its present answer."""
    if mode not in STEPS:
        abort(404, f"there is no mode {mode}; modes are {', '.join(STEPS)}")
    now = services().clock()
    with services().store.read() as session:
        book = services().library.current(session)
        live = book.revisions.get(rule_id)
        if live is None or rule_id in book.stale:
            abort(404, f"there is no rule {rule_id} whose mode can be changed")
        tried = backtest_results.of_rule(session, rule_id)
        shadow = _shadow(session, rule_id, live, now)
        held = session.scalar(
            select(func.count()).select_from(Hold).where(Hold.rule_id == rule_id, Hold.state == HoldState.ACTIVE)
        )
    said = _said_now(live) if mode in ("approve", "live") else None
    words = {one: "off" if one == "disabled" else one for one in STEPS}
    return show(
        "rule_go.html", rule_id=rule_id, live=live, on_webhooks=isinstance(live.trigger, Webhook),
        wanted=mode, wanted_word=words[mode], meaning=STEPS[mode],
        live_word=words[str(live.mode)], shadow=shadow, tried=tried[0] if tried else None, said=said, held=held,
        limits=limits_of(live), currency=formatting.currency_of(services(), live.account),
    )  # fmt: skip


def _said_now(live: Revision) -> Any:
    """Return the rule's present answer; None for a rule about webhooks, or if no answer came in time."""
    try:
        return answered("said now", text=live.text)
    except OperationError:
        return None


def limits_of(revision: Revision) -> list[str]:
    """Return what its guards allow, in the words of its sentence; of a shared budget also its size."""
    return words_of(revision.text, "Limits") + [
        f"{one.effects} a {one.per} of all rules of the budget {one.name}" for one in revision.guards.budgets
    ]


@blueprint.get("/rules/<rule_id>/backtest-job")
@needs(Role.VIEWER, page=True)
def backtest_job_now(rule_id: str) -> Response | str:
    """Return the progress of the running or waiting backtest: a fragment that the rule's page requests every second."""
    if "HX-Request" not in request.headers:
        return redirect(f"/rules/{rule_id}#backtest")  # type: ignore[return-value]
    with services().store.read() as session:
        job = backtest_jobs.newest(session, rule_id)
    if job is None or not job.is_open:
        return Response(headers={"HX-Refresh": "true"})  # the page has the answer, or why there is none
    return show("backtest_job.html", rule_id=rule_id, job=job)


def _last_traces(session: Session, rule_id: str) -> tuple[Run | None, Sequence[dict[str, Any]]]:
    """Return the newest run that stored all its findings with their evidence, not only the changes, and the first."""
    newest = select(func.max(StoredVerdict.run_id)).join(Run, Run.id == StoredVerdict.run_id)
    run_id = session.scalar(newest.where(Run.rule_id == rule_id, Run.base_id.is_(None)))
    traces = select(StoredVerdict.trace).where(StoredVerdict.run_id == run_id).limit(MAX_TRACES_COUNTED)
    return session.get(Run, run_id) if run_id else None, session.scalars(traces).all()


def _item(subject: str | None) -> tuple[str, str]:
    kind, _, number = (subject or "").partition("=")
    return kind, number


def _measured(
    session: Session, rule_id: str, wanted: str | None
) -> tuple[str | None, list[tuple[datetime, float, float]], str, str]:
    """Return the measurements of one subject, their condition, and their unit.

    The subject is the requested one, or the one with the most recent verdicts.
    """
    late = select(Run.id).where(Run.rule_id == rule_id).order_by(Run.id.desc()).limit(MAX_RECENT_RUNS)
    of_rule = select(StoredVerdict.subject).where(StoredVerdict.run_id.in_(late))
    most = of_rule.group_by(StoredVerdict.subject).order_by(func.count().desc(), StoredVerdict.subject).limit(1)
    subject = wanted or session.scalar(most)
    rows = session.execute(
        select(Run.started_at, StoredVerdict.trace)
        .join(Run, Run.id == StoredVerdict.run_id)
        .where(Run.rule_id == rule_id, StoredVerdict.subject == subject)
        .order_by(Run.id.desc())
        .limit(POINTS)
    )
    found = [(at, *one) for at, trace in rows for one in _first_number(trace)]
    points = [(at, value, threshold) for at, value, threshold, _text, _unit in found[::-1]]
    return subject, points, *(found[0][3:] if found else ("", ""))


def _first_number(trace: dict[str, Any]) -> list[tuple[float, float, str, str]]:
    """Return value, threshold, text and unit of the first condition that compares two numbers; a share in per cent."""
    for part in parts(trace):
        try:
            scale, unit = (100, "%") if "%" in part["text"] else (1, "")
            return [(float(part["value"]) * scale, float(part["threshold"]) * scale, part["text"], unit)]
        except (KeyError, TypeError, ValueError):
            continue
    return []


@blueprint.get("/rules/<rule_id>/diff")
@needs(Role.VIEWER, page=True)
def difference(rule_id: str) -> str:
    """Return what changed between two revisions, line by line."""
    with services().store.read() as session:
        found = {one.hash: one for one in stored_revisions.history(session, rule_id)}
    try:
        before, after = found[request.args.get("from", "")], found[request.args.get("to", "")]
    except KeyError:
        abort(404, f"there is no such pair of revisions of {rule_id}")
    lines = list(unified_diff(before.text.splitlines(), after.text.splitlines(), n=30, lineterm=""))[2:]
    return show("diff.html", rule_id=rule_id, before=before, after=after, lines=lines)


@blueprint.get("/rules/<rule_id>/backtests/<int:number>")
@needs(Role.VIEWER, page=True)
def backtest_page(rule_id: str, number: int) -> Response:
    """Return the whole page of one stored backtest.

    It is self-contained, so its own style is allowed, by its digest.
    """
    with services().store.read() as session:
        found = session.get(Backtest, number)
        if found is None or found.rule_id != rule_id or found.page is None:
            abort(404, f"there is no page of such a backtest of {rule_id}")
        page = found.page
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = b64encode(sha256(style.encode()).digest()).decode()
    answer = Response(page, mimetype="text/html")
    answer.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src 'sha256-{digest}'; frame-ancestors 'none'"
    )
    return answer
