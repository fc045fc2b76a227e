"""Resolve conflicts: several rules that want different things of one target at the same time.

Inactive is the safe side and wins, whatever the priorities; both rules are told. Of two values for one field
the rule with the higher priority gets its way, and nobody does where they are equals. Two rules that want the
same both keep their effect: one call serves both, and each has its own hold. What is recorded only (shadow)
never stands in the way of what is done.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from rules.model.plan import Ended, Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.revision import KeepActive, Revision
from rules.model.state import State
from rules.planning.desired import fingerprint
from rules.planning.guards import group_of
from rules.planning.step_dependencies import DEPENDENT_STEPS, deactivates, whole

REAL = frozenset({Outcome.READY, Outcome.WAITING})
RulesWithState = Mapping[str, tuple[Revision, State]]


@dataclass(frozen=True, slots=True)
class _Voice:
    """The effect that one rule wants on one target. `effect` is None for a hold that joins others."""

    number: int  # which of the plans
    plan: Plan
    target: Target
    wanted: Mapping[str, object]
    effect: PlannedEffect | None
    real: bool

    @property
    def inactive(self) -> bool:
        return self.wanted.get("active") is False or self.wanted.get("archived") is True

    @property
    def active(self) -> bool:
        return self.wanted.get("active") is True


def settle(plans: Sequence[Plan], known: RulesWithState | None = None) -> tuple[Plan, ...]:
    """Return the plans of one tick after settling their differences, in the given order.

    `known`: rule id → the revision and state it was planned with. Without it `keep_active` is not checked across rules.
    The result does not depend on the order of the plans, and settling again changes nothing.
    """
    returned = _last_holders(plans)
    safe = _each(returned, _opposites)
    agreed = _each(safe, _values)
    kept = _last_ones(agreed, known or {})
    wanting = _wanting(kept)
    return tuple(_noted(plan, wanting) for plan in kept)


def _voices(plans: Sequence[Plan]) -> dict[Target, list[_Voice]]:
    found: dict[Target, list[_Voice]] = {}
    for number, plan in enumerate(plans):
        for voice in _of(number, plan):
            found.setdefault(voice.target, []).append(voice)
    return found


def _of(number: int, plan: Plan) -> Iterator[_Voice]:
    for effect in plan.effects:
        if effect.verb not in DEPENDENT_STEPS:
            yield _Voice(number, plan, effect.target, effect.wanted, effect, plan.outcome in REAL)
    for effect in plan.releases:
        yield _Voice(number, plan, effect.target, effect.wanted, effect, real=True)
    for hold in plan.joins:
        yield _Voice(number, plan, hold.target, {"active": False}, None, real=True)


Lost = tuple[PlannedEffect, str]  # what is given up, and the sentence
Judge = Callable[[Sequence[_Voice]], tuple[list[tuple[_Voice, str]], list[tuple[_Voice, str]]]]


def _each(plans: Sequence[Plan], judge: Judge) -> list[Plan]:
    """Ask a judge about each target with several desired effects; it names who gives way and who is notified."""
    lost: dict[int, list[Lost]] = {}
    told: dict[int, list[Stop]] = {}
    for target, voices in sorted(_voices(plans).items()):
        if len(voices) < 2:
            continue
        giving, hearing = judge(voices)
        for voice, text in giving:
            if voice.effect is not None:
                lost.setdefault(voice.number, []).append((voice.effect, text))
        for voice, text in hearing:
            stop = Stop(guard="conflict", message=f"{target}: {text}", target=target)
            told.setdefault(voice.number, []).append(stop)
    return [
        _without(plan, lost.get(number, []), told.get(number, [])) if number in lost or number in told else plan
        for number, plan in enumerate(plans)
    ]


def _names(voices: Sequence[_Voice], but: _Voice) -> str:
    names = sorted({voice.plan.rule for voice in voices if voice.plan.rule != but.plan.rule})
    return ", ".join(names) or but.plan.rule


# --- pause against activate ------------------------------------------------------------------------


def _opposites(voices: Sequence[_Voice]) -> tuple[list[tuple[_Voice, str]], list[tuple[_Voice, str]]]:
    inactive = [voice for voice in voices if voice.inactive]
    giving: list[tuple[_Voice, str]] = []
    winners: dict[int, list[_Voice]] = {}
    for voice in voices:
        against = [other for other in inactive if other.real or not voice.real]
        if voice.active and against:
            text = f"{_names(against, voice)} wants it paused in the same tick; paused is the safe side"
            giving.append((voice, text))
            for other in against:
                if voice.real or not other.real:
                    winners.setdefault(id(other), []).append(voice)
    hearing = [
        (voice, f"{_names(winners[id(voice)], voice)} wanted it active in the same tick; paused is the safe side")
        for voice in inactive
        if id(voice) in winners
    ]
    return giving, hearing


# --- two values for one field ----------------------------------------------------------------------


def _values(voices: Sequence[_Voice]) -> tuple[list[tuple[_Voice, str]], list[tuple[_Voice, str]]]:
    giving: dict[int, tuple[_Voice, str]] = {}
    for field in sorted({name for voice in voices for name in voice.wanted} - {"active", "archived"}):
        saying = [voice for voice in voices if field in voice.wanted]
        for voice in saying:
            against = [
                other
                for other in saying
                if (other.real or not voice.real)
                and other.plan.priority >= voice.plan.priority
                and fingerprint(other.wanted[field]) != fingerprint(voice.wanted[field])
            ]
            if against:
                text = f"{_names(against, voice)} wants another {field}"
                giving.setdefault(id(voice), (voice, text))
    told = [] if not giving else [voice for voice in voices if id(voice) not in giving and voice.real]
    given_up = [voice for voice, _ in giving.values() if voice.real]
    hearing = [
        (voice, f"{_names(given_up, voice)} wanted another value; this rule has the higher priority")
        for voice in told
        if any(other.plan.priority < voice.plan.priority and _differ(voice, other) for other in given_up)
    ]
    return list(giving.values()), hearing


def _differ(one: _Voice, other: _Voice) -> bool:
    shared = set(one.wanted) & set(other.wanted)
    return any(fingerprint(one.wanted[name]) != fingerprint(other.wanted[name]) for name in shared)


# --- the last holder lets go -----------------------------------------------------------------------


def _last_holders(plans: Sequence[Plan]) -> list[Plan]:
    """Let one of several holders return a target that all release in one tick, because each sees the others."""
    ended: dict[Target, dict[str, Ended]] = {}
    for plan in plans:
        for end in plan.ended:
            ended.setdefault(end.hold.target, {})[plan.rule] = end
    returning = {target: rule for target, ends in ended.items() if (rule := _returning(ends)) is not None}
    return [_returned(plan, {t for t, rule in returning.items() if rule == plan.rule}) for plan in plans]


def _returning(ends: Mapping[str, Ended]) -> str | None:
    if any(end.returns for end in ends.values()):
        return None
    ready = sorted(rule for rule, end in ends.items() if end.back is not None and set(end.others) <= set(ends))
    return ready[0] if ready else None


def _returned(plan: Plan, targets: set[Target]) -> Plan:
    if not targets:
        return plan
    chosen = [end for end in plan.ended if end.hold.target in targets and end.back is not None]
    backs = tuple(replace(end.back, reason=_gone_back(end)) for end in chosen if end.back is not None)
    ended = tuple(
        replace(end, returns=True, others=(), back=None, message=_gone_back(end)) if end in chosen else end
        for end in plan.ended
    )
    return replace(plan, releases=(*plan.releases, *backs), ended=ended)


def _gone_back(end: Ended) -> str:
    return f"{end.hold.target}: every holder released it; it is activated"


# --- the last active ones, over all rules ----------------------------------------------------------


def _last_ones(plans: Sequence[Plan], known: RulesWithState) -> list[Plan]:
    """Let rules with `keep_active` give way if two together would take the last target, while each spares one."""
    guarded = {n for n, plan in enumerate(plans) if plan.rule in known and known[plan.rule][0].guards.keep_active}
    taken = {effect.target for n, plan in enumerate(plans) if n not in guarded for effect in _taking(plan)}
    settled = list(plans)
    for number in sorted(guarded, key=lambda n: (-plans[n].priority, plans[n].rule)):
        plan = plans[number]
        revision, state = known[plan.rule]
        lost = [one for keep in revision.guards.keep_active for one in _too_many(plan, keep, state, taken)]
        if lost:
            settled[number] = _without(plan, lost, [], guard="keep_active")
        taken |= {effect.target for effect in _taking(settled[number])}
    return settled


def _taking(plan: Plan) -> list[PlannedEffect]:
    return [effect for effect in plan.effects if deactivates(effect)] if plan.outcome in REAL else []


def _too_many(plan: Plan, keep: KeepActive, state: State, taken: set[Target]) -> Iterator[Lost]:
    mine = [effect for effect in _taking(plan) if effect.target.kind == keep.kind and effect.target not in taken]
    gone = {target for target in taken if target.kind == keep.kind}
    for effect in sorted(mine, key=lambda one: (one.money_24h or Decimal(0), one.target)):
        group = group_of(keep, effect.target, state)
        others = {target for target in gone if group_of(keep, target, state) == group}
        if state.active.get(group, 0) - len(others) - 1 < keep.count:
            yield effect, f"other rules pause in the same tick; {keep.count} must stay active"
        else:
            gone.add(effect.target)


# --- what a plan looks like afterwards -------------------------------------------------------------


def _without(plan: Plan, lost: Sequence[Lost], told: Sequence[Stop], guard: str = "conflict") -> Plan:
    gone = {id(effect): text for effect, text in lost}
    effects, companions = whole([effect for effect in plan.effects if id(effect) not in gone], plan.effects)
    stops = [
        Stop(guard=guard, message=f"{one.target}: {text}", subject=one.subject, target=one.target) for one, text in lost
    ]
    blocked = {effect.target: text for effect, text in lost if any(effect is release for release in plan.releases)}
    return replace(
        plan,
        effects=tuple(effects),
        releases=tuple(release for release in plan.releases if id(release) not in gone),
        ended=tuple(_not_returned(end, blocked) for end in plan.ended),
        stops=(*plan.stops, *_new(stops + companions + list(told), plan.stops)),
        outcome=Outcome.STOPPED if plan.effects and not effects else plan.outcome,
    )


def _new(stops: Sequence[Stop], old: Sequence[Stop]) -> list[Stop]:
    fresh = [stop for stop in stops if stop not in old]
    return sorted(fresh, key=lambda stop: (str(stop.target), stop.guard, stop.message))


def _not_returned(end: Ended, blocked: Mapping[Target, str]) -> Ended:
    text = blocked.get(end.hold.target)
    return end if text is None else replace(end, returns=False, message=f"{end.hold.target} stays paused: {text}")


def _noted(plan: Plan, wanting: Mapping[tuple[Target, object], set[str]]) -> Plan:
    """Note on each effect which other rules want the very same."""
    effects = tuple(
        replace(effect, also=tuple(sorted(wanting.get(_wish(effect), set()) - {plan.rule}))) for effect in plan.effects
    )
    return replace(plan, effects=effects)


def _wanting(plans: Sequence[Plan]) -> dict[tuple[Target, object], set[str]]:
    wanting: dict[tuple[Target, object], set[str]] = {}
    for plan in plans:
        if plan.outcome in REAL:
            for effect in plan.effects:
                wanting.setdefault(_wish(effect), set()).add(plan.rule)
    return wanting


def _wish(effect: PlannedEffect) -> tuple[Target, object]:
    return effect.target, fingerprint(effect.wanted)
