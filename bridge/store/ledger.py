"""The ledger of effects: plans, their effects, and the calls that executed them.

A change of state is written before its consequence: `sent` is committed before the request leaves, so a crash
in between leaves an effect that is settled by reading Integr8, never by repeating it blindly.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import (
    BindParameter,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    Select,
    UniqueConstraint,
    Update,
    and_,
    bindparam,
    case,
    func,
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from bridge.store import entities, plain_statements
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.engine import Base, Json, Key, Money, UtcDateTime
from bridge.store.entities import Entity
from bridge.store.halts import OpenHalts
from bridge.store.lease import Claim, Leased, LeaseLost, free, ours, settle_snapshot
from bridge.store.row_inserts import insert_numbered, insert_rows
from bridge.store.runs import Run

LEASE = timedelta(seconds=60)  # longer than the deadline of any single call
VALID = timedelta(hours=24)  # after its decision an effect may be sent so long; then its world is over


class PlanState(StrEnum):
    NOTHING = "nothing"
    SHADOW = "shadow"
    WAITING = "waiting"  # for a person
    READY = "ready"  # its effects may be executed
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


LEFT_OUT = "left_out"  # how an effect is shown that ended without being done: not approved, or cancelled

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
    EffectState.UNKNOWN: frozenset(
        {EffectState.SENT, EffectState.APPLIED, EffectState.PLANNED, EffectState.FAILED, EffectState.SKIPPED}
    ),
    EffectState.APPLIED: frozenset(),
    EffectState.SKIPPED: frozenset(),
    EffectState.FAILED: frozenset(),
}
ENDED = frozenset(state for state, after in NEXT.items() if not after)
OPEN_STATES = frozenset(EffectState) - ENDED
ELSEWHERE = ("http", "notify")  # verbs that make no call to Integr8
UNDER_WAY = frozenset({EffectState.CLAIMED, EffectState.SENT, EffectState.UNKNOWN})  # a worker may be at it


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
    canary: Mapped[str | None]  # started, waiting, passed, failed
    undoes: Mapped[int | None]  # the run that this plan undoes
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    effects: Mapped[list["Effect"]] = relationship(back_populates="plan", order_by="Effect.id")

    @property
    def expires_at(self) -> datetime | None:
        """The moment until which its effects may be sent; None if they wait for approval, or have ended.

        An approval is a new decision: everything is evaluated again at that moment.
        """
        return (self.decided_at or self.created_at) + VALID if self.state == PlanState.READY else None


class Effect(Leased, Base):
    __tablename__ = "effects"
    __table_args__ = (
        UniqueConstraint("plan_id", "step", "kind", "target_id", "subject"),
        CheckConstraint(f"state IN ({', '.join(repr(s.value) for s in EffectState)})", name="state"),
        Index("ix_effects_state_due_at", "state", "due_at"),
        Index("ix_effects_target_id_kind", "target_id", "kind"),
        Index("ix_effects_ended_at", "ended_at"),
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
    hold: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {kind, until, count}; None: no hold is wanted
    releases: Mapped[int | None]  # the hold that ended so that this effect may bring its target back
    urgent: Mapped[bool] = mapped_column(default=False)
    money_24h: Mapped[Decimal | None] = mapped_column(Money)
    reason: Mapped[str] = mapped_column(default="")
    state: Mapped[str] = mapped_column(default=EffectState.PLANNED)
    due_at: Mapped[datetime | None] = mapped_column(UtcDateTime)  # None: waits for a person or an earlier step
    sent_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    result: Mapped[dict[str, Any] | None] = mapped_column(Json)  # {"id": ..., "created": true, "verified": true}
    error: Mapped[str | None]
    overtaken_by: Mapped[int | None]  # the effect of a newer decision that wants something else of the same target
    plan: Mapped[StoredPlan] = relationship(back_populates="effects")
    calls: Mapped[list["Call"]] = relationship(secondary="effect_calls", order_by="Call.id", viewonly=True)

    @property
    def shown(self) -> str:
        """The state for people. SKIPPED means that the state was already there; with an error, that it was left out."""
        return LEFT_OUT if self.state == EffectState.SKIPPED and self.error else self.state


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


#: Columns of a call: what is known when it leaves, and what is when it has ended.
AT_THE_START = ("account", "operation", "targets", "started_at")
AT_THE_END = ("ended_at", "outcome", "status", "error")


class EffectCall(Base):
    """The calls for an effect: the attempts of the ledger."""

    __tablename__ = "effect_calls"

    effect_id: Mapped[int] = mapped_column(ForeignKey("effects.id", ondelete="CASCADE"), primary_key=True)
    call_id: Mapped[int] = mapped_column(ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True, index=True)


class WrongTransition(RuntimeError):
    """An effect was asked to take a step that its state does not allow: a bug, never a user's mistake."""


