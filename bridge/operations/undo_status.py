"""Show which items of a run were undone. Only what an undo really did, or will do, counts."""

from collections.abc import Collection
from dataclasses import dataclass
from decimal import Decimal
from functools import cache

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from bridge.store.ledger import OPEN_STATES, Effect, EffectState, PlanState, StoredPlan

DOING = (PlanState.READY, PlanState.DONE)


@dataclass(frozen=True, slots=True)
class UndoneItems:
    """(run, kind, id) → the run that undid it, or will."""

    by: dict[tuple[int, str, str], int]

    def undid(self, run_id: int, effect: Effect) -> int | None:
        """Return the run that undid this effect of a run; None if none did."""
        names = (self.by.get((run_id, effect.kind, one)) for one in ids_of(effect))
        return next((one for one in names if one is not None), None)


def undone_items(session: Session, run_ids: Collection[int]) -> UndoneItems:
    """Return the undone items of these runs.

    An undo that waits, was rejected, failed or is undone itself does not count.
    """
    if not run_ids:
        return UndoneItems({})
    happens = or_(Effect.state == EffectState.APPLIED, Effect.state.in_(OPEN_STATES))
    undos: dict[tuple[int, str, str], list[int]] = {}
    left, seen = set(run_ids), set(run_ids)
    while left:  # an undo may have been undone, and that undo too
        query = (
            select(StoredPlan.undoes, StoredPlan.run_id, Effect.kind, Effect.target_id)
            .join(Effect, Effect.plan_id == StoredPlan.id)
            .where(StoredPlan.undoes.in_(left), StoredPlan.state.in_(DOING), happens)
            .order_by(Effect.id)
        )
        left = set()
        for run, back, kind, name in session.execute(query):
            undos.setdefault((run or 0, kind, name), []).append(back)
            left.add(back)
        left -= seen
        seen |= left

    @cache
    def undone_by(run: int, kind: str, name: str) -> int | None:
        standing = [one for one in undos.get((run, kind, name), ()) if undone_by(one, kind, name) is None]
        return standing[-1] if standing else None

    found = {key: undone_by(*key) for key in undos if key[0] in set(run_ids)}
    return UndoneItems({key: back for key, back in found.items() if back is not None})


@dataclass(frozen=True, slots=True)
class Undoable:
    """The changes that an undo of a run would reverse."""

    changes: int
    money_24h: Decimal  # the revenue of 24 hours that hung on it
    account: str  # all changes of a run are made in one


def undoable_runs(session: Session, run_ids: Collection[int]) -> dict[int, Undoable]:
    """Return these runs that still have something to undo, with how much."""
    if not run_ids:
        return {}
    undone = undone_items(session, run_ids)
    touched = {run_id for run_id, _, _ in undone.by}
    left = [(run_id, one.money_24h, one.account) for run_id in touched for one in undoable_effects(session, run_id)]
    whole = (  # of runs of which nothing was undone: there may be thousands of their effects
        select(StoredPlan.run_id, Effect.money_24h, Effect.account)
        .join(Effect, Effect.plan_id == StoredPlan.id)
        .where(StoredPlan.run_id.in_(set(run_ids) - touched), Effect.state == EffectState.APPLIED)
    )
    left += [(row[0], row[1], row[2]) for row in session.execute(whole)]
    found: dict[int, Undoable] = {}
    for run_id, money, account in left:
        before = found.get(run_id, Undoable(0, Decimal(0), account))
        found[run_id] = Undoable(before.changes + 1, before.money_24h + (money or 0), account)
    return found


def undoable_effects(session: Session, run_id: int) -> list[Effect]:
    """Return the changes of a run that are not undone."""
    undone = undone_items(session, {run_id})
    query = (
        select(Effect)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(StoredPlan.run_id == run_id, Effect.state == EffectState.APPLIED)
        .order_by(Effect.id)
    )
    return [effect for effect in session.scalars(query) if undone.undid(run_id, effect) is None]


def ids_of(effect: Effect) -> list[str]:
    """Return the present ids: a created object is undone by its new id."""
    made = (effect.result or {}).get("id")
    return [effect.target_id] if made is None else [effect.target_id, str(made)]
