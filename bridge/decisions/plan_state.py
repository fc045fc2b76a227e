"""What a plan must know beside the verdicts: holds, mutes, streaks, counters, the mirror's view of each target.

Reads the database, writes nothing. Everything is gathered in a few queries per rule, whatever the number of
subjects, and only for targets that somebody asks about.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Select, bindparam, func, select
from sqlalchemy.orm import Session

from bridge.config.settings import Account
from bridge.decisions import subjects
from bridge.decisions.amounts import Measuring
from bridge.store import holds as hold_rows
from bridge.store import ledger, runs, upkeep
from bridge.store.entities import Entity, EntityChange, with_either_id
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from rules.model.facts import Facts, Subject
from rules.model.plan import Hold as HeldBy
from rules.model.plan import Target
from rules.model.revision import Grain, Revision
from rules.model.state import CanaryState, GroupKey, Probation, ScopeTotals, State, Streak, TargetState, target_of
from rules.model.verbs import VERBS
from rules.planning.holds import MEMORY

DAY = timedelta(hours=24)
_DEACTIVATING = [name for name, verb in VERBS.items() if verb.deactivates]
BUSY = (EffectState.PLANNED, EffectState.CLAIMED, EffectState.SENT, EffectState.UNKNOWN)


@dataclass(frozen=True)
class Question:
    """Whose state is wanted: one rule, its facts, and the targets that its plan will speak of."""

    revision: Revision
    facts: Facts
    targets: frozenset[Target]
    account: Account | None
    now: datetime
    rechecking: int | None = None  # the waiting plan that is being looked at again: its targets do not wait

    @cached_property
    def measured(self) -> Measuring:
        """The amounts behind the facts."""
        return Measuring(self.facts, self.revision.scope.per)


def gather(session: Session, question: Question) -> State:
    """The state of one rule at this moment."""
    revision, now = question.revision, question.now
    canary = _canary(session, question)
    wanted = question.targets | frozenset(canary.targets if canary else ())
    wanted |= {_target(hold) for hold in _holds(session, question, wanted)}
    return State(
        targets=_targets(session, question, wanted),
        streaks=_streaks(session, question) if revision.lasting else {},
        effects_today=_effects_today(session, revision, now),
        errors=runs.failures_in_a_row(session, revision.id, revision.guards.errors + 1),
        scope=_scope(question),
        active=_active(session, question),
        protected={
            kind: frozenset(ids) for kind, ids in (question.account.protected if question.account else {}).items()
        },
        halt=upkeep.why_halted(session),
        waiting=_waiting(session, revision.id, question.rechecking),
        canary=canary,
    )


def _effects_today(session: Session, revision: Revision, now: datetime) -> int:
    """Counted for the guard that limits them; without it they are of no interest, and may be many."""
    if revision.guards.per_day is None:
        return 0
    return ledger.applied_by_rule_since(session, revision.id, _midnight(now, revision.data.tz))


def _holds(session: Session, question: Question, wanted: Collection[Target]) -> list[Hold]:
    """The rule's holds that this plan may end: all of them where it looks by the clock.

    An event is no reason to go through everything that earlier ones have led to.
    """
    revision = question.revision
    if revision.timed:
        return hold_rows.of_rule(session, revision.id)
    ids = {target.id for target in wanted}
    named = [] if revision.scope.per == ("event",) else [subjects.dump(one) for one in question.facts.subjects]
    return hold_rows.due_or_about(session, revision.id, targets=ids, subjects=named, now=question.now)


def _midnight(now: datetime, tz: str) -> datetime:
    return now.astimezone(ZoneInfo(tz)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _target(row: Hold | Effect) -> Target:
    return target_of(row.kind, row.target_id, account=row.account, integration=row.integration)


def _targets(session: Session, question: Question, wanted: frozenset[Target]) -> dict[Target, TargetState]:
    if not wanted:
        return {}
    rule, now = question.revision.id, question.now
    ids = {target.id for target in wanted}
    entities = _entities(session, question.revision, wanted)
    held = hold_rows.on(session, account=question.revision.account, targets=ids, rule_id=rule, since=now - MEMORY)
    active = _by_target(hold for hold in held if hold.state == HoldState.ACTIVE)
    ended = _by_target(hold for hold in held if hold.state != HoldState.ACTIVE and _counts(hold))
    mutes = _mutes(session, question.revision, ids, now)
    pending = _pending(session, question.revision.account, ids)
    last = _last_effects(session, rule, ids)
    changed = _changes_by_hand(session, question.revision.account, entities.values())
    found = {}
    for target in wanted:
        entity = entities.get(target)
        found[target] = TargetState(
            target=target,
            aliases=frozenset(one for one in (entity.ref, entity.number) if one) if entity else frozenset(),
            exists=entity is None or entity.gone_at is None,
            active=entity.active if entity else None,
            values=_values(entity),
            seen_at=entity.last_seen if entity else None,
            groups=_groups(entity),
            revenue_24h=_money(question, "revenue", target),
            payout_24h=_money(question, "payout", target),
            holds=tuple(_held(hold, question.measured) for hold in active.get(target, [])),
            holds_before=len(ended.get(target, [])),
            muted_until=mutes.get(target, {}),
            last_effect=last.get(target),
            changed_by_person=changed.get(entity.ref) if entity else None,
            probation=_probation(question, target, ended.get(target, [])),
            pending=pending.get(target, {}),
        )
    return found


def _counts(hold: Hold) -> bool:
    return (hold.ended_why or "").partition(":")[0] not in {"override", "undo"}


def _by_target(rows: Iterable[Hold]) -> dict[Target, list[Hold]]:
    found: dict[Target, list[Hold]] = {}
    for row in rows:
        found.setdefault(_target(row), []).append(row)
    return found


def _entities(session: Session, revision: Revision, wanted: Collection[Target]) -> dict[Target, Entity]:
    """The mirror's rows, by either id. A target's id may be the text or the small number."""
    ids, kinds = {target.id for target in wanted}, {target.kind for target in wanted}
    rows = with_either_id(session, revision.account, kinds, ids)
    by_id = {(row.kind, identity): row for row in rows for identity in (row.number, row.ref) if identity}
    return {target: by_id[target.kind, target.id] for target in wanted if (target.kind, target.id) in by_id}


def _values(entity: Entity | None) -> dict[str, Any]:
    if entity is None:
        return {}
    values = dict(entity.fields)
    if entity.active is not None:
        values["active"] = entity.active
    return values


def _groups(entity: Entity | None) -> dict[Grain, str]:
    advertiser = (entity.fields or {}).get("advertiser_id") if entity else None
    return {} if advertiser is None else {"advertiser": str(advertiser)}


def _held(hold: Hold, measured: Measuring) -> HeldBy:
    subject = subjects.load(hold.subject)
    return HeldBy(
        rule=hold.rule_id,
        target=_target(hold),
        subject=subject,
        since=hold.since,
        until=hold.until,
        count=hold.count,
        active_before=hold.we_paused,
        new_data=measured.saw_data(subject, hold.since),
    )


def _mutes(
    session: Session, revision: Revision, ids: Collection[str], now: datetime
) -> dict[Target, dict[str, datetime]]:
    wanted = {"rules": [revision.id, "*"], "account": revision.account, "ids": list(ids), "now": now}
    found: dict[Target, dict[str, datetime]] = {}
    for row in session.scalars(_muted(), wanted):
        target = target_of(row.kind, row.target_id, account=row.account, integration=revision.integration)
        found.setdefault(target, {})[row.rule_id] = row.until
    return found


@cache
def _muted() -> Select[Mute]:
    return select(Mute).where(
        Mute.rule_id.in_(bindparam("rules", expanding=True)),
        Mute.account == bindparam("account"),
        Mute.target_id.in_(bindparam("ids", expanding=True)),
        Mute.until > bindparam("now"),
    )


def _pending(session: Session, account: str, ids: Collection[str]) -> dict[Target, dict[str, Any]]:
    found: dict[Target, dict[str, Any]] = {}
    for row in session.scalars(_busy(), {"account": account, "ids": list(ids)}):
        found.setdefault(_target(row), {}).update(row.wanted)
    return found


@cache
def _busy() -> Select[Effect]:
    return (
        select(Effect)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.account == bindparam("account"),
            Effect.target_id.in_(bindparam("ids", expanding=True)),
            Effect.state.in_(BUSY),
            StoredPlan.state == PlanState.READY,
        )
        .order_by(Effect.id)
    )


def _last_effects(session: Session, rule: str, ids: Collection[str]) -> dict[Target, datetime]:
    """The rule's newest effect on each target; in shadow the recorded one, so that cool-downs show there too."""
    rows = session.execute(_newest_effects(), {"rule": rule, "ids": list(ids)})
    return {target_of(row[0], row[1], account=row[2], integration=row[3]): row[4] for row in rows}


