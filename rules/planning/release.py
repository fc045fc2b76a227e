"""Decide when a hold ends and whether its target is activated again.

A target goes back only if we paused it, nobody changed it since, and no other holder is left. A paused target
makes no data, so an early condition counts only where data came in after the hold began.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from rules.model.facts import Subject
from rules.model.plan import Ended, Ending, Hold, Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.state import State, TargetState, offer_above
from rules.model.verdicts import Answer, Evaluation
from rules.planning.holds import found_active, is_over, override, touched_by_person

RELEASE_STEP = ":release"  # no step of a rule can have this name
BECAUSE: dict[Ending, str] = {
    "time": "its time is up",
    "early": "the release condition holds",
    "hand": "a person released the hold",
    "canary": "revenue fell after the first few",
}


@dataclass(frozen=True, slots=True)
class Returns:
    """Ending holds, targets to activate, and the reasons for others that stay."""

    ended: tuple[Ended, ...] = ()
    effects: tuple[PlannedEffect, ...] = ()
    stops: tuple[Stop, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """The rule's settings for releases."""

    respect: timedelta = timedelta(hours=24)  # mute after a change by a person
    probation: bool = False
    tz: str = "UTC"
    early: frozenset[Subject] = frozenset()  # held subjects whose early condition says yes
    may_return: bool = True  # False: the rule stands still; only what people did is noted


def returns_due(rule: str, state: State, terms: Terms, now: datetime) -> Returns:
    """Examine the holds of one rule."""
    return together(_one(known, hold, state, terms, now) for known, hold in state.held_by(rule))


def together(parts: Iterable[Returns]) -> Returns:
    """Join several into one."""
    listed = list(parts)
    return Returns(
        ended=tuple(ended for part in listed for ended in part.ended),
        effects=tuple(effect for part in listed for effect in part.effects),
        stops=tuple(stop for part in listed for stop in part.stops),
    )


def early_yes(rule: str, evaluation: Evaluation, state: State) -> frozenset[Subject]:
    """Return the held subjects whose early condition says yes. Costs nothing without holds."""
    held = {hold.subject.ids: hold.subject for _, hold in state.held_by(rule) if hold.new_data}
    if not held:
        return frozenset()
    found = (evaluation.subjects[row] for row in np.flatnonzero(evaluation.early == Answer.YES).tolist())
    return frozenset(subject for subject in found if held.get(subject.ids) == subject)


def sweep(rule: str, state: State, now: datetime) -> Plan:
    """Release what is due for a rule that is no longer loaded; its holds must not outlive it for ever."""
    still = state.halt is not None
    found = returns_due(rule, state, Terms(may_return=not still), now)
    stops = (Stop(guard="halt", message=state.halt_message()),) if still else ()
    return _plan(rule, found, stops)


def by_hand(holds: Iterable[Hold], state: State, terms: Terms, now: datetime) -> tuple[Plan, ...]:
    """Release by hand: one plan for each rule among the holds, which is then muted for the target.

    Halt and protection override it, as they override everything.
    """
    plans: list[Plan] = []
    chosen = sorted(holds, key=lambda hold: (hold.rule, hold.target))
    leaving = {(hold.rule, hold.target) for hold in chosen}
    for rule in sorted({hold.rule for hold in chosen}):
        if state.halt is not None:
            stops = (Stop(guard="halt", message=state.halt_message()),)
            plans.append(_plan(rule, Returns(), stops))
            continue
        found = together(
            _end_one(_without(state.of(hold.target), leaving, rule), hold, "hand", state, terms)
            for hold in chosen
            if hold.rule == rule
        )
        muted = tuple(replace(ended, mute_until=now + terms.respect) for ended in found.ended)
        plans.append(_plan(rule, replace(found, ended=muted), ()))
    return tuple(plans)


