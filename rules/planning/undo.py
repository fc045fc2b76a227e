"""Plan an undo: restore what a run changed, and leave alone what changed since.

An undo is a plan like any other: halt, protection, other holders, `keep_active` and `at_most` are asked, its
effects carry the values before them, and so it can itself be undone. Cool-downs, quiet hours and mutes are not
asked: they keep a rule from acting, and here a person does.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from rules.model.markers import as_value
from rules.model.plan import Ended, Hold, Mute, Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.revision import HoldFor, Revision
from rules.model.state import State, TargetState, offer_above, target_of
from rules.model.verbs import BELOW_OFFER, VERBS, that_sets
from rules.planning import guards
from rules.planning.desired import DesiredEffect, fingerprint
from rules.planning.plan import rank

RESPECT = timedelta(hours=24)  # as long as a rule that is no longer loaded leaves alone what a person took back


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """An effect that was executed. Source: the ledger, state applied; skipped effects changed nothing."""

    effect: PlannedEffect
    at: datetime
    before: Mapping[str, Any] | None = None  # the fields as read just before; None: the plan's prior values
    created: str | None = None  # ensure: Integr8's id of what was created; None: it was there already


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """One applied effect of a target's history. Source: the ledger, oldest first."""

    applied: Applied
    undone: bool = False  # its run is undone for this target: by the undo that is asked for now, or an earlier one
    is_undo: bool = False  # it was an undo itself: what it set says how the target is, not how it should be


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The author and the extent of an undo. `revision`: the rule as loaded now, None if it is gone."""

    rule: str
    revision: Revision | None = None
    only: frozenset[Target] | None = None  # undo these alone
    history: Mapping[Target, Sequence[Past]] = field(default_factory=dict)  # everything rules did to these targets
    approved: bool = False  # a person said yes to an undo that was over the limits; asked again without them
    who: str = "a person"  # who asks for it

    @property
    def respect(self) -> timedelta:
        return self.revision.guards.respect_people if self.revision else RESPECT

    @property
    def tz(self) -> str:
        return self.revision.data.tz if self.revision else "UTC"


@dataclass(slots=True)
class _Work:
    """The state of one undo."""

    state: State
    now: datetime
    terms: Terms
    effects: list[PlannedEffect] = field(default_factory=list)
    ended: list[Ended] = field(default_factory=list)
    mutes: list[Mute] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)


def undo(applied: Sequence[Applied], state: State, now: datetime, terms: Terms) -> Plan:
    """Return the inverse of these effects.

    `state` must know the targets they changed (`touched`). Several effects on one target are undone as one: from the
    newest wanted value to the oldest prior one. The rule is muted for what it did, because otherwise its next
    evaluation would do it again.
    """
    if state.halt is not None:
        return _named(terms, Outcome.STOPPED, (Stop(guard="halt", message=state.halt_message()),))
    found = _Work(state, now, terms)
    for target, changes in _by_target(applied, terms.only).items():
        _take_back(target, changes, found)
    effects = _spare_last(found)
    over = _over(effects, state, terms, len(applied))
    if over and terms.revision is not None and terms.revision.guards.if_over == "stop":
        return _named(terms, Outcome.STOPPED, (*over, *found.stops))
    if over:
        plan = _named(terms, Outcome.WAITING, (*over, *found.stops))
        return replace(plan, effects=effects, waiting_since=now)
    outcome = Outcome.READY if effects else Outcome.STOPPED if found.stops else Outcome.NOTHING
    plan = _named(terms, outcome, tuple(found.stops))
    return replace(plan, effects=effects, ended=tuple(found.ended), mutes=tuple(found.mutes))


def touched(applied: Iterable[Applied]) -> frozenset[Target]:
    """Return the targets that `undo` will query."""
    return frozenset(_target(one) for one in applied)


def _named(terms: Terms, outcome: Outcome, stops: tuple[Stop, ...]) -> Plan:
    revision = terms.revision
    return Plan(
        rule=terms.rule,
        revision=revision.hash if revision else "",
        outcome=outcome,
        stops=stops,
        priority=revision.priority if revision else 0,
    )


def _target(one: Applied) -> Target:
    """Return the target; a created one has an id by now."""
    named = one.effect.target
    if one.created is None:
        return named
    return target_of(named.kind, one.created, account=named.account, integration=named.integration)


def _by_target(applied: Sequence[Applied], only: frozenset[Target] | None) -> dict[Target, list[Applied]]:
    """Order by target, newest first, as they have to be undone: a login before the publisher that it belongs to."""
    found: dict[Target, list[Applied]] = {}
    order = sorted(enumerate(applied), key=lambda pair: (pair[1].at, pair[0]), reverse=True)
    for _, one in order:
        if only is None or _target(one) in only or one.effect.target in only:
            found.setdefault(_target(one), []).append(one)
    return found


# --- one target ------------------------------------------------------------------------------------


def _take_back(target: Target, changes: Sequence[Applied], work: _Work) -> None:
    known = work.state.of(target)
    refusal = _refusal(target, changes, known, work)
    if refusal is not None:
        work.stops.append(_stop(refusal[0], changes[0], target, refusal[1]))
        return
    created = any(one.created is not None for one in changes)
    back = _archived(target, changes[0]) if created else _restored(target, changes, known, work)
    if back is None:
        return
    if back.wanted.get("active") is True:
        others = _end_hold(target, known, work)
        if others:
            message = f"{target} stays paused: held by {', '.join(others)} too"
            work.stops.append(_stop("hold", changes[0], target, message))
            return
    else:
        work.mutes.append(_mute(target, work))
    work.effects.append(replace(back, money_24h=known.revenue_24h))


def _refusal(target: Target, changes: Sequence[Applied], known: TargetState, work: _Work) -> tuple[str, str] | None:
    one_way = next((one for one in changes if VERBS[one.effect.verb].one_way), None)
    if one_way is not None:
        return "one_way", f"{target}: {VERBS[one_way.effect.verb].one_way}"
    forbidden = _forbidden(target, changes, work)
    if forbidden is not None:
        return forbidden
    if not known.exists:
        return "gone", f"{target} no longer exists"
    if known.changed_by_person is not None and known.changed_by_person > changes[0].at:
        return "changed", f"{target} was changed by a person since"
    if _is_set_later(target, changes[0], known, work):
        return "changed", f"{target} was paused again by a later run"
    return None


def _forbidden(target: Target, changes: Sequence[Applied], work: _Work) -> tuple[str, str] | None:
    halted = work.state.halt_message_of(target)
    if halted is not None:
        return "halt", halted
    if work.state.protects(target, *(str(value) for one in changes for value in one.effect.key.values())):
        return "protected", f"{target} is protected"
    return None


def _is_set_later(target: Target, newest: Applied, known: TargetState, work: _Work) -> bool:
    """Return whether a later run that is not undone paused it again. An undo does not count."""
    history = _history(target, known, work)
    if not history:
        return any(hold.rule == work.terms.rule and hold.since > newest.at for hold in known.holds)
    later = [one for one in history if one.applied.at > newest.at and not one.undone and not one.is_undo]
    return any(one.applied.effect.wanted.get("active") is False for one in later)


def _history(target: Target, known: TargetState, work: _Work) -> list[Past]:
    """Return what rules did to a target since a person last changed it."""
    touched_at = known.changed_by_person
    past = work.terms.history.get(work.state.one(target), ())
    return [one for one in past if touched_at is None or one.applied.at > touched_at]


def _place(effect: PlannedEffect) -> Mapping[str, Any]:
    """Return the path to a target: the offer above an event or a landing page."""
    if effect.target.kind in BELOW_OFFER and "offer" in effect.key:
        return {"offer": effect.key["offer"]}
    return offer_above(effect.target, effect.subject)


def _archived(target: Target, newest: Applied) -> PlannedEffect:
    verb = VERBS[newest.effect.verb].inverse or "archive"
    return PlannedEffect(
        step=f"undo-{newest.effect.step}",
        verb=verb,
        target=target,
        subject=newest.effect.subject,
        wanted=VERBS[verb].wanted,
        key=_place(newest.effect),
        prior=dict.fromkeys(VERBS[verb].wanted, False),
        reason=f"undo: {newest.effect.target} was created by the run",
    )


def _restored(target: Target, changes: Sequence[Applied], known: TargetState, work: _Work) -> PlannedEffect | None:
    """Return how it would be without the undone runs, field by field; None if nothing can be restored."""
    wanted: dict[str, Any] = {}
    prior: dict[str, Any] = {}
    history = _history(target, known, work)
    for name, values in sorted(_fields(changes).items()):
        before, after = _without_undone(name, history) or values
        text = _why_not(name, before, after, _now(known, changes[0], name))
        if text is None:
            wanted[name], prior[name] = before, after
        else:
            work.stops.append(_stop(text[0], changes[0], target, f"{target}: {text[1]}"))
    if not wanted:
        return None
    effect = changes[0].effect
    active = wanted.get("active") if set(wanted) == {"active"} else None
    return PlannedEffect(
        step=f"undo-{effect.step}",
        verb=that_sets(wanted),
        target=target,
        subject=effect.subject,
        wanted=wanted,
        key=_place(effect),
        prior=prior,
        # a pause that comes from taking an activation back is a person's: it ends when a person says so
        hold=HoldFor("manual") if active is False else None,
        urgent=active is False,
        reason=f"undo: {effect.reason}" if effect.reason else f"undo of step {effect.step}",
    )


_UNKNOWN = object()


def _fields(changes: Sequence[Applied]) -> dict[str, tuple[Any, Any]]:
    """Return field → (value before the first change, value after the last). `changes` come newest first."""
    found: dict[str, tuple[Any, Any]] = {}
    for one in changes:
        prior = one.before if one.before is not None else one.effect.prior or {}
        for name, value in one.effect.wanted.items():
            if name in one.effect.key:
                continue  # what it was found by did not change
            after = found[name][1] if name in found else value
            found[name] = (as_value(prior.get(name, _UNKNOWN)), after)
    return found


def _without_undone(name: str, history: Sequence[Past]) -> tuple[Any, Any] | None:
    """Return (the value without the undone runs, the value that was set last); None if the history does not say.

    The newest run that is not undone decides, and without one the value before the first. So the result does not depend
    on the order in which runs are undone.
    """
    about = [one for one in history if name in _fields([one.applied])]
    if not about:
        return None
    set_last = _fields([about[-1].applied])[name][1]
    by_rules = [one for one in about if not one.is_undo]
    standing = [one for one in by_rules if not one.undone]
    if standing:
        return _fields([standing[-1].applied])[name][1], set_last
    return (_fields([by_rules[0].applied])[name][0], set_last) if by_rules else None


def _now(known: TargetState, newest: Applied, name: str) -> Any:
    """Return the present value of the field; a read from before our change does not count."""
    if name in known.pending:
        return known.pending[name]
    if known.seen_at is None or known.seen_at <= newest.at:
        return _UNKNOWN
    return as_value(known.now_so().get(name, _UNKNOWN))


def _why_not(name: str, before: Any, after: Any, now_is: Any) -> tuple[str, str] | None:
    if before is _UNKNOWN or (isinstance(after, Mapping) and ("$generate" in after or "$ref" in after)):
        return "no_prior", f"what {name} was before is not known"
    if now_is is not _UNKNOWN and fingerprint(now_is) == fingerprint(before):
        return "already", f"{name} is as it was"
    if now_is is not _UNKNOWN and fingerprint(now_is) != fingerprint(after):
        return "changed", f"{name} was changed since"
    return None


# --- holds, mutes, guards --------------------------------------------------------------------------


def _end_hold(target: Target, known: TargetState, work: _Work) -> tuple[str, ...]:
    """End the rule's own hold; returns the other holders, which keep the target paused."""
    rule = work.terms.rule
    others = tuple(sorted({hold.rule for hold in known.holds if hold.rule != rule}))
    own = [hold for hold in known.holds if hold.rule == rule]
    work.ended += [_undone(hold, others, work) for hold in own]
    if not own:
        work.mutes.append(_mute(target, work))
    return others


