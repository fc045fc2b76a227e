"""Load the state that a plan needs besides verdicts: holds, mutes, streaks, counters, and each target's fields.

Reads the database, writes nothing. Everything is loaded with a few queries per rule, whatever the number of subjects,
and only for targets that the plan speaks of. Each target has one name here, by whichever of its ids a row calls it.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cache, cached_property
from typing import Any

from sqlalchemy import Select, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from bridge.config.settings import Account
from bridge.decisions import subjects
from bridge.decisions.amounts import Amounts
from bridge.store import halts, ledger, plain_statements, runs
from bridge.store import holds as hold_rows
from bridge.store.entities import Entity, EntityChange, ids_of, with_either_id
from bridge.store.halts import OpenHalt
from bridge.store.holds import Hold, HoldState, Mute
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from rules.evaluation.confidence_sequences import MONTH
from rules.model.facts import Facts, Subject
from rules.model.local_time import first_of_month, last_midnight
from rules.model.plan import Hold as HeldBy
from rules.model.plan import Target
from rules.model.revision import Dimension, Mode, Revision
from rules.model.state import (
    CanaryState,
    GroupKey,
    Inhibition,
    Probation,
    ScopeTotals,
    State,
    Streak,
    TargetState,
    target_of,
)
from rules.model.verbs import VERBS
from rules.planning import loss_limits
from rules.planning.holds import MEMORY, UNPROVEN

DAY = timedelta(hours=24)
_DEACTIVATING = [name for name, verb in VERBS.items() if verb.deactivates]
BUSY = (EffectState.PLANNED, EffectState.CLAIMED, EffectState.SENT, EffectState.UNKNOWN)


@dataclass(frozen=True)
class PlanContext:
    """The input of one plan: a rule, its facts, its account, the moment.

    Loaded once, for deciding, deciding again at an approval, and undo.
    """

    revision: Revision
    facts: Facts
    account: Account | None
    now: datetime
    inhibited: Mapping[Subject, Inhibition] = field(default_factory=dict)  # bridge.decisions.inhibitions
    sharing: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # budget → the rules that name it
    spent: Mapping[str, int] = field(default_factory=dict)  # of budgets, by plans of this moment that are not recorded

    @cached_property
    def measured(self) -> Amounts:
        """The amounts behind the facts."""
        return Amounts(self.facts, self.revision.scope.per)


def load_state(
    session: Session, context: PlanContext, targets: Iterable[Target], *, rechecking: int | None = None
) -> State:
    """Load the present state of one rule, for the targets of its plan.

    `rechecking` is the waiting plan that is evaluated again: its targets do not count as waiting.
    """
    revision, now = context.revision, context.now
    halted = halts.open_halts(session)
    halt = halted.covering(revision.id, revision.account)
    wanted = frozenset(targets)
    canary = _canary(session, context)
    wanted |= frozenset(canary.targets if canary else ())
    wanted |= {_target(hold) for hold in _holds(session, context, wanted)}
    names = _names(session, wanted)
    waiting, asked = _waiting(session, revision.id, rechecking)
    return State(
        same=names.same,
        targets=_targets(session, context, names),
        streaks=_streaks(session, context) if revision.lasting else {},
        effects_today=_effects_today(session, revision, now),
        budgets=_budgets(session, context),
        errors=runs.failures_in_a_row(session, revision.id, revision.guards.errors + 1),
        scope=_scope(context),
        active=_active(session, context),
        protected={
            kind: frozenset(ids) for kind, ids in (context.account.protected if context.account else {}).items()
        },
        halt=None if halt is None else halt.why,
        halt_of="everything" if halt is None else str(halt.of),
        halted_advertisers=_halted_advertisers(session, halted.advertisers(revision.account)),
        waiting=frozenset(map(names.one, waiting)),
        asked=frozenset(map(names.one, asked)),
        answered={names.one(target): at for target, at in _answered(session, revision, now).items()},
        canary=canary and replace(canary, targets=tuple(dict.fromkeys(map(names.one, canary.targets)))),
        inhibited=context.inhibited,
    )


# --- names -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Names:
    """All names of the wanted targets, each with its canonical name: the small number if it has one."""

    same: Mapping[Target, Target]
    entities: Mapping[Target, Entity]  # by the one name
    wanted: frozenset[Target]  # by the one name

    def one(self, target: Target) -> Target:
        return self.same.get(target, target)

    def ids(self, account: str) -> set[str]:
        """Return every id of the wanted targets of an account."""
        other = {alias.id for alias in self.same if alias.account == account}
        return other | {target.id for target in self.wanted if target.account == account}

    @property
    def accounts(self) -> list[str]:
        return sorted({target.account for target in self.wanted})


def _names(session: Session, wanted: frozenset[Target]) -> _Names:
    same: dict[Target, Target] = {}
    entities: dict[Target, Entity] = {}
    for account in {target.account for target in wanted}:
        found = _entities(session, account, [target for target in wanted if target.account == account])
        for target, entity in found.items():
            one = replace(target, id=entity.number or entity.ref)
            entities[one] = entity
            same |= {replace(target, id=name): one for name in (entity.number, entity.ref) if name and name != one.id}
    return _Names(same, entities, frozenset(same.get(target, target) for target in wanted))


def _entities(session: Session, account: str, wanted: Collection[Target]) -> dict[Target, Entity]:
    """Return the mirror's rows, found by either id. A target's id may be the text or the small number."""
    ids, kinds = {target.id for target in wanted}, {target.kind for target in wanted}
    rows = with_either_id(session, account, kinds, ids)
    by_id = {(row.kind, identity): row for row in rows for identity in (row.number, row.ref) if identity}
    return {target: by_id[target.kind, target.id] for target in wanted if (target.kind, target.id) in by_id}


# --- rows ------------------------------------------------------------------------------------------


def _halted_advertisers(session: Session, halted: Sequence[OpenHalt]) -> dict[str, str]:
    """Return the reason by each id of a halted advertiser; offers name theirs by either."""
    found: dict[str, str] = {}
    for one in halted:
        names = ids_of(session, one.of.account or "", "advertiser", one.of.name or "")
        found |= dict.fromkeys(names, one.why)
    return found


def _effects_today(session: Session, revision: Revision, now: datetime) -> int:
    """Return today's effects for the guard that limits them; without that guard none, because there may be many."""
    if revision.guards.per_day is None:
        return 0
    return ledger.applied_by_rule_since(session, revision.id, last_midnight(now, revision.data.tz))


