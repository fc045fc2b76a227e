"""The ledger of effects: plans, the effects they want, and the calls that carried them.

A change of state is written before its consequence: `sent` is committed before the request leaves, so a crash
in between leaves an effect that is settled by reading Integr8, never by repeating it blindly.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from bridge.store.engine import Base, Json, Key, Money, UtcDateTime
from bridge.store.lease import Leased

LEASE = timedelta(seconds=60)  # longer than the deadline of any single call


class PlanState(StrEnum):
    NOTHING = "nothing"
    SHADOW = "shadow"
    WAITING = "waiting"  # for a person
    READY = "ready"  # its effects may be carried out
    STOPPED = "stopped"  # a guard said no
    DROPPED = "dropped"  # rejected, expired, or everything in it recovered
    DONE = "done"  # every effect has reached its end


class EffectState(StrEnum):
    PLANNED = "planned"
    CLAIMED = "claimed"
    SENT = "sent"
    APPLIED = "applied"
    SKIPPED = "skipped"  # it was already so
    FAILED = "failed"
    UNKNOWN = "unknown"  # the answer never came; to be settled by reading


#: Allowed transitions; anything else is refused here and, for unknown words, by the database.
NEXT: dict[EffectState, frozenset[EffectState]] = {
    EffectState.PLANNED: frozenset({EffectState.CLAIMED, EffectState.SKIPPED, EffectState.FAILED}),
    EffectState.CLAIMED: frozenset(
        {EffectState.PLANNED, EffectState.SENT, EffectState.APPLIED, EffectState.SKIPPED, EffectState.FAILED}
    ),
    EffectState.SENT: frozenset(
        {
            EffectState.APPLIED,
            EffectState.FAILED,
            EffectState.UNKNOWN,
            EffectState.PLANNED,
            EffectState.SKIPPED,
        }
    ),
    EffectState.UNKNOWN: frozenset({EffectState.APPLIED, EffectState.PLANNED, EffectState.FAILED, EffectState.SKIPPED}),
    EffectState.APPLIED: frozenset(),
    EffectState.SKIPPED: frozenset(),
    EffectState.FAILED: frozenset(),
}
ENDED = frozenset(state for state, after in NEXT.items() if not after)
OPEN = frozenset(EffectState) - ENDED


class StoredPlan(Base):
    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in PlanState)})", name="state"),
        Index("ix_plans_state_decide_by", "state", "decide_by"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    rule_id: Mapped[str] = mapped_column(index=True)
    state: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    stops: Mapped[list[Any]] = mapped_column(Json, default=list)  # [{guard, message, subject, target}]
    money_24h: Mapped[Decimal | None] = mapped_column(Money)
    on_failure: Mapped[str] = mapped_column(default="ask")
    decide_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decided_by: Mapped[str | None]
    decided_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    decision: Mapped[str | None]  # approved, rejected, expired, proceeded, escalated
    note: Mapped[str | None]
    difference: Mapped[dict[str, Any] | None] = mapped_column(Json)  # what the re-check at the moment of yes changed
    undoes: Mapped[int | None]  # the run that this plan takes back
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    effects: Mapped[list["Effect"]] = relationship(back_populates="plan", order_by="Effect.id")


class Effect(Leased, Base):
    __tablename__ = "effects"
    __table_args__ = (
        UniqueConstraint("plan_id", "step", "kind", "target_id", "subject"),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in EffectState)})", name="state"),
        Index("ix_effects_state_due_at", "state", "due_at"),
        Index("ix_effects_kind_target_id", "kind", "target_id"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id", ondelete="CASCADE"))
    rule_id: Mapped[str]
    step: Mapped[str]
    verb: Mapped[str]
    kind: Mapped[str]
    target_id: Mapped[str]
    account: Mapped[str]
    integration: Mapped[str]
    subject: Mapped[str]
    wanted: Mapped[dict[str, Any]] = mapped_column(Json)
    key: Mapped[dict[str, Any]] = mapped_column(Json, default=dict)
    prior: Mapped[dict[str, Any] | None] = mapped_column(Json)
    after: Mapped[list[str]] = mapped_column(Json, default=list)
    hold: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {kind, until}; None: no hold is wanted
    urgent: Mapped[bool] = mapped_column(default=False)
    money_24h: Mapped[Decimal | None] = mapped_column(Money)
    reason: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=EffectState.PLANNED)
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {"id": ..., "created": true, "verified": true}
    error: Mapped[str | None]
    plan: Mapped[StoredPlan] = relationship(back_populates="effects")
    calls: Mapped[list["Call"]] = relationship(secondary="effect_calls", order_by="Call.id", viewonly=True)


class Call(Base):
    """One HTTP request to Integr8, written before it leaves. A bulk call carries many effects."""

    __tablename__ = "calls"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    account: Mapped[str]
    operation: Mapped[str]
    targets: Mapped[int]
    started_at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    outcome: Mapped[str | None]  # ok, refused, unknown, unreachable, throttled; None while it is under way
    status: Mapped[int | None]
    error: Mapped[str | None]


class EffectCall(Base):
    """Which calls were made for which effect: the attempts of the ledger."""

    __tablename__ = "effect_calls"

    effect_id: Mapped[int] = mapped_column(ForeignKey("effects.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True, index=True)


class WrongTransition(RuntimeError):
    """An effect was asked to take a step that its state does not allow: a defect, never a user's mistake."""


def move(effect: Effect, state: EffectState) -> None:
    """Take one allowed step."""
    if state not in NEXT[EffectState(effect.state)]:
        raise WrongTransition(f"effect {effect.id}: {effect.state} → {state}")
    effect.state = state


def begin_call(session: Session, effects: Sequence[Effect], *, account: str, operation: str, now: datetime) -> Call:
    """Write down that a request is about to leave for these effects. Commit before it does."""
    call = Call(account=account, operation=operation, targets=len(effects), started_at=now)
    session.add(call)
    session.flush()
    session.add_all(EffectCall(effect_id=effect.id, call_id=call.id) for effect in effects)
    for effect in effects:
        move(effect, EffectState.SENT)
        effect.sent_at = now
    return call


def waiting(session: Session) -> list[StoredPlan]:
    """Plans that wait for a person, the most money first."""
    query = (
        select(StoredPlan)
        .where(StoredPlan.state == PlanState.WAITING)
        .order_by(StoredPlan.money_24h.desc(), StoredPlan.id)
    )
    return list(session.scalars(query))


def plan(session: Session, plan_id: int) -> StoredPlan | None:
    return session.get(StoredPlan, plan_id)


def plans_of(session: Session, run_id: int) -> list[StoredPlan]:
    return list(session.scalars(select(StoredPlan).where(StoredPlan.run_id == run_id).order_by(StoredPlan.id)))


def counts(session: Session) -> dict[str, int]:
    """Effects by state."""
    rows = session.execute(select(Effect.state, func.count()).group_by(Effect.state))
    return {row[0]: row[1] for row in rows}


def applied_by_rule_since(session: Session, rule_id: str, since: datetime) -> int:
    """How many effects a rule has asked for since a moment, whatever became of them: the per-day guard."""
    query = select(func.count()).where(Effect.rule_id == rule_id, StoredPlan.created_at >= since)
    return int(
        session.scalar(
            query.select_from(Effect)
            .join(StoredPlan, StoredPlan.id == Effect.plan_id)
            .where(StoredPlan.state.in_([PlanState.READY, PlanState.DONE]))
        )
        or 0
    )
