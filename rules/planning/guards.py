"""Guards: limits that keep a rule from doing harm. Each returns a Stop with its sentence, or lets pass.

Three kinds: those that make a whole rule stand still, those that spare one target, and those that look at a
plan as a whole. What cannot be measured counts as over the limit: a guard never lets more through than it says.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from rules.model.formatting import counted, number
from rules.model.local_time import end_of, say
from rules.model.plan import PlannedEffect, Stop, Target
from rules.model.revision import KeepActive, Revision
from rules.model.state import GroupKey, State, TargetState
from rules.model.verbs import VERBS
from rules.planning.desired import DesiredEffect, fingerprint
from rules.planning.step_dependencies import DEPENDENT_STEPS, TELLING, activates, deactivates

#: Nothing was kept from happening.
DULL = frozenset({"for", "held", "already", "pending", "waiting", "companion", "released", "lose_at_most"})
EVERY_RULE = "*"  # a mute that holds for all rules
FOR_EVER = 9000  # the year; what ends later has no end


# --- the whole rule stands still -------------------------------------------------------------------


def standstill(revision: Revision, state: State, now: datetime) -> tuple[Stop, ...]:
    """Return why the rule may do nothing at all at this moment, including releases; empty if it may."""
    guards = revision.guards
    stops: list[Stop] = []
    if state.halt is not None:
        stops.append(Stop(guard="halt", message=state.halt_message()))
    if guards.errors and state.errors >= guards.errors:
        text = f"{counted(state.errors, 'run')} failed in a row; {revision.id} stands still until someone looks"
        stops.append(Stop(guard="breaker", message=text))
    for quiet in guards.quiet:
        end = end_of(quiet, now)
        if end is not None:
            stops.append(Stop(guard="quiet", message=f"quiet hours until {say(end, quiet.tz)}"))
    if guards.active and all(end_of(hours, now) is None for hours in guards.active):
        spans = ", ".join(f"{hours.start:%H:%M}-{hours.end:%H:%M} {hours.tz}" for hours in guards.active)
        stops.append(Stop(guard="active", message=f"outside the hours in which the rule acts ({spans})"))
    return tuple(stops)


# --- one target is spared --------------------------------------------------------------------------


def refuse(
    revision: Revision,
    effect: PlannedEffect,
    state: State,
    leaving: frozenset[Target],
    now: datetime,
    *,
    spare: frozenset[str] = frozenset(),
) -> Stop | None:
    """Return why this effect is refused, or None. `leaving`: targets whose hold ends in this very plan.

    `spare` names guards that are skipped.
    """
    known = state.of(effect.target)
    for guard, ask in TARGET_GUARDS.items():
        message = None if guard in spare else ask(revision, effect, known, state, now)
        if message is not None:
            return _stop(guard, effect, message)
    if effect.target in leaving:
        return _stop("released", effect, f"{effect.target}: its hold ends just now; it is judged again later")
    return None


def redundant(revision: Revision, effect: PlannedEffect, state: State) -> Stop | None:
    """Return why there is nothing left to do: held by us, already so, or in progress."""
    known = state.of(effect.target)
    ours = next((hold for hold in known.holds if hold.rule == revision.id), None)
    if VERBS[effect.verb].holds and ours is not None:
        until = "someone lets go" if ours.until is None else say(ours.until, revision.data.tz)
        return _stop("held", effect, f"{effect.target} is held by this rule until {until}")
    if not effect.wanted or effect.verb in DEPENDENT_STEPS:
        return None
    if _covers(known.pending, effect):
        return _stop("pending", effect, f"{effect.target}: an effect that wants the same is under way")
    if _covers({**known.now_so(), **known.pending}, effect):
        return _stop("already", effect, f"{effect.target} is already so")
    return None


def _covers(values: Mapping[str, Any], effect: PlannedEffect) -> bool:
    return all(
        name in values and fingerprint(values[name]) == fingerprint(value) for name, value in effect.wanted.items()
    )


def _halted(
    _revision: Revision, effect: PlannedEffect, _known: TargetState, state: State, _now: datetime
) -> str | None:
    return state.halt_message_of(effect.target)


def _protected(
    _revision: Revision, effect: PlannedEffect, _known: TargetState, state: State, _now: datetime
) -> str | None:
    names = (str(value) for value in effect.key.values())
    return f"{effect.target} is protected" if state.protects(effect.target, *names) else None


def _excepted(
    revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, _now: datetime
) -> str | None:
    for name, refused in revision.scope.exclude.items():
        value = _attribute(name, effect.target, known)
        names = known.names if name == f"{effect.target.kind}.id" else {value}
        if value is not None and any(_among(one, refused) for one in names):
            return f"{effect.target} is excepted: {name} is {value}"
    return None


def _outside(
    revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, _now: datetime
) -> str | None:
    for name, accepted in revision.scope.where.items():
        value = _attribute(name, effect.target, known)
        # what the mirror says of `active` may be our own doing; holds and "already so" speak of it better
        names = known.names if name == f"{effect.target.kind}.id" else {value}
        if value is None or name == f"{effect.target.kind}.active":
            continue
        if not any(_among(one, accepted) for one in names):
            return f"{effect.target} is out of scope: {name} is {value}"
    return None


def _gone(_revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, _now: datetime) -> str | None:
    return None if known.exists or VERBS[effect.verb].creates else f"{effect.target} no longer exists"


def _held_by_others(
    revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, _now: datetime
) -> str | None:
    if not activates(effect):
        return None
    others = sorted({hold.rule for hold in known.holds if hold.rule != revision.id})
    return f"{effect.target} is held by {', '.join(others)}" if others else None


def _waiting(
    _revision: Revision, effect: PlannedEffect, _known: TargetState, state: State, _now: datetime
) -> str | None:
    return f"{effect.target} already waits for an approval" if effect.target in state.waiting else None


def _muted(revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, now: datetime) -> str | None:
    excepted = known.muted_until.get(EVERY_RULE)
    if excepted is not None and excepted > now:
        until_then = "" if excepted.year >= FOR_EVER else f" until {say(excepted, revision.data.tz)}"
        return f"{effect.target} is an exception: no rule touches it{until_then}"
    muted, by_hand = known.muted_until.get(revision.id, now), now
    if known.changed_by_person is not None:
        by_hand = known.changed_by_person + revision.guards.respect_people
    until = max(muted, by_hand)
    if until <= now:
        return None
    why = known.muted_why.get(revision.id, "") if muted >= by_hand else ""
    told = f"{effect.target}: {why}" if why else f"{effect.target} was changed by a person"
    return f"{told}; muted until {say(until, revision.data.tz)}"


def _probation(
    revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, _now: datetime
) -> str | None:
    if known.probation is None:
        return None
    for metric, wanted in revision.release.probation.items():
        seen = known.probation.seen.get(metric, Decimal(0))
        if seen < wanted:
            since = say(known.probation.since, revision.data.tz)
            return f"{effect.target} is on probation since {since}: {seen} of {wanted} {metric}"
    return None


def _cooldown(
    revision: Revision, effect: PlannedEffect, known: TargetState, _state: State, now: datetime
) -> str | None:
    if known.last_effect is None or known.last_effect + revision.guards.cooldown <= now:
        return None
    return f"{effect.target} cools down until {say(known.last_effect + revision.guards.cooldown, revision.data.tz)}"


TargetGuard = Callable[[Revision, PlannedEffect, TargetState, State, datetime], str | None]
TARGET_GUARDS: dict[str, TargetGuard] = {
    "halt": _halted,
    "protected": _protected,
    "except": _excepted,
    "where": _outside,
    "gone": _gone,
    "hold": _held_by_others,
    "waiting": _waiting,
    "muted": _muted,
    "probation": _probation,
    "cooldown": _cooldown,
}


def _attribute(name: str, target: Target, known: TargetState) -> object | None:
    kind, _, attribute = name.partition(".")
    if kind != target.kind:
        return None
    return target.id if attribute == "id" else known.values.get(attribute)


def _among(value: object, listed: Iterable[object]) -> bool:
    """Return whether it is one of these. Ids may be written as numbers; anything else is compared by its value."""
    return any(value == one or str(value) == str(one) for one in listed)


def _stop(guard: str, effect: PlannedEffect, message: str) -> Stop:
    return Stop(guard=guard, message=message, subject=effect.subject, target=effect.target)


# --- never the last one ----------------------------------------------------------------------------


def keep_active(
    revision: Revision, desired_effects: Sequence[DesiredEffect], state: State
) -> tuple[list[DesiredEffect], list[Stop]]:
    """Spare the most valuable targets if pausing all would leave too few active; the cheapest are paused first."""
    spared: dict[Target, str] = {}
    for keep in revision.guards.keep_active:
        taken: dict[GroupKey, int] = {}
        candidates = {
            desired.effect.target: desired.effect for desired in desired_effects if _takes(desired.effect, keep)
        }
        for target in sorted(candidates, key=lambda one: (candidates[one].money_24h or Decimal(0), one)):
            if target in spared:
                continue
            group = group_of(keep, target, state)
            left = state.active.get(group, 0) - taken.get(group, 0)
            if left - 1 < keep.count:
                spared[target] = f"{target} stays: {_group_text(keep, group)} must keep {keep.count} active"
            else:
                taken[group] = taken.get(group, 0) + 1
    kept = [desired for desired in desired_effects if not _is_spared(desired, spared)]
    stops = [
        _stop("keep_active", desired.effect, spared[desired.effect.target])
        for desired in desired_effects
        if _is_spared(desired, spared)
    ]
    return kept, stops


def group_of(keep: KeepActive, target: Target, state: State) -> GroupKey:
    """Return the group of a target. A target with an unknown group is in a group without active ones."""
    return (keep.kind, keep.per, None if keep.per is None else state.of(target).groups.get(keep.per, "?"))


def _takes(effect: PlannedEffect, keep: KeepActive) -> bool:
    return deactivates(effect) and effect.target.kind == keep.kind


def _is_spared(desired: DesiredEffect, spared: dict[Target, str]) -> bool:
    return deactivates(desired.effect) and desired.effect.target in spared


def _group_text(keep: KeepActive, group: GroupKey) -> str:
    return f"the account's {keep.kind}s" if keep.per is None else f"{keep.per} {group[2]}"


# --- the plan as a whole ---------------------------------------------------------------------------


def over_limits(revision: Revision, effects: Sequence[PlannedEffect], state: State, subjects: int) -> list[Stop]:
    """Return which limits the whole plan exceeds; then it does not execute by itself.

    Waiting plans count already: otherwise each run would add as many again.
    """
    changed = {effect.target for effect in effects if effect.verb not in TELLING}
    if not changed:
        return []
    targets = changed | state.waiting
    limits = revision.guards.at_most
    found: list[tuple[str, str]] = []
    if limits.targets is not None and len(targets) > limits.targets:
        found.append(("at_most.targets", f"{counted(len(targets), 'target')}, at most {limits.targets} allowed"))
    total = state.scope.subjects if state.scope.subjects is not None else subjects
    if limits.share is not None and len(targets) > limits.share * total:
        found.append(("at_most.share", f"{len(targets)} of {total} in scope, at most {percent(limits.share)} allowed"))
    if limits.revenue_24h is not None:
        found += _over_revenue(limits.revenue_24h, targets, state)
    per_day = revision.guards.per_day
    if per_day is not None and state.effects_today + len(changed) > per_day:
        text = f"{len(changed)} more after {state.effects_today} today, at most {per_day} a day allowed"
        found.append(("per_day", text))
    for budget in revision.guards.budgets:
        used = state.budgets.get(budget.name, 0)
        if budget.effects is not None and used + len(changed) > budget.effects:
            text = f"{len(changed)} more after {used} of all rules of the budget {budget.name} this {budget.per}"
            found.append(("budget", f"{text}, at most {budget.effects} allowed"))
    verdict = "nothing is done" if revision.guards.if_over == "stop" else "the plan waits for a person"
    return [Stop(guard=guard, message=f"{text}: {verdict}") for guard, text in found]


def _over_revenue(limit: Decimal, targets: Iterable[Target], state: State) -> list[tuple[str, str]]:
    sums = [state.of(target).revenue_24h for target in targets]
    known = [amount for amount in sums if amount is not None]
    whole = state.scope.revenue_24h
    if whole is None or len(known) < len(sums):
        return [("at_most.revenue_24h", "the revenue of the last 24 hours is not known")]
    if sum(known) > limit * whole:
        sums_up = number(sum(known), "money"), number(whole, "money")
        text = f"{sums_up[0]} of {sums_up[1]} revenue in 24 hours, at most {percent(limit)} allowed"
        return [("at_most.revenue_24h", text)]
    return []


def percent(share: Decimal) -> str:
    """Return a share for a sentence: 0.05 is 5%."""
    return f"{(share * 100).normalize():f}%"