def _budgets(session: Session, context: PlanContext) -> dict[str, int]:
    """Return how much of each budget of the rule is used in its day or month, by the calendar of the account."""
    zone = context.account.timezone if context.account else context.revision.data.tz
    found = {}
    for budget in context.revision.guards.budgets:
        begun = last_midnight(context.now, zone) if budget.per == "day" else first_of_month(context.now, zone)
        rules = {context.revision.id, *context.sharing.get(budget.name, ())}
        used = sum(ledger.applied_by_rule_since(session, rule, begun) for rule in sorted(rules))
        found[budget.name] = used + context.spent.get(budget.name, 0)
    return found


def _holds(session: Session, context: PlanContext, wanted: Collection[Target]) -> list[Hold]:
    """Return the rule's holds that this plan may end: all of them for a scheduled rule.

    For an event, only the holds of its targets are read.
    """
    revision = context.revision
    if revision.timed:
        return hold_rows.of_rule(session, revision.id)
    ids = {target.id for target in wanted}
    named = [] if revision.scope.per == ("event",) else [subjects.dump(one) for one in context.facts.subjects]
    return hold_rows.due_or_about(session, revision.id, targets=ids, subjects=named, now=context.now)


def _target(row: Hold | Effect) -> Target:
    return target_of(row.kind, row.target_id, account=row.account, integration=row.integration)


