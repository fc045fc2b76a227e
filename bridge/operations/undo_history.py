"""Track which changes of a target are undone, so that the order of undos does not matter."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.operations.plan_values import effect_of
from bridge.operations.selection import Selection
from bridge.store.exact_json import thaw
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from rules.model.plan import Target
from rules.model.state import State, target_of
from rules.planning.undo import Applied, Past

#: Guards after which an undo has nothing left to do about a target, though nothing was sent: a later run decides.
ANSWERED = frozenset({"already", "changed", "hold"})


def applied_of(row: Effect) -> Applied:
    """Return an applied effect of the ledger."""
    result = row.result or {}
    assert row.ended_at is not None
    return Applied(
        effect=effect_of(row),
        at=row.ended_at,
        before=thaw(result["prior"]) if "prior" in result else None,
        created=str(result["id"]) if result.get("created") else None,
    )


def history(
    session: Session, state: State, targets: Iterable[Target], *, run_id: int, selection: Selection
) -> dict[Target, list[Past]]:
    """Return every applied effect on these targets, oldest first. `run_id` is the run to undo."""
    wanted = {state.one(target): state.of(target).names for target in targets}
    ids = {name for names in wanted.values() for name in names}
    query = (
        select(Effect, StoredPlan)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(Effect.target_id.in_(ids), Effect.state == EffectState.APPLIED)
        .order_by(Effect.ended_at, Effect.id)
    )
    found: dict[Target, list[tuple[Effect, StoredPlan]]] = {}
    for effect, plan in session.execute(query):
        target = state.one(_target(effect))
        if target in wanted:
            found.setdefault(target, []).append((effect, plan))
    is_undone = _undone(session, {plan.run_id for rows in found.values() for _, plan in rows}, run_id, selection)
    return {
        target: [
            Past(
                applied=applied_of(effect),
                undone=is_undone(plan.run_id, str(target)),
                is_undo=plan.undoes is not None,
            )
            for effect, plan in rows
        ]
        for target, rows in found.items()
    }


def _target(row: Effect) -> Target:
    return target_of(row.kind, row.target_id, account=row.account, integration=row.integration)


def _undone(session: Session, runs: set[int], asked: int, selection: Selection) -> Callable[[int, str], bool]:
    """Return whether a run is undone for a target: by an undo that is not undone itself."""
    undos = _undos(session, runs)
    chosen = {str(target) for target in getattr(selection, "targets", ())}

    @cache
    def is_undone(run: int, target: str) -> bool:
        if run == asked and (not chosen or target in chosen):
            return True
        return any(not is_undone(by, target) for by, targets in undos.get(run, {}).items() if target in targets)

    return is_undone


def _undos(session: Session, runs: set[int]) -> Mapping[int, Mapping[int, set[str]]]:
    """Return run → the runs that undo it, each with the targets that it undid; including undos of undos."""
    found: dict[int, dict[int, set[str]]] = {}
    left, seen = set(runs), set(runs)
    while left:
        answered = StoredPlan.state.in_([PlanState.READY, PlanState.DONE, PlanState.STOPPED])
        plans = list(session.scalars(select(StoredPlan).where(StoredPlan.undoes.in_(left), answered)))
        for plan in plans:
            done = {str(_target(effect)) for effect in plan.effects if effect.state != EffectState.FAILED}
            told = {str(stop["target"]) for stop in plan.stops if stop["guard"] in ANSWERED and stop.get("target")}
            found.setdefault(plan.undoes or 0, {}).setdefault(plan.run_id, set()).update(done | told)
        left = {plan.run_id for plan in plans} - seen
        seen |= left
    return found