@cache
def _newest_effects() -> Select[str, str, str, str, datetime]:
    return (
        select(Effect.kind, Effect.target_id, Effect.account, Effect.integration, func.max(StoredPlan.created_at))
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.rule_id == bindparam("rule"),
            Effect.target_id.in_(bindparam("ids", expanding=True)),
            StoredPlan.state.in_([PlanState.READY, PlanState.DONE, PlanState.SHADOW]),
            Effect.state != EffectState.FAILED,
        )
        .group_by(Effect.kind, Effect.target_id, Effect.account, Effect.integration)
    )


def _changes_by_hand(session: Session, account: str, entities: Iterable[Entity]) -> dict[str, datetime]:
    refs = {entity.ref for entity in entities}
    if not refs:
        return {}
    rows = session.execute(_by_hand(), {"account": account, "refs": list(refs)})
    return {row[0]: row[1] for row in rows}


@cache
def _by_hand() -> Select[str, datetime]:
    return (
        select(EntityChange.ref, func.max(EntityChange.seen_at))
        .where(
            EntityChange.account == bindparam("account"),
            EntityChange.ref.in_(bindparam("refs", expanding=True)),
            EntityChange.field == "active",
            EntityChange.cause == "person",
        )
        .group_by(EntityChange.ref)
    )