def _plan(rule: str, found: Returns, stops: tuple[Stop, ...]) -> Plan:
    outcome = Outcome.READY if found.effects else Outcome.STOPPED if stops else Outcome.NOTHING
    return Plan(
        rule=rule,
        revision="",
        outcome=outcome,
        releases=found.effects,
        ended=found.ended,
        stops=stops + found.stops,
    )


def _without(known: TargetState, leaving: set[tuple[str, Target]], rule: str) -> TargetState:
    """Leave the return to the last of several holders that are released at once; the others step aside."""
    later = tuple(hold for hold in known.holds if (hold.rule, hold.target) not in leaving or hold.rule >= rule)
    return replace(known, holds=later)


def _one(known: TargetState, hold: Hold, state: State, terms: Terms, now: datetime) -> Returns:
    if not known.exists:
        return _gone(hold)
    changed = touched_by_person(known, hold)
    if changed is not None:
        return Returns(ended=(override(hold, changed, terms.respect, terms.tz),))
    how = due(hold, terms, now)
    if how is not None:
        return end_hold(known, hold, how, state, terms, now=now) if terms.may_return else Returns()
    seen = found_active(known, hold)
    return Returns(ended=(override(hold, seen, terms.respect, terms.tz),)) if seen is not None else Returns()


def _gone(hold: Hold) -> Returns:
    return Returns(ended=(Ended(hold=hold, how="gone", returns=False, message=f"{hold.target} no longer exists"),))


def due(hold: Hold, terms: Terms, now: datetime) -> Ending | None:
    """Return why a hold ends at this moment; None while it does not."""
    if is_over(hold, now):
        return "time"
    return "early" if hold.new_data and hold.subject in terms.early else None


def end_hold(known: TargetState, hold: Hold, how: Ending, state: State, terms: Terms, *, now: datetime) -> Returns:
    """End a hold, and activate its target unless somebody or something keeps it.

    A holder whose time is up too keeps nothing.
    """
    staying = tuple(other for other in known.holds if not is_over(other, now))
    return _end_one(replace(known, holds=staying), hold, how, state, terms)


def _end_one(known: TargetState, hold: Hold, how: Ending, state: State, terms: Terms) -> Returns:
    if not known.exists:
        return _gone(hold)
    halted = state.halt_message_of(hold.target)
    if halted is not None:
        return Returns(stops=(Stop(guard="halt", message=halted, subject=hold.subject, target=hold.target),))
    if state.protects(hold.target):
        message = f"{hold.target} is protected by now: it is not touched, also not to let it go"
        return Returns(stops=(Stop(guard="protected", message=message, subject=hold.subject, target=hold.target),))
    others = tuple(sorted({other.rule for other in known.holds if other.rule != hold.rule}))
    kept = _kept(known, hold)
    held = f"still held by {', '.join(others)}" if others and kept is None else None
    message = f"{hold.target}: {BECAUSE[how]}; {kept or held or 'it goes back'}"
    back = _return(known, hold, message)
    returns = kept is None and held is None
    ended = Ended(
        hold=hold,
        how=how,
        returns=returns,
        message=message,
        probation=terms.probation and how in {"time", "early"},
        others=others if held else (),
        back=back if held else None,
    )
    return Returns(ended=(ended,), effects=(back,) if returns else ())


def _kept(known: TargetState, hold: Hold) -> str | None:
    """Return why the target is not activated, besides other holders."""
    if not hold.active_before:
        return "it was not active before us and stays as it is"
    if known.active is True and "active" not in known.pending:
        return "it is active already"
    if known.pending.get("active") is False and known.active is not False:
        return "another pause of it is under way"
    return None


def _return(known: TargetState, hold: Hold, message: str) -> PlannedEffect:
    return PlannedEffect(
        step=RELEASE_STEP,
        verb="activate",
        target=hold.target,
        subject=hold.subject,
        wanted={"active": True},
        key=offer_above(hold.target, hold.subject),
        prior={"active": False},
        money_24h=known.revenue_24h,
        reason=message,
    )