def check(effect_id: int, before: EffectState, after: EffectState) -> None:
    """Raise WrongTransition unless the step is allowed."""
    if after not in NEXT[before]:
        raise WrongTransition(f"effect {effect_id}: {before} → {after}")


def add_plans(session: Session, rows: Sequence[dict[str, Any]]) -> dict[int, int]:
    """Write plans of different runs, all with the same columns: run → its plan's number."""
    numbers = insert_numbered(session, StoredPlan, rows, told_by=("run_id",))
    return {row["run_id"]: number for row, number in zip(rows, numbers, strict=True)}


def some_due(session: Session, now: datetime, scope: AccountScope = EVERYONE) -> bool:
    """Return whether there may be something to take, so that a caller without work need not wait for the write lock."""
    return plain_statements.scalar(session.connection(), _any_due(scope), {"now": now}) is not None


@cache
def _any_due(scope: AccountScope) -> Select[int]:
    due = (Effect.state.in_(OPEN_STATES), Effect.due_at <= bindparam("now"), free(Effect, bindparam("now")))
    return select(Effect.id).where(*due, *scope.among(Effect.account)).limit(1)


def take(
    session: Session,
    verbs: Collection[str],
    *,
    among: bool,
    limit: int,
    now: datetime,
    left_by: datetime | None = None,
    away: Collection[str] = (),
    halted: OpenHalts | None = None,
    out: Collection[str] = (),
    only: str | None = None,
    scope: AccountScope = EVERYONE,
) -> list[Effect]:
    """Claim due effects: those whose verb is `among` these, or those whose is not.

    Urgent ones first, then the oldest plans, and of a plan what costs most. What needs Integr8 is left where it is for
    accounts that are `away`, and so is everything that is `halted` or outside the scope. `out` and `only` name
    endpoints: those to leave alone, and the only one to take from.

    Effects of a vanished worker are included: claimed ones start again, sent ones are ambiguous and will be read before
    anything else.
    """
    asked: dict[str, Any] = {
        "verbs": list(verbs),
        "away": list(away),
        **(_halted_names(session, halted) if halted else {}),
    }
    asked |= {"only": only} if only is not None else {"out": sorted(out)} if out else {}
    due = _due(among, bool(halted), scope, "only" if only is not None else "out" if out else "")
    effects = due.take_snapshots(session, limit=limit, now=now, left_by=left_by, **asked)
    overtaken = [effect for effect in effects if effect.overtaken_by is not None]
    return _without(session, effects, overtaken, now) if overtaken else effects


@cache
def _due(among: bool, halted: bool, scope: AccountScope, endpoints: str) -> Claim[Effect]:  # noqa: FBT001 - halves of one question
    verbs: BindParameter[Any] = bindparam("verbs", expanding=True)
    named: dict[str, list[ColumnElement[bool]]] = {
        "": [],
        "out": [endpoint_name().not_in(bindparam("out", expanding=True))],
        "only": [endpoint_name() == bindparam("only")],
    }
    vanished = Effect.state.in_([EffectState.SENT, EffectState.UNKNOWN])
    return Claim(
        Effect,
        Effect.state.in_(OPEN_STATES),
        Effect.due_at <= bindparam("now"),
        Effect.verb.in_(verbs) if among else Effect.verb.not_in(verbs),
        or_(Effect.account.not_in(bindparam("away", expanding=True)), Effect.verb.in_(ELSEWHERE)),
        *([not_(_is_halted())] if halted else []),
        *named[endpoints],
        *scope.among(Effect.account),
        order=[Effect.urgent.desc(), Effect.plan_id, Effect.money_24h.desc().nulls_last(), Effect.id],
        length=LEASE,
        state=case((vanished, EffectState.UNKNOWN.value), else_=EffectState.CLAIMED.value),
    )


