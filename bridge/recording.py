"""Write decisions down: runs, verdicts, plans, effects, holds that begin or end. One transaction for a batch."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import numpy as np
import structlog
from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from bridge import following, subjects
from bridge.decisions import Decision
from bridge.exactjson import freeze, plain
from bridge.metrics import RUNS, VERDICTS
from bridge.store import holds as hold_rows
from bridge.store import runs
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run, StoredVerdict
from rules.facts import Why
from rules.lifecycle import streaks
from rules.planning import Ended, Outcome, Plan, PlannedEffect, Target
from rules.planning import Hold as HeldBy
from rules.verdicts import Answer, Evaluation, Trace

log = structlog.get_logger()

MOST_VERDICTS = 1_000  # rows of one run; the packed answers have all of them
MOST_UNDECIDED = 50
SHOWN = 3  # verdicts of a run in the log


def record(session: Session, decisions: Sequence[Decision], *, now: datetime) -> list[Run]:
    """Write these runs. Causes that the rule has a run for already must have been left out."""
    rows = [_run(decision) for decision in decisions]
    session.add_all(rows)
    session.flush()
    following.runs_recorded(session, rows)
    pairs = [(run, one) for run, one in zip(rows, decisions, strict=True) if one.evaluation and one.plan]
    verdicts: list[dict[str, Any]] = []
    for run, decision in pairs:
        assert decision.evaluation is not None
        found = _verdicts(run.id, decision.evaluation)
        _tell(run, decision, found)
        verdicts += found
    if verdicts:
        session.execute(insert(StoredVerdict), verdicts)
    effects = _plans(session, pairs, now)
    if effects:
        session.execute(insert(Effect), effects)
    for _, decision in pairs:
        assert decision.plan is not None
        _follow(session, decision, decision.plan, now)
    for run in rows:
        RUNS.labels(run.rule_id, run.outcome).inc()
    return rows


def _tell(run: Run, decision: Decision, verdicts: Sequence[Mapping[str, Any]]) -> None:
    """A yes that leads to something is worth a line with its numbers; so is a plan that a guard stopped."""
    wanted = decision.plan is not None and decision.plan.outcome is not Outcome.NOTHING
    yes = [one for one in verdicts if one["answer"] == Answer.YES] if wanted else []
    for one in yes[:SHOWN]:
        log.info(
            "rule says yes", rule=run.rule_id, run=run.id, mode=run.mode, subject=one["subject"], why=one["reason"]
        )
    if len(yes) > SHOWN:
        log.info("rule says yes", rule=run.rule_id, more=run.yes - SHOWN, mode=run.mode, run=run.id)
    if decision.plan is not None and decision.plan.outcome in {Outcome.STOPPED, Outcome.WAITING}:
        first = decision.plan.stops[0].message if decision.plan.stops else None
        log.info("plan not carried out", rule=run.rule_id, run=run.id, outcome=run.outcome, why=first)


def _run(decision: Decision) -> Run:
    evaluation, plan, cause = decision.evaluation, decision.plan, decision.cause
    run = Run(
        rule_id=decision.revision.id,
        revision=decision.revision.hash,
        mode=decision.revision.mode,
        cause=cause.kind,
        cause_key=cause.key,
        event_id=cause.event_id,
        by=cause.by,
        due_at=cause.due_at,
        started_at=decision.started_at,
        data_as_of=decision.data_as_of,
        outcome=plan.outcome if plan else "error",
        error=decision.error,
    )
    if evaluation is not None:
        counts = evaluation.count()
        run.yes, run.no, run.no_decision = counts["yes"], counts["no"], counts["no_decision"]
        for answer, number in counts.items():
            if number:
                VERDICTS.labels(decision.revision.id, answer).inc(number)
        if len(evaluation.subjects) > 1:
            run.answers = runs.pack(
                [subjects.dump(one) for one in evaluation.subjects], evaluation.answers.astype(np.int8).tobytes()
            )
    return run


def _verdicts(run_id: int, evaluation: Evaluation) -> list[dict[str, Any]]:
    yes = np.flatnonzero(evaluation.answers == Answer.YES)[:MOST_VERDICTS].tolist()
    undecided = np.flatnonzero(evaluation.answers == Answer.NO_DECISION)[:MOST_UNDECIDED].tolist()
    rows = []
    for row in [*yes, *undecided]:
        verdict = evaluation.explain(row)
        rows.append(
            {
                "run_id": run_id,
                "subject": subjects.dump(verdict.subject),
                "answer": int(verdict.answer),
                "why": Why(verdict.why).name.lower(),
                "reason": verdict.reason,
                "trace": trace_json(verdict.trace),
            }
        )
    return rows


def trace_json(trace: Trace) -> dict[str, Any]:
    """A trace as JSON: only what is there."""
    found: dict[str, Any] = {"text": trace.text}
    if trace.answer is not None:
        found["answer"] = trace.answer.word
    if trace.why != Why.KNOWN:
        found["why"] = Why(trace.why).name.lower()
    for name in ("value", "threshold", "sample", "flip"):
        value = getattr(trace, name)
        if value is not None:
            found[name] = plain(value)
    for name in ("start", "end"):
        value = getattr(trace, name)
        if value is not None:
            found[name] = value.isoformat()
    if trace.age is not None:
        found["age"] = trace.age.total_seconds()
    if trace.parts:
        found["parts"] = [trace_json(part) for part in trace.parts]
    return found


# --- plans -----------------------------------------------------------------------------------------


def _plans(session: Session, pairs: Sequence[tuple[Run, Decision]], now: datetime) -> list[dict[str, Any]]:
    """Write the plans; returns the rows of their effects.

    A run has up to two plans: what the rule wants now, and what goes back because its holds ended. They are apart
    because a plan that waits for a person must not keep targets paused whose time is up.
    """
    wanted, returning = [], []
    for run, decision in pairs:
        plan = decision.plan
        assert plan is not None
        if plan.effects or plan.stops or plan.canary:
            wanted.append((_plan(run, decision, PlanState(plan.outcome.value), plan.effects, now), decision))
        if plan.releases:
            stored = _plan(run, decision, PlanState.READY, plan.releases, now)
            stored.stops, stored.canary = [], None
            returning.append((stored, plan))
    session.add_all([stored for stored, _ in wanted] + [stored for stored, _ in returning])
    session.flush()
    rows = [row for stored, decision in wanted for row in _effects(stored, decision, now)]
    return rows + [row for stored, plan in returning for row in _returns(session, stored, plan, now)]


def _effects(stored: StoredPlan, decision: Decision, now: datetime) -> list[dict[str, Any]]:
    assert decision.plan is not None
    ready, tz = stored.state == PlanState.READY, decision.revision.data.tz
    return [effect_row(stored, one, now, due=ready and not one.after, tz=tz) for one in decision.plan.effects]


def _returns(session: Session, stored: StoredPlan, plan: Plan, now: datetime) -> list[dict[str, Any]]:
    """Each return names the hold that it ends, so that a return that fails gives the hold back."""
    held = _holds_of(session, [ended.hold for ended in plan.ended if ended.returns])
    links = {hold.target: row.id for hold, row in held.items()}
    return [
        effect_row(stored, effect, now, due=True) | {"releases": links.get(effect.target)} for effect in plan.releases
    ]


def _plan(
    run: Run, decision: Decision, state: PlanState, effects: Sequence[PlannedEffect], now: datetime
) -> StoredPlan:
    plan = decision.plan
    assert plan is not None
    money = [effect.money_24h for effect in effects if effect.money_24h is not None]
    return StoredPlan(
        run_id=run.id,
        rule_id=run.rule_id,
        state=state,
        created_at=now,
        stops=[_stop(stop) for stop in plan.stops],
        money_24h=sum(money, Decimal(0)) if money else None,
        on_failure=decision.revision.on_failure,
        decide_by=now + decision.revision.approve.within if state == PlanState.WAITING else None,
        canary=plan.canary,
    )


def _stop(stop: Any) -> dict[str, Any]:
    return {
        "guard": stop.guard,
        "message": stop.message,
        "subject": subjects.dump(stop.subject) if stop.subject else None,
        "target": str(stop.target) if stop.target else None,
    }


def effect_row(plan: StoredPlan, effect: PlannedEffect, now: datetime, *, due: bool, tz: str = "UTC") -> dict[str, Any]:
    """One planned effect as a row of the ledger. `due` False: it waits for a person or an earlier step.

    `tz` is the rule's, for a hold that ends at midnight.
    """
    return {
        "plan_id": plan.id,
        "rule_id": plan.rule_id,
        "step": effect.step,
        "verb": effect.verb,
        "kind": effect.target.kind,
        "target_id": effect.target.id,
        "account": effect.target.account,
        "integration": effect.target.integration,
        "subject": subjects.dump(effect.subject),
        "wanted": freeze(effect.wanted),
        "key": freeze(effect.key),
        "prior": None if effect.prior is None else freeze(effect.prior),
        "after": list(effect.after),
        "hold": _hold_json(effect, tz),
        "releases": None,
        "urgent": effect.urgent,
        "money_24h": effect.money_24h,
        "reason": effect.reason,
        "state": EffectState.PLANNED,
        "due_at": now if due else None,
        "fence": 0,
        "attempts": 0,
    }


def _hold_json(effect: PlannedEffect, tz: str) -> dict[str, Any] | None:
    """The hold as the plan saw it. Its end is reckoned anew when the pause stands, which may be much later."""
    if effect.hold is None:
        return None
    return {
        "kind": effect.hold.kind,
        "seconds": effect.hold.duration.total_seconds() if effect.hold.duration else None,
        "tz": tz,
        "until": effect.hold_until.isoformat() if effect.hold_until else None,
        "count": effect.hold_count,
    }


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
