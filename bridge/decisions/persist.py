"""Write decisions down: runs, verdicts, plans, effects, holds that begin or end. One transaction for a batch."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions import spans, subjects
from bridge.decisions.decide import Decision
from bridge.decisions.records import Draft, PlanDraft
from bridge.observability.metrics import RUNS, VERDICTS
from bridge.store import holds as hold_rows
from bridge.store import ledger, runs
from bridge.store.engine import insert_rows
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect
from bridge.store.runs import StoredVerdict
from rules.model.plan import Ended, Outcome, Plan, Target
from rules.model.plan import Hold as HeldBy
from rules.model.verdicts import Answer
from rules.planning.lifecycle import streaks

log = structlog.get_logger()

SHOWN = 3  # verdicts of a run in the log


def record(session: Session, drafts: Sequence[Draft], *, now: datetime) -> list[int]:
    """Write these runs; returns their numbers. Causes that the rule has a run for already must have been left out."""
    made = runs.add(session, [draft.run for draft in drafts])
    for draft, number in zip(drafts, made, strict=True):
        draft.run["id"] = number
    spans.runs_recorded(session, [draft.run for draft in drafts])
    verdicts = [{**row, "run_id": draft.run["id"]} for draft in drafts for row in draft.verdicts]
    insert_rows(session, StoredVerdict, verdicts)
    insert_rows(session, Effect, _plans(session, drafts))
    for draft in drafts:
        if draft.decision.plan is not None:
            _follow(session, draft.decision, draft.decision.plan, now)
    _count(drafts)
    _tell(drafts)
    return made


def _count(drafts: Sequence[Draft]) -> None:
    outcomes = Counter((draft.run["rule_id"], draft.run["outcome"]) for draft in drafts)
    for (rule, outcome), number in outcomes.items():
        RUNS.labels(rule, outcome).inc(number)
    for answer in ("yes", "no", "no_decision"):
        answers: Counter[str] = Counter()
        for draft in drafts:
            answers[draft.run["rule_id"]] += draft.run[answer]
        for rule, number in answers.items():
            if number:
                VERDICTS.labels(rule, answer).inc(number)


def _tell(drafts: Sequence[Draft]) -> None:
    """A yes that leads to something is worth a line with its numbers, and so is a plan that was stopped.

    The first few of a batch have one each, the rest are counted: writing lines must not cost as much as deciding.
    """
    wanted = [draft for draft in drafts if draft.decision.plan and draft.decision.plan.outcome is not Outcome.NOTHING]
    yes = [(draft.run, one) for draft in wanted for one in draft.verdicts if one["answer"] == Answer.YES]
    for run, one in yes[:SHOWN]:
        log.info(
            "rule says yes",
            rule=run["rule_id"],
            run=run["id"],
            mode=run["mode"],
            subject=one["subject"],
            why=one["reason"],
        )
    more = sum(draft.run["yes"] for draft in wanted) - len(yes[:SHOWN])
    if more:
        log.info("rules say yes", more=more, rules=sorted({draft.run["rule_id"] for draft in wanted}))
    for draft in wanted:
        plan, run = draft.decision.plan, draft.run
        if plan is not None and plan.outcome in {Outcome.STOPPED, Outcome.WAITING}:
            first = plan.stops[0].message if plan.stops else None
            log.info("plan not carried out", rule=run["rule_id"], run=run["id"], outcome=run["outcome"], why=first)


def _plans(session: Session, drafts: Sequence[Draft]) -> list[dict[str, Any]]:
    """Write the plans; returns the rows of their effects."""
    wanted = ledger.add_plans(session, [_of_run(draft, one) for draft in drafts if (one := draft.wanted)])
    returning = ledger.add_plans(session, [_of_run(draft, one) for draft in drafts if (one := draft.returning)])
    rows: list[dict[str, Any]] = []
    for draft in drafts:
        run = draft.run["id"]
        if draft.wanted is not None:
            rows += [{**row, "plan_id": wanted[run]} for row in draft.wanted.effects]
        if draft.returning is not None:
            rows += [{**row, "plan_id": returning[run]} for row in _linked(session, draft, draft.returning)]
    return rows


def _of_run(draft: Draft, one: PlanDraft) -> dict[str, Any]:
    return {**one.plan, "run_id": draft.run["id"]}


def _linked(session: Session, draft: Draft, returning: PlanDraft) -> Iterable[dict[str, Any]]:
    """Each return names the hold that it ends, so that a return that fails gives the hold back."""
    plan = draft.decision.plan
    assert plan is not None
    held = _holds_of(session, [ended.hold for ended in plan.ended if ended.returns])
    links = {(hold.target.kind, hold.target.id): row.id for hold, row in held.items()}
    return [{**row, "releases": links.get((row["kind"], row["target_id"]))} for row in returning.effects]


# --- what follows at once --------------------------------------------------------------------------


def follow(session: Session, plan: Plan, now: datetime) -> None:
    """End, join and mute what a plan says; for a plan that waited, at the moment of yes."""
    rows = _holds_of(session, [ended.hold for ended in plan.ended])
    for ended in plan.ended:
        if ended.hold in rows:
            _end(session, rows[ended.hold], ended, now)
    for joined in plan.joins:
        session.add(_joined(joined, now))
    for mute in plan.mutes:
        session.merge(_mute(mute.rule, mute.target, mute.until, mute.why))


def _follow(session: Session, decision: Decision, plan: Plan, now: datetime) -> None:
    follow(session, plan, now)
    if decision.revision.lasting and decision.state is not None and decision.evaluation is not None:
        kept = streaks(decision.evaluation, decision.state)
        runs.keep_streaks(
            session,
            decision.revision.id,
            [
                {
                    "subject": subjects.dump(subject),
                    "looks": streak.looks,
                    "since": streak.since,
                    "counted_at": streak.counted_at or now,
                }
                for subject, streak in kept.items()
            ],
        )


def _holds_of(session: Session, held: Sequence[HeldBy]) -> dict[HeldBy, Hold]:
    """The rows of these holds, as far as they are still active."""
    if not held:
        return {}
    rules, ids = {one.rule for one in held}, {one.target.id for one in held}
    active = select(Hold).where(Hold.state == HoldState.ACTIVE, Hold.rule_id.in_(rules), Hold.target_id.in_(ids))
    rows = {(row.rule_id, row.account, row.kind, row.target_id): row for row in session.scalars(active)}
    named = {one: (one.rule, one.target.account, one.target.kind, one.target.id) for one in held}
    return {one: rows[name] for one, name in named.items() if name in rows}


def _end(session: Session, hold: Hold, ended: Ended, now: datetime) -> None:
    state = HoldState.OVERRIDDEN if ended.how == "override" else HoldState.RELEASED
    hold_rows.end(hold, state, why=f"{ended.how}: {ended.message}", by=ended.hold.rule, now=now)
    if ended.mute_until is not None:
        session.merge(_mute(ended.hold.rule, ended.hold.target, ended.mute_until, ended.message))


def _joined(held: HeldBy, now: datetime) -> Hold:
    return Hold(
        rule_id=held.rule,
        account=held.target.account,
        integration=held.target.integration,
        kind=held.target.kind,
        target_id=held.target.id,
        subject=subjects.dump(held.subject),
        since=now,
        until=held.until,
        count=held.count,
        we_paused=held.active_before,
    )


def _mute(rule: str, target: Target, until: datetime, why: str) -> Mute:
    return Mute(rule_id=rule, account=target.account, kind=target.kind, target_id=target.id, until=until, why=why)