def endpoint_name() -> ColumnElement[str]:
    """Return the calls that an effect needs as one text: `main:pause:offer`."""
    return Effect.account + ":" + Effect.verb + ":" + Effect.kind


def _halted_names(session: Session, halted: OpenHalts) -> dict[str, list[str]]:
    names = [
        f"{one.of.account}:{name}"
        for one in halted.every_advertiser
        for name in entities.ids_of(session, one.of.account or "", "advertiser", one.of.name or "")
    ]
    rules, accounts = sorted(halted.rules), sorted(halted.accounts)
    return {"halted_rules": rules, "halted_accounts": accounts, "halted_advertisers": sorted(names)}


def _is_halted() -> ColumnElement[bool]:
    """Return the condition for effects of a halted rule, account or advertiser.

    Those of an advertiser are its own, and those of its offers.
    """
    names: BindParameter[Any] = bindparam("halted_advertisers", expanding=True)
    advertiser = select(Entity.id).where(
        Entity.account == Effect.account,
        Entity.kind == Effect.kind,
        or_(Entity.ref == Effect.target_id, Entity.number == Effect.target_id),
        or_(
            (Entity.account + ":" + Entity.fields["advertiser_id"].as_string()).in_(names),
            and_(Entity.kind == "advertiser", (Entity.account + ":" + Entity.ref).in_(names)),
            and_(Entity.kind == "advertiser", (Entity.account + ":" + Entity.number).in_(names)),
        ),
    )
    return or_(
        Effect.rule_id.in_(bindparam("halted_rules", expanding=True)),
        Effect.account.in_(bindparam("halted_accounts", expanding=True)),
        advertiser.exists(),
    )


def any_halted(session: Session, effect_ids: Collection[int], halted: OpenHalts) -> bool:
    """Return whether one of these effects must not be sent at this moment."""
    if halted.everything is not None:
        return True
    query = select(Effect.id).where(Effect.id.in_(effect_ids), _is_halted()).limit(1)
    return bool(halted) and session.scalar(query, _halted_names(session, halted)) is not None


def _without(session: Session, effects: Sequence[Effect], overtaken: Sequence[Effect], now: datetime) -> list[Effect]:
    """Return the condition without targets for which a newer event wants something else: a retry would overwrite it."""
    end_overtaken(session, overtaken, now)
    close_finished(session, {effect.plan_id for effect in overtaken}, now)
    return [effect for effect in effects if effect.overtaken_by is None]


def end_overtaken(session: Session, overtaken: Iterable[Effect], now: datetime) -> None:
    """End effects that a newer decision about their target has overtaken, and the steps that wait for them."""
    for effect in overtaken:
        why = f"overtaken by effect {effect.overtaken_by}, which was decided later"
        ended = {"state": EffectState.SKIPPED, "ended_at": now, "overtaken_by": effect.overtaken_by, "error": why}
        settle_snapshot(session, Effect, effect, ended)
        steps = {effect.step}
        for one in blocked(session, [effect.plan_id]).get(effect.plan_id, []):
            if one.subject == effect.subject and steps & set(one.after):
                one.state, one.ended_at = EffectState.SKIPPED, now
                one.error = (
                    f"step {effect.step} was overtaken by effect {effect.overtaken_by}, so this one was not begun"
                )
                steps.add(one.step)
        session.flush()


