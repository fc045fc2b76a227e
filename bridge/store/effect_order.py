"""The order of effects on one target: the newest decision is the one that stands in the end.

Two effects may want opposite things of one target and wait at the same time: a hold ends and its target is to come
back, and the rule says once more that it is to be paused. Pauses are carried out before everything else, and what is
tried again comes late, so the order in which they are taken says nothing. What was decided last counts.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from itertools import starmap
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import ColumnElement, Select, Update, and_, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from bridge.store import plain_statements
from bridge.store.engine import UtcDateTime
from bridge.store.ledger import (
    OPEN_STATES,
    UNDER_WAY,
    Effect,
    EffectState,
    PlanState,
    StoredPlan,
    close_finished,
    end_overtaken,
)

#: Verbs that set something of a target that another effect may set as well. The others find or make things, are
#: done once and for ever, or make no call to Integr8.
VERBS = frozenset({"pause", "activate", "update"})
GOOD = (EffectState.APPLIED, EffectState.SKIPPED)

Place: TypeAlias = tuple[str, str, str, str]  # account, integration, kind, target


class _Row(NamedTuple):
    """The queried columns of the effects on some targets, and two of their plans."""

    id: int
    plan_id: int
    account: str
    integration: str
    kind: str
    target_id: str
    state: str
    due_at: datetime | None
    claimed_until: datetime | None
    wanted: Mapping[str, Any]
    decided: datetime
    approved: bool


NAMES = _Row._fields[:-2]


@dataclass(frozen=True, slots=True)
class _Known:
    """One effect on a target, as far as the order needs it."""

    id: int
    plan: int
    wanted: Mapping[str, Any]
    decided: datetime
    approved: bool  # by a person, at that moment
    in_hand: bool  # of another worker, at this moment
    counts: bool  # it is going to be done, or was done

    def newer_than(self, other: "_Known") -> bool:
        """Return whether this was decided later.

        Ids tell, because clocks may be set back; an approval makes an old plan new.
        """
        if self.approved or other.approved:
            return (self.decided, self.id) > (other.decided, other.id)
        return self.id > other.id


def settle_order(session: Session, taken: Sequence[Effect], *, left_by: datetime, now: datetime) -> list[Effect]:
    """Return which claimed effects may be executed now, and record what the others wait for.

    An effect that a newer decision contradicts ends as overtaken; of an `update` the other fields are still set. If it
    contradicts an older effect in another worker's hands, it is released: two concurrent calls could arrive in either
    order.
    """
    mine = [effect for effect in taken if effect.verb in VERBS]
    if not mine:
        return list(taken)
    known = _others(session, mine, left_by)
    overtaken: list[Effect] = []
    waiting: list[Effect] = []
    for effect in mine:
        here = known.get(_place(effect), {})
        me = here.get(effect.id)
        if me is None or len(here) == 1:
            continue
        contradicting = [one for one in here.values() if one.plan != me.plan and _differ(one.wanted, effect.wanted)]
        if any(one.in_hand and me.newer_than(one) for one in contradicting):
            waiting.append(effect)
            continue
        newer = [one for one in contradicting if one.counts and one.newer_than(me)]
        if newer and not _left_over(session, effect, newer):
            effect.overtaken_by = max(one.id for one in newer)
            overtaken.append(effect)
    hand_back(session, waiting)
    if overtaken:
        end_overtaken(session, overtaken, now)
        close_finished(session, {effect.plan_id for effect in overtaken}, now)
    left = {effect.id for effect in (*overtaken, *waiting)}
    return [effect for effect in taken if effect.id not in left]


def hand_back(session: Session, effects: Iterable[Effect]) -> None:
    """Release effects that must wait; this does not count as an attempt."""
    back = {
        effect.id: EffectState.PLANNED if effect.state == EffectState.CLAIMED else effect.state for effect in effects
    }
    rows = [{"this": effect_id, "as": str(state)} for effect_id, state in back.items()]
    plain_statements.run_for_each(session.connection(), _handed_back(), rows)


@cache
def _handed_back() -> Update:
    values = {"state": bindparam("as"), "claimed_by": None, "claimed_until": None, "attempts": Effect.attempts - 1}
    return update(Effect).where(Effect.id == bindparam("this")).values(values)


def _place(effect: Effect) -> Place:
    return effect.account, effect.integration, effect.kind, effect.target_id


def _differ(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return any(one[name] != other[name] for name in one.keys() & other.keys())


def _left_over(session: Session, effect: Effect, newer: Iterable[_Known]) -> bool:
    """Keep only the fields that no newer decision sets. Returns False, and changes nothing, if there are none."""
    rest = {name: value for name, value in effect.wanted.items() if not any(name in one.wanted for one in newer)}
    if rest:
        effect.wanted = rest
        session.execute(_narrowed(), {"this": effect.id, "rest": rest})
    return bool(rest)


@cache
def _narrowed() -> Update:
    narrowed = update(Effect).where(Effect.id == bindparam("this")).values(wanted=bindparam("rest"))
    return narrowed.execution_options(synchronize_session=False)


def _others(session: Session, mine: Collection[Effect], left_by: datetime) -> dict[Place, dict[int, _Known]]:
    """Return every effect that could matter on the targets of these, including themselves."""
    ids = {effect.id for effect in mine}
    plans = {effect.plan_id for effect in mine}
    since = plain_statements.scalar(session, _oldest(), {"plans": list(plans)})
    asked = {
        "targets": list({effect.target_id for effect in mine}),
        "since": since,
        "first": min(ids),
        "left_by": left_by,
    }
    found: dict[Place, dict[int, _Known]] = {}
    for row in starmap(_Row, plain_statements.rows(session, _matter(), asked)):
        in_hand = row.id not in ids and row.claimed_until is not None and row.claimed_until > left_by
        found.setdefault((row.account, row.integration, row.kind, row.target_id), {})[row.id] = _Known(
            id=row.id,
            plan=row.plan_id,
            wanted=row.wanted,
            decided=row.decided,
            approved=row.approved,
            in_hand=in_hand and row.state in UNDER_WAY,
            counts=row.state in GOOD or row.due_at is not None,
        )
    return found


def decided() -> ColumnElement[datetime]:
    """Return when the effects of a plan were decided: an approval is a new decision."""
    return func.coalesce(StoredPlan.decided_at, StoredPlan.created_at, type_=UtcDateTime())


@cache
def _oldest() -> Select[Any]:
    return select(func.min(decided(), type_=UtcDateTime())).where(StoredPlan.id.in_(bindparam("plans", expanding=True)))


@cache
def _matter() -> Select[Any]:
    ended_well = and_(Effect.state.in_(GOOD), Effect.overtaken_by.is_(None), Effect.error.is_(None))
    return (
        select(
            *(getattr(Effect, name) for name in NAMES),
            decided().label("decided"),
            StoredPlan.decided_at.is_not(None).label("approved"),
        )
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.target_id.in_(bindparam("targets", expanding=True)),
            Effect.verb.in_(VERBS),
            StoredPlan.state.in_([PlanState.READY, PlanState.DONE]),
            or_(Effect.state.in_(OPEN_STATES), ended_well),
            or_(
                decided() >= bindparam("since"),
                Effect.id >= bindparam("first"),
                Effect.claimed_until > bindparam("left_by"),
            ),
        )
    )