def _undone(hold: Hold, others: tuple[str, ...], work: _Work) -> Ended:
    stays = f"still held by {', '.join(others)}" if others else "it goes back"
    return Ended(
        hold=hold,
        how="undo",
        returns=not others,
        message=f"{hold.target}: the run was undone; {stays}",
        mute_until=work.now + work.terms.respect,
    )


def _mute(target: Target, work: _Work) -> Mute:
    until = work.now + work.terms.respect
    return Mute(rule=work.terms.rule, target=target, until=until, why=f"{work.terms.who} undid its change")


def _spare_last(work: _Work) -> tuple[PlannedEffect, ...]:
    effects = work.effects
    if work.terms.revision is not None:
        kept, stops = guards.keep_active(
            work.terms.revision, [DesiredEffect(0, effect) for effect in effects], work.state
        )
        effects = [desired.effect for desired in kept]
        work.stops += stops
    return _in_order(rank(effects), work.effects)


def _in_order(ranked: Iterable[PlannedEffect], taken_back: Sequence[PlannedEffect]) -> tuple[PlannedEffect, ...]:
    """Return the effects in order: what was created last is archived first."""
    archived = [effect for effect in taken_back if effect.verb == "archive"]
    return tuple(_after(effect, archived) for effect in ranked)


def _after(effect: PlannedEffect, archived: Sequence[PlannedEffect]) -> PlannedEffect:
    if effect.verb != "archive":
        return effect
    earlier = _before(effect, archived)
    return replace(effect, after=tuple(sorted({one.step for one in earlier if one.subject == effect.subject})))


def _before(effect: PlannedEffect, archived: Sequence[PlannedEffect]) -> Iterator[PlannedEffect]:
    for one in archived:
        if one.target == effect.target:
            return
        yield one


def _over(effects: Sequence[PlannedEffect], state: State, terms: Terms, size: int) -> list[Stop]:
    if terms.approved or terms.revision is None:
        return []
    found = guards.over_limits(terms.revision, effects, state, size)
    return [stop for stop in found if stop.guard not in {"per_day", "budget"}]  # how often a rule may act, not a person


def _stop(guard: str, one: Applied, target: Target, message: str) -> Stop:
    return Stop(guard=guard, message=message, subject=one.effect.subject, target=target)