def returns_overtaken_by(session: Session, effect: Effect) -> list[int]:
    """Return the holds whose releases this effect has overtaken, and those that had been overtaken by these in turn."""
    about = select(Effect.id, Effect.releases).where(
        Effect.kind == effect.kind, Effect.target_id == effect.target_id, Effect.account == effect.account
    )
    found: list[int] = []
    newer = [effect.id]
    while newer:
        older = session.execute(about.where(Effect.overtaken_by.in_(newer))).all()
        found += [row.releases for row in older if row.releases is not None]
        newer = [row.id for row in older]
    return found


def busy_keys(session: Session, effects: Sequence[Effect], left_by: datetime) -> set[tuple[str, str, str]]:
    """Return the rival keys of what other workers are ensuring: their leases did not end by that moment."""
    mine = [effect.id for effect in effects]
    query = select(Effect.account, Effect.kind, Effect.target_id).where(
        Effect.verb == "ensure",
        Effect.state.in_([EffectState.CLAIMED, EffectState.SENT, EffectState.UNKNOWN]),
        Effect.claimed_until > left_by,
        Effect.id.not_in(mine),
    )
    return {rival_key(*row) for row in session.execute(query)}


def rival_key(account: str, kind: str, target_id: str) -> tuple[str, str, str]:
    """Return what two effects share that must not run at the same time. Case and blanks make no other natural key."""
    return account, kind, "".join(target_id.casefold().split())


def begin_call(session: Session, rows: Sequence[tuple[int, int]], *, call: Call, now: datetime) -> None:
    """Record that a request is about to leave for these (effect id, fence). Commit before it does.

    Raises LeaseLost if one of them is no longer ours: then nothing may be sent.
    """
    fences = dict(rows)
    lost = sorted(set(fences) - ours(session, Effect, fences, UNDER_WAY))
    if lost:
        raise LeaseLost(f"effect {lost[0]}: fence {fences[lost[0]]} is no longer ours")
    plain_statements.run(session.connection(), _sent(), {"ids": list(fences), "at": now, "until": now + LEASE})
    [call.id] = insert_numbered(session, Call, [_columns(call, AT_THE_START)])
    linked = [{"effect_id": effect_id, "call_id": call.id} for effect_id, _ in rows]
    insert_rows(session, EffectCall, linked)


def end_calls(session: Session, calls: Iterable[Call]) -> None:
    """Record how calls have ended: those that were begun in the ledger, and those that only read."""
    for call in calls:
        if call.id:
            plain_statements.run(session.connection(), _call_ended(), {"this": call.id, **_columns(call, AT_THE_END)})
        else:
            insert_rows(session, Call, [_columns(call, AT_THE_START + AT_THE_END)])


def _columns(call: Call, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(call, name) for name in names}


@cache
def _call_ended() -> Update:
    return update(Call).where(Call.id == bindparam("this")).values({name: bindparam(name) for name in AT_THE_END})


@cache
def _sent() -> Update:
    return (
        update(Effect)
        .where(Effect.id.in_(bindparam("ids", expanding=True)))
        .values(state=EffectState.SENT, sent_at=bindparam("at"), claimed_until=bindparam("until"))
    )


def conclude(session: Session, rows: Sequence[Mapping[str, Any]]) -> None:
    """Release effects with their outcome: each row has the `id` and the columns to set.

    For effects that `ours` has locked in this transaction: nobody else can have taken them meanwhile.
    """
    for names, same in groupby(sorted(rows, key=sorted), key=sorted):  # one statement for those that set the same
        values = [{"this": row["id"], **{name: row[name] for name in names if name != "id"}} for row in same]
        plain_statements.run_for_each(session.connection(), _concluded(tuple(names)), values)


@cache
def _concluded(names: tuple[str, ...]) -> Update:
    set_to: dict[str, Any] = {name: bindparam(name) for name in names if name != "id"}
    return update(Effect).where(Effect.id == bindparam("this")).values(claimed_by=None, claimed_until=None, **set_to)