def _targets(session: Session, context: PlanContext, names: _Names) -> dict[Target, TargetState]:
    found: dict[Target, TargetState] = {}
    for account in names.accounts:  # nearly always one: others where a rule was moved while it held something
        found |= _targets_of(session, context, names, account)
    return found


def _targets_of(session: Session, context: PlanContext, names: _Names, account: str) -> dict[Target, TargetState]:
    rule, now, ids = context.revision.id, context.now, names.ids(account)
    held = hold_rows.on(session, account=account, targets=ids, rule_id=rule, since=now - MEMORY)
    active = _by_target((hold for hold in held if hold.state == HoldState.ACTIVE), names)
    ended = _by_target((hold for hold in held if hold.state != HoldState.ACTIVE and _counts(hold)), names)
    mutes = _mutes(session, context.revision, account, names, now)
    pending = _pending(session, account, names)
    last = _last_effects(session, context.revision, names, account)
    entities = [entity for target, entity in names.entities.items() if target.account == account]
    changed = _changes_by_hand(session, account, entities)
    found = {}
    for target in names.wanted:
        if target.account != account:
            continue
        entity = names.entities.get(target)
        aliases = frozenset(one for one in (entity.ref, entity.number) if one) if entity else frozenset()
        found[target] = TargetState(
            target=target,
            aliases=aliases,
            exists=entity is None or entity.gone_at is None,
            active=entity.active if entity else None,
            values=_values(entity),
            seen_at=entity.last_seen if entity else None,
            groups=_groups(entity),
            revenue_24h=_money(context, "revenue", target, aliases),
            payout_24h=_money(context, "payout", target, aliases),
            holds=tuple(held_of(hold, names.one, context.measured) for hold in active.get(target, [])),
            holds_before=sum(hold.count != UNPROVEN for hold in ended.get(target, [])),
            muted_until={rule: mute.until for rule, mute in mutes.get(target, {}).items()},
            muted_why={rule: mute.why for rule, mute in mutes.get(target, {}).items()},
            last_effect=last.get(target),
            changed_by_person=changed.get(entity.ref) if entity else None,
            probation=_probation(context, target, ended.get(target, [])),
            pending=pending.get(target, {}),
        )
    return found


def _counts(hold: Hold) -> bool:
    return (hold.ended_why or "").partition(":")[0] not in {"override", "undo"}


def _by_target(rows: Iterable[Hold], names: _Names) -> dict[Target, list[Hold]]:
    found: dict[Target, list[Hold]] = {}
    for row in rows:
        found.setdefault(names.one(_target(row)), []).append(row)
    return found


def _values(entity: Entity | None) -> dict[str, Any]:
    if entity is None:
        return {}
    values = dict(entity.fields)
    if entity.active is not None:
        values["active"] = entity.active
    return values


def _groups(entity: Entity | None) -> dict[Dimension, str]:
    advertiser = (entity.fields or {}).get("advertiser_id") if entity else None
    return {} if advertiser is None else {"advertiser": str(advertiser)}


def held_of(
    row: Hold, one: Callable[[Target], Target] = lambda target: target, measured: Amounts | None = None
) -> HeldBy:
    """Return a row as the hold that plans use, with whether new data arrived since, if the amounts are known."""
    subject = subjects.load(row.subject)
    return HeldBy(
        rule=row.rule_id,
        target=one(_target(row)),
        subject=subject,
        since=row.since,
        until=row.until,
        count=row.count,
        active_before=row.we_paused,
        new_data=measured.saw_data(subject, row.since) if measured is not None else False,
        record=row.id,
    )


def _mutes(
    session: Session, revision: Revision, account: str, names: _Names, now: datetime
) -> dict[Target, dict[str, Mute]]:
    wanted = {"rules": [revision.id, "*"], "account": account, "ids": list(names.ids(account)), "now": now}
    found: dict[Target, dict[str, Mute]] = {}
    for row in plain_statements.snapshots(session, Mute, _muted(), wanted):
        target = names.one(target_of(row.kind, row.target_id, account=row.account, integration=revision.integration))
        longest = found.setdefault(target, {}).setdefault(row.rule_id, row)
        if row.until > longest.until:
            found[target][row.rule_id] = row
    return found


