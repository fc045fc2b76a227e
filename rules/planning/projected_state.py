"""Project the state after a plan, for further plans that are made before the first is executed."""

from dataclasses import replace
from datetime import datetime

from rules.model.plan import Outcome, Plan, PlannedEffect
from rules.model.revision import Revision
from rules.model.state import GroupKey, State
from rules.planning import loss_limits
from rules.planning.guards import group_of
from rules.planning.step_dependencies import deactivates


def after(revision: Revision, state: State, plan: Plan, now: datetime) -> State:
    """Return the state after `plan` has been recorded, so that a batch of events cannot evade a guard.

    Ready effects are in progress, cool down and count for the day; the targets that they pause are missing in their
    group. The targets of a waiting plan wait. A recorded (shadow) plan cools down as a ready one would. Ended holds
    have ended, whatever happened to the rest of the plan.
    """
    state = _without_ended(state, plan)
    if plan.outcome is Outcome.WAITING:
        stay = {effect.target for effect in plan.effects}
        if loss_limits.is_asking(plan):
            return replace(state, asked=state.asked | stay)
        return replace(state, waiting=state.waiting | stay)
    if plan.outcome not in {Outcome.READY, Outcome.SHADOW}:
        return state
    targets = dict(state.targets)
    for effect in plan.effects:
        known = state.of(effect.target) if effect.target not in targets else targets[effect.target]
        pending = {**known.pending, **effect.wanted} if plan.outcome is Outcome.READY else known.pending
        targets[effect.target] = replace(known, pending=pending, last_effect=now)
    return replace(
        state,
        targets=targets,
        active=_left(revision, state, plan),
        effects_today=state.effects_today + len(plan.effects),
        budgets={name: used + len(plan.effects) for name, used in state.budgets.items()},
    )


def _without_ended(state: State, plan: Plan) -> State:
    if not plan.ended and not plan.releases:
        return state
    targets = dict(state.targets)
    for ended in plan.ended:
        known = targets[ended.hold.target]
        muted = {ended.hold.rule: ended.mute_until} if ended.mute_until else {}
        left = tuple(hold for hold in known.holds if hold.rule != ended.hold.rule)
        targets[known.target] = replace(known, holds=left, muted_until={**known.muted_until, **muted})
    for effect in plan.releases:
        known = targets[effect.target]
        targets[known.target] = replace(known, pending={**known.pending, **effect.wanted})
    return replace(state, targets=targets)


def _left(revision: Revision, state: State, plan: Plan) -> dict[GroupKey, int]:
    active = dict(state.active)
    gone = {effect.target: effect for effect in plan.effects if deactivates(effect) and _runs(effect, state)}
    for keep in revision.guards.keep_active:
        for target in gone:
            group = group_of(keep, target, state)
            if target.kind == keep.kind and group in active:
                active[group] -= 1
    return active


def _runs(effect: PlannedEffect, state: State) -> bool:
    known = state.of(effect.target)
    return known.pending.get("active", known.active) is not False