def blocked(session: Session, plan_ids: Collection[int]) -> dict[int, list[Effect]]:
    """Return effects by plan that wait for an earlier step."""
    found: dict[int, list[Effect]] = {}
    for effect in session.scalars(_blocked(), {"plans": list(plan_ids)}):
        found.setdefault(effect.plan_id, []).append(effect)
    return found


@cache
def _blocked() -> Select[Effect]:
    return (
        select(Effect)
        .where(
            Effect.plan_id.in_(bindparam("plans", expanding=True)),
            Effect.due_at.is_(None),
            Effect.state == EffectState.PLANNED,
        )
        .order_by(Effect.id)
    )


def close_finished(session: Session, plan_ids: Collection[int], now: datetime) -> None:
    """Close plans whose effects have all ended."""
    plain_statements.run(session, _closing(), {"plans": list(plan_ids), "at": now})


@cache
def _closing() -> Update:
    still_open = select(Effect.id).where(Effect.plan_id == StoredPlan.id, Effect.state.in_(OPEN_STATES)).exists()
    return (
        update(StoredPlan)
        .where(StoredPlan.id.in_(bindparam("plans", expanding=True)), StoredPlan.state == PlanState.READY, ~still_open)
        .values(state=PlanState.DONE, ended_at=bindparam("at"))
        .execution_options(synchronize_session=False)
    )


def steps_done(session: Session, plan_id: int, subject: str) -> set[str]:
    """Return the steps of one subject that succeeded."""
    query = select(Effect.step).where(
        Effect.plan_id == plan_id,
        Effect.subject == subject,
        Effect.state.in_([EffectState.APPLIED, EffectState.SKIPPED]),
    )
    return set(session.scalars(query))


def waiting(session: Session, places: Mapping[str, int]) -> list[StoredPlan]:
    """Return plans that wait for approval, by currency, the most money first.

    `places` has the place of each account's currency (`Settings.currency_places`).
    """
    query = select(StoredPlan).where(StoredPlan.state == PlanState.WAITING).order_by(*plan_currency_place(places))
    return list(session.scalars(query.order_by(StoredPlan.money_24h.desc().nulls_last(), StoredPlan.id)))


def rank(session: Session, plan: StoredPlan, places: Mapping[str, int]) -> tuple[int, bool, Decimal, int]:
    """Return a sort key like that of `waiting`: the currency, the most money first, then plans without an amount."""
    order = plan_currency_place(places)
    place = (session.scalar(select(*order).where(StoredPlan.id == plan.id)) or 0) if order else 0
    return place, plan.money_24h is None, -(plan.money_24h or Decimal(0)), plan.id


def plan_currency_place(places: Mapping[str, int]) -> tuple[ColumnElement[int], ...]:
    """Return `currency_place` for plans. All changes of a plan belong to the account of its rule."""
    account = select(func.min(Effect.account)).where(Effect.plan_id == StoredPlan.id).scalar_subquery()
    return currency_place(account, places)


def currency_place(account: Any, places: Mapping[str, int]) -> tuple[ColumnElement[int], ...]:
    """Return the first sort key of a list by money: the place of the currency of this column's account.

    Empty if all accounts have one currency. An account that is no longer in the settings comes last.
    """
    if len(set(places.values())) <= 1:
        return ()
    return (case(places, value=account, else_=len(places)),)


def count_waiting(session: Session) -> int:
    """Return how many plans wait for approval."""
    return session.scalar(select(func.count()).where(StoredPlan.state == PlanState.WAITING)) or 0


def count_open(session: Session, halted: OpenHalts | None = None) -> int:
    """Return how many effects of proceeding plans have not ended.

    Only those that these halts stop, if any are given.
    """
    query = select(func.count()).select_from(Effect).join(StoredPlan, StoredPlan.id == Effect.plan_id)
    query = query.where(StoredPlan.state == PlanState.READY, Effect.state.in_(OPEN_STATES))
    if halted is None:
        return session.scalar(query) or 0
    return session.scalar(query.where(_is_halted()), _halted_names(session, halted)) or 0


def plan(session: Session, plan_id: int) -> StoredPlan | None:
    return session.get(StoredPlan, plan_id)