@cache
def _muted() -> Select[Mute]:
    return select(Mute).where(
        Mute.rule_id.in_(bindparam("rules", expanding=True)),
        Mute.account == bindparam("account"),
        Mute.target_id.in_(bindparam("ids", expanding=True)),
        Mute.until > bindparam("now"),
    )


def _pending(session: Session, account: str, names: _Names) -> dict[Target, dict[str, Any]]:
    found: dict[Target, dict[str, Any]] = {}
    busy = {"account": account, "ids": list(names.ids(account))}
    for row in plain_statements.snapshots(session, Effect, _busy(), busy):
        found.setdefault(names.one(_target(row)), {}).update(row.wanted)
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


def _last_effects(session: Session, revision: Revision, names: _Names, account: str) -> dict[Target, datetime]:
    """Return the rule's newest effect on each target; in shadow the recorded one, so that cooldowns show there too.

    An effect that was only recorded does not keep the rule from acting later, and neither does one that was left out.
    """
    states = [PlanState.READY, PlanState.DONE, *([PlanState.SHADOW] if revision.mode is Mode.SHADOW else [])]
    asked = {"rule": revision.id, "ids": list(names.ids(account)), "states": states}
    found: dict[Target, datetime] = {}
    for row in plain_statements.rows(session, _newest_effects(), asked):
        target = names.one(target_of(row[0], row[1], account=row[2], integration=row[3]))
        found[target] = max(row[4], found.get(target, row[4]))
    return found


@cache
def _newest_effects() -> Select[str, str, str, str, datetime]:
    return (
        select(Effect.kind, Effect.target_id, Effect.account, Effect.integration, func.max(StoredPlan.created_at))
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(
            Effect.rule_id == bindparam("rule"),
            Effect.target_id.in_(bindparam("ids", expanding=True)),
            StoredPlan.state.in_(bindparam("states", expanding=True)),
            Effect.state != EffectState.FAILED,
            or_(Effect.state != EffectState.SKIPPED, Effect.error.is_(None)),
        )
        .group_by(Effect.kind, Effect.target_id, Effect.account, Effect.integration)
    )


def _changes_by_hand(session: Session, account: str, entities: Iterable[Entity]) -> dict[str, datetime]:
    refs = {entity.ref for entity in entities}
    if not refs:
        return {}
    rows = plain_statements.rows(session, _by_hand(), {"account": account, "refs": list(refs)})
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


def _money(context: PlanContext, name: str, target: Target, aliases: frozenset[str]) -> Decimal | None:
    """Return the revenue of the last 24 hours, if the rule's subjects are such targets."""
    if not _is_subject(context.revision, target) or context.facts.as_of("conversions") is None:
        return None
    per = context.revision.scope.per
    amounts = (
        context.measured.amount(name, Subject(per, (one,)), context.now - DAY, context.now)
        for one in (target.id, *sorted(aliases - {target.id}))
    )
    return next((amount for amount in amounts if amount is not None), None)


def _probation(context: PlanContext, target: Target, ended: Sequence[Hold]) -> Probation | None:
    wanted = context.revision.release.probation
    returned = [hold.ended_at for hold in ended if hold.ended_at]
    if not wanted or not returned or not _is_subject(context.revision, target):
        return None
    since = max(returned)
    subject = Subject(context.revision.scope.per, (target.id,))
    seen = {name: context.measured.amount(name, subject, since, context.now) for name in wanted}
    return Probation(since=since, seen={name: amount for name, amount in seen.items() if amount is not None})


def _streaks(session: Session, context: PlanContext) -> dict[Subject, Streak]:
    stored = runs.streaks(session, context.revision.id)
    until = context.facts.as_of("clicks") or context.now
    found = {}
    for text, streak in stored.items():
        subject = subjects.load(text)
        if subject not in context.measured:
            continue
        seen_to = streak.counted_at
        clicks = context.measured.amount("clicks", subject, seen_to, max(until, seen_to))
        new = clicks is None or clicks > 0
        found[subject] = Streak(evaluations=streak.evaluations, since=streak.since, counted_at=seen_to, new_data=new)
    return found


