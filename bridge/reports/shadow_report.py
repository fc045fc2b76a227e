"""Compare what shadow rules would have done with what people did."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.store.entities import ChangedBy, Entity, EntityChange
from bridge.store.ledger import Effect, PlanState, StoredPlan
from rules.model.verbs import ACTIVE, VERBS

AT_ONCE = 500  # ids of one question
SAME_ACT_WITHIN = timedelta(hours=24)  # a person who did the same so soon before or after agrees with the rule
STATUS = {name: verb.wanted[ACTIVE] for name, verb in VERBS.items() if ACTIVE in verb.wanted}

Agreement = Literal["same", "opposite", "nobody"]


@dataclass(frozen=True, slots=True, kw_only=True)
class WouldHave:
    """One effect that a shadow rule recorded. Repetitions on the same target within NEAR appear once."""

    rule: str
    at: datetime
    kind: str
    target: str
    verb: str
    reason: str
    people: Agreement
    person_at: datetime | None  # when a person changed its status
    lead: timedelta | None  # how much earlier the rule was; negative: later


@dataclass(frozen=True, slots=True, kw_only=True)
class Missed:
    """A manual pause that no shadow rule requested."""

    at: datetime
    kind: str
    target: str


@dataclass(frozen=True, slots=True)
class ShadowReport:
    would_have: tuple[WouldHave, ...]
    missed: tuple[Missed, ...]

    def count(self, people: Agreement) -> int:
        return sum(one.people == people for one in self.would_have)


def shadow_report(
    session: Session, account: str, start: datetime, end: datetime, *, rule: str | None = None
) -> ShadowReport:
    """Compare over [start, end); manual changes up to NEAR outside of it count too."""
    effects = _effects(session, account, start, end, rule)
    changes = _by_hand(session, account, start - SAME_ACT_WITHIN, end + SAME_ACT_WITHIN)
    names = _names(session, account, [effect for effect, _ in effects])
    told = [
        _beside(effect, at, _of(changes, effect.kind, names.get((effect.kind, effect.target_id))), effect.target_id)
        for effect, at in effects
    ]
    asked = {
        (effect.kind, names.get((effect.kind, effect.target_id), effect.target_id))
        for effect, _ in effects
        if not STATUS[effect.verb]
    }
    missed = [
        Missed(at=one.seen_at, kind=one.kind, target=one.ref)
        for one in changes
        if one.after is False and start <= one.seen_at < end and (one.kind, one.ref) not in asked
    ]
    return ShadowReport(tuple(told), tuple(missed))


def _effects(
    session: Session, account: str, start: datetime, end: datetime, rule: str | None
) -> list[tuple[Effect, datetime]]:
    query = (
        select(Effect, StoredPlan.created_at)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.account == account,
            Effect.verb.in_(STATUS),
            StoredPlan.state == PlanState.SHADOW,
            StoredPlan.created_at >= start,
            StoredPlan.created_at < end,
        )
        .order_by(StoredPlan.created_at, Effect.id)
    )
    if rule is not None:
        query = query.where(Effect.rule_id == rule)
    found: list[tuple[Effect, datetime]] = []
    last: dict[tuple[str, str, str, str], datetime] = {}
    for effect, at in session.execute(query):
        key = (effect.rule_id, effect.kind, effect.target_id, effect.verb)
        if key not in last or at - last[key] >= SAME_ACT_WITHIN:
            last[key] = at
            found.append((effect, at))
    return found


def _by_hand(session: Session, account: str, start: datetime, end: datetime) -> Sequence[EntityChange]:
    return session.scalars(
        select(EntityChange)
        .where(
            EntityChange.account == account,
            EntityChange.field == "active",
            EntityChange.cause == ChangedBy.PERSON,
            EntityChange.seen_at >= start,
            EntityChange.seen_at < end,
        )
        .order_by(EntityChange.seen_at)
    ).all()


def _names(session: Session, account: str, effects: Sequence[Effect]) -> dict[tuple[str, str], str]:
    """Return (kind, either id) → the id under which changes are recorded, for the targets of the effects."""
    ids = sorted({effect.target_id for effect in effects})
    found: dict[tuple[str, str], str] = {}
    for start in range(0, len(ids), AT_ONCE):
        some = ids[start : start + AT_ONCE]
        for column in (Entity.ref, Entity.number):
            rows = session.execute(
                select(Entity.kind, Entity.ref, Entity.number).where(Entity.account == account, column.in_(some))
            )
            found |= {(row.kind, name): row.ref for row in rows for name in (row.ref, row.number) if name}
    return found


def _of(changes: Iterable[EntityChange], kind: str, ref: str | None) -> list[EntityChange]:
    return [one for one in changes if (one.kind, one.ref) == (kind, ref)]


def _beside(effect: Effect, at: datetime, changes: Sequence[EntityChange], target: str) -> WouldHave:
    near = min(
        (one for one in changes if abs(one.seen_at - at) <= SAME_ACT_WITHIN),
        key=lambda one: abs(one.seen_at - at),
        default=None,
    )
    people: Agreement = "nobody"
    if near is not None:
        people = "same" if near.after is STATUS[effect.verb] else "opposite"
    return WouldHave(
        rule=effect.rule_id,
        at=at,
        kind=effect.kind,
        target=target,
        verb=effect.verb,
        reason=effect.reason,
        people=people,
        person_at=near.seen_at if near else None,
        lead=near.seen_at - at if near else None,
    )