def effects_of(session: Session, plan_id: int) -> list[Effect]:
    return list(session.scalars(select(Effect).where(Effect.plan_id == plan_id).order_by(Effect.id)))


def with_calls(session: Session, effect_ids: Collection[int]) -> dict[int, list[Call]]:
    """Return effect → the calls that were made for it, with one query."""
    query = (
        select(EffectCall.effect_id, Call)
        .join(Call, Call.id == EffectCall.call_id)
        .where(EffectCall.effect_id.in_(effect_ids))
        .order_by(Call.id)
    )
    found: dict[int, list[Call]] = {}
    for effect_id, call in session.execute(query):
        found.setdefault(effect_id, []).append(call)
    return found


def undone_on_failure(session: Session, plan_ids: Collection[int]) -> set[int]:
    """Return those of these plans whose rule says `on_failure: undo`; never an undo itself."""
    return set(plain_statements.scalars(session, _undone_on_failure(), {"plans": list(plan_ids)}))


@cache
def _undone_on_failure() -> Select[int]:
    return select(StoredPlan.id).where(
        StoredPlan.id.in_(bindparam("plans", expanding=True)),
        StoredPlan.on_failure == "undo",
        StoredPlan.undoes.is_(None),
    )


def plans_of(session: Session, run_id: int) -> list[StoredPlan]:
    return list(session.scalars(select(StoredPlan).where(StoredPlan.run_id == run_id).order_by(StoredPlan.id)))


def causes(session: Session, plan_ids: Collection[int]) -> dict[int, str]:
    """Return the cause of each plan: an event, a scheduled run, a person's request."""
    if not plan_ids:
        return {}
    query = select(StoredPlan.id, Run.cause_key).join(Run, Run.id == StoredPlan.run_id)
    return {row[0]: row[1] for row in session.execute(query.where(StoredPlan.id.in_(plan_ids)))}


def expired(session: Session, plan_ids: Collection[int], now: datetime) -> dict[int, datetime]:
    """Return those of these plans whose effects may no longer be sent, with the moment of their decision."""
    if not plan_ids:
        return {}
    rows = plain_statements.rows(session, _expired(), {"plans": list(plan_ids), "before": now - VALID})
    return {row[0]: row[1] for row in rows}


@cache
def _expired() -> Select[int, datetime]:
    decided = func.coalesce(StoredPlan.decided_at, StoredPlan.created_at, type_=UtcDateTime())
    ours = StoredPlan.id.in_(bindparam("plans", expanding=True))
    return select(StoredPlan.id, decided).where(ours, decided <= bindparam("before", type_=UtcDateTime()))


def touches(session: Session, kind: str, identity: str, *, account: str | None = None) -> ColumnElement[bool]:
    """Return the condition for runs with effects on a target, by either of its ids."""
    about = select(StoredPlan.run_id).join(Effect, Effect.plan_id == StoredPlan.id)
    return Run.id.in_(about.where(entities.is_of_item(session, Effect, kind, identity, account=account)))


def counts(session: Session) -> dict[str, int]:
    """Return effects by state, of plans that are or were executed; without those of shadow rules."""
    carried = StoredPlan.state.in_([PlanState.READY, PlanState.DONE])
    query = select(Effect.state, func.count()).join(StoredPlan, StoredPlan.id == Effect.plan_id).where(carried)
    rows = session.execute(query.group_by(Effect.state))
    return {row[0]: row[1] for row in rows}


def applied_by_rule_since(session: Session, rule_id: str, since: datetime) -> int:
    """Return how many effects a rule has requested since a moment, whatever their outcome: for the per-day guard."""
    return int(session.scalar(_applied_since(), {"rule": rule_id, "since": since}) or 0)


@cache
def _applied_since() -> Select[int]:
    return (
        select(func.count())
        .select_from(Effect)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.rule_id == bindparam("rule"),
            StoredPlan.created_at >= bindparam("since"),
            StoredPlan.state.in_([PlanState.READY, PlanState.DONE]),
        )
    )