def _scope(context: PlanContext) -> ScopeTotals:
    per = context.revision.scope.per
    if per == ("event",) or context.facts.as_of("conversions") is None:
        return ScopeTotals()
    return ScopeTotals(
        subjects=len(context.facts.subjects),
        revenue_24h=context.measured.total("revenue", context.now - DAY, context.now),
    )


def _active(session: Session, context: PlanContext) -> Mapping[GroupKey, int]:
    """Return how many active targets each group of `keep_active` has, without those about to be paused."""
    revision = context.revision
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


def _waiting(session: Session, rule: str, but: int | None) -> tuple[frozenset[Target], frozenset[Target]]:
    """Return the targets of waiting plans, and those of plans that only ask because the evidence does not decide."""
    waiting: set[Target] = set()
    asked: set[Target] = set()
    for kind, identity, account, integration, stops in plain_statements.rows(
        session, _of_waiting_plans(), {"rule": rule, "but": but or 0}
    ):
        target = target_of(kind, identity, account=account, integration=integration)
        (asked if _is_asking(stops) else waiting).add(target)
    return frozenset(waiting), frozenset(asked)


@cache
def _of_waiting_plans() -> Select[str, str, str, str, list[Any]]:
    ours = (StoredPlan.rule_id == bindparam("rule"), StoredPlan.id != bindparam("but"))
    target = (Effect.kind, Effect.target_id, Effect.account, Effect.integration)
    waiting = select(*target, StoredPlan.stops).join(StoredPlan, StoredPlan.id == Effect.plan_id)
    return waiting.where(StoredPlan.state == PlanState.WAITING, *ours)


def _is_asking(stops: Iterable[Mapping[str, Any]]) -> bool:
    return any(stop.get("guard") == loss_limits.GUARD and stop.get("target") is None for stop in stops)


def _answered(session: Session, revision: Revision, now: datetime) -> dict[Target, datetime]:
    """Return when a person last left a target active after a question about it, or nobody answered."""
    if revision.lose_at_most is None or revision.lose_at_most.then != "ask":
        return {}
    left = select(Effect, StoredPlan).join(StoredPlan, StoredPlan.id == Effect.plan_id)
    dropped = StoredPlan.state == PlanState.DROPPED
    # Who approves some changes of a plan has said no to the others.
    not_chosen = and_(Effect.state == EffectState.SKIPPED, Effect.ended_at == StoredPlan.decided_at)
    ours = (StoredPlan.rule_id == revision.id, StoredPlan.decided_at >= now - MONTH, or_(dropped, not_chosen))
    found: dict[Target, datetime] = {}
    for effect, stored in session.execute(left.where(*ours)):
        target = _target(effect)
        if stored.decided_at is not None and _is_asking(stored.stops) and str(target) not in _recovered(stored):
            found[target] = max(stored.decided_at, found.get(target, stored.decided_at))
    return found


def _recovered(stored: StoredPlan) -> frozenset[str]:
    """Return the targets that dropped out by themselves when a person approved the plan."""
    return frozenset(one["target"] for one in (stored.difference or {}).get("dropped", ()))


def _canary(session: Session, context: PlanContext) -> CanaryState | None:
    if context.revision.guards.canary is None:
        return None
    newest = session.scalars(
        select(StoredPlan)
        .where(StoredPlan.rule_id == context.revision.id, StoredPlan.canary.is_not(None))
        .order_by(StoredPlan.id.desc())
    ).first()
    started = session.scalars(
        select(StoredPlan)
        .where(StoredPlan.rule_id == context.revision.id, StoredPlan.canary == "started")
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
        revenue=context.measured.total("revenue", since, context.now),
        revenue_before=context.measured.total("revenue", since - week, context.now - week),
        failed_at=newest.created_at if newest.canary == "failed" else None,
    )