def _is_subject(revision: Revision, target: Target) -> bool:
    return revision.scope.per == (target.kind,)


def _money(question: Question, name: str, target: Target) -> Decimal | None:
    """Of the last 24 hours, where the rule's subjects are such targets."""
    if not _is_subject(question.revision, target) or question.facts.as_of("conversions") is None:
        return None
    subject = Subject(question.revision.scope.per, (target.id,))
    return question.measured.amount(name, subject, question.now - DAY, question.now)


def _probation(question: Question, target: Target, ended: Sequence[Hold]) -> Probation | None:
    wanted = question.revision.release.probation
    returned = [hold.ended_at for hold in ended if hold.ended_at]
    if not wanted or not returned or not _is_subject(question.revision, target):
        return None
    since = max(returned)
    subject = Subject(question.revision.scope.per, (target.id,))
    seen = {name: question.measured.amount(name, subject, since, question.now) for name in wanted}
    return Probation(since=since, seen={name: amount for name, amount in seen.items() if amount is not None})


def _streaks(session: Session, question: Question) -> dict[Subject, Streak]:
    stored = runs.streaks(session, question.revision.id)
    until = question.facts.as_of("clicks") or question.now
    found = {}
    for text, streak in stored.items():
        subject = subjects.load(text)
        if subject not in question.measured:
            continue
        seen_to = streak.counted_at
        clicks = question.measured.amount("clicks", subject, seen_to, max(until, seen_to))
        new = clicks is None or clicks > 0
        found[subject] = Streak(looks=streak.looks, since=streak.since, counted_at=seen_to, new_data=new)
    return found


def _scope(question: Question) -> ScopeTotals:
    per = question.revision.scope.per
    if per == ("event",) or question.facts.as_of("conversions") is None:
        return ScopeTotals()
    return ScopeTotals(
        subjects=len(question.facts.subjects),
        revenue_24h=question.measured.total("revenue", question.now - DAY, question.now),
    )


def _active(session: Session, question: Question) -> Mapping[GroupKey, int]:
    """How many active targets each group of `keep_active` has, less those about to be paused."""
    revision = question.revision
    found: dict[GroupKey, int] = {}
    for keep in revision.guards.keep_active:
        rows = list(
            session.scalars(
                select(Entity).where(
                    Entity.account == revision.account,
                    Entity.kind == keep.kind,
                    Entity.active.is_(True),
                    Entity.gone_at.is_(None),
                )
            )
        )
        leaving = _leaving(session, revision.account, keep.kind)
        for row in rows:
            if leaving & {row.ref, row.number or ""}:
                continue
            group = _groups(row).get(keep.per) if keep.per else None
            key: GroupKey = (keep.kind, keep.per, group)
            found[key] = found.get(key, 0) + 1
    return found


def _leaving(session: Session, account: str, kind: str) -> set[str]:
    query = (
        select(Effect.target_id)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.account == account,
            Effect.kind == kind,
            Effect.verb.in_(_DEACTIVATING),
            Effect.state.in_(BUSY),
            StoredPlan.state == PlanState.READY,
        )
    )
    return set(session.scalars(query))


def _waiting(session: Session, rule: str, but: int | None) -> frozenset[Target]:
    return frozenset(_target(row) for row in session.scalars(_of_waiting_plans(), {"rule": rule, "but": but or 0}))


@cache
def _of_waiting_plans() -> Select[Effect]:
    ours = (StoredPlan.rule_id == bindparam("rule"), StoredPlan.id != bindparam("but"))
    waiting = select(Effect).join(StoredPlan, StoredPlan.id == Effect.plan_id)
    return waiting.where(StoredPlan.state == PlanState.WAITING, *ours)


def _canary(session: Session, question: Question) -> CanaryState | None:
    if question.revision.guards.canary is None:
        return None
    newest = session.scalars(
        select(StoredPlan)
        .where(StoredPlan.rule_id == question.revision.id, StoredPlan.canary.is_not(None))
        .order_by(StoredPlan.id.desc())
    ).first()
    started = session.scalars(
        select(StoredPlan)
        .where(StoredPlan.rule_id == question.revision.id, StoredPlan.canary == "started")
        .order_by(StoredPlan.id.desc())
    ).first()
    if started is None or newest is None or newest.canary == "passed":
        return None
    applied = [one for one in ledger.effects_of(session, started.id) if one.state == EffectState.APPLIED]
    if not applied:
        return None
    since = min(one.ended_at for one in applied if one.ended_at)
    week = timedelta(days=7)
    return CanaryState(
        since=since,
        targets=tuple(_target(one) for one in applied),
        revenue=question.measured.total("revenue", since, question.now),
        revenue_before=question.measured.total("revenue", since - week, question.now - week),
        failed_at=newest.created_at if newest.canary == "failed" else None,
    )
