"""Describe the outcome of a run through approval, undo and failure."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import and_, case, func, select
from sqlalchemy.orm import Session

from bridge.store.ledger import LEFT_OUT, OPEN_STATES, Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """The outcome of a run. `state` selects the mark and colour; `text` is for people; `changes` counts the changes."""

    state: str
    text: str
    changes: int = 0


def run_outcomes(session: Session, runs: Sequence[Run]) -> dict[int, RunOutcome]:
    """Return run → outcome."""
    ids = [one.id for one in runs]
    if not ids:
        return {}
    plans: dict[int, list[StoredPlan]] = {}
    for plan in session.scalars(select(StoredPlan).where(StoredPlan.run_id.in_(ids)).order_by(StoredPlan.id)):
        plans.setdefault(plan.run_id, []).append(plan)
    counted = _counted(session, [plan.id for mine in plans.values() for plan in mine])
    return {run.id: outcome_of(run, plans.get(run.id, ()), counted) for run in runs}


def _counted(session: Session, plan_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    state_shown = case(
        (and_(Effect.state == EffectState.SKIPPED, Effect.error.is_not(None)), LEFT_OUT), else_=Effect.state
    )
    query = select(Effect.plan_id, state_shown, func.count()).where(Effect.plan_id.in_(plan_ids))
    found: dict[int, dict[str, int]] = {}
    for plan_id, state, number in session.execute(query.group_by(Effect.plan_id, state_shown)):
        found.setdefault(plan_id, {})[state] = number
    return found


def outcome_of(run: Run, plans: Sequence[StoredPlan], counted: dict[int, dict[str, int]]) -> RunOutcome:
    """Return the outcome of one run, from its plans and the counts of their effects by state."""
    if run.outcome == "error":
        return RunOutcome("error", "failed")
    if run.outcome == "shadow":
        return RunOutcome("shadow", "shadow: nothing was changed")
    for plan in plans:
        if plan.state == PlanState.WAITING:
            return RunOutcome("waiting", "waits for approval")
        if plan.state == PlanState.DROPPED:
            who = f" by {plan.decided_by}" if plan.decided_by else ""
            return RunOutcome("gone", f"{plan.decision or 'dropped'}{who}")
        if plan.state in {PlanState.READY, PlanState.DONE}:
            return _carried_out(plan, counted.get(plan.id, {}))
    return RunOutcome("held_back", "held back") if run.outcome == "stopped" else RunOutcome("nothing", "no change")


def _carried_out(plan: StoredPlan, counted: dict[str, int]) -> RunOutcome:
    applied, failed = counted.get(EffectState.APPLIED, 0), counted.get(EffectState.FAILED, 0)
    under_way = sum(counted.get(state, 0) for state in OPEN_STATES)
    who = f", approved by {plan.decided_by}" if plan.decision == "approved" else ""
    if under_way:
        return RunOutcome("planned", f"{under_way:,} under way{who}", applied)
    if failed:
        return RunOutcome("failed", f"{failed:,} failed{f', {applied:,} done' if applied else ''}{who}", applied)
    if applied or counted.get(EffectState.SKIPPED):
        return RunOutcome("done", f"done{who}" if applied else f"was so already{who}", applied)
    return RunOutcome("left_out", f"nothing of it was done{who}")
