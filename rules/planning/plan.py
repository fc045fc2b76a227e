"""Turn verdicts into a plan, after all guards, holds and limits are applied.

`plan` is a function of its four arguments and of nothing else, so live run, shadow, preview, rule test and
backtest cannot disagree. Its cost follows the subjects that said yes and the targets that are held, not the
size of the scope.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

import numpy as np

from rules.evaluation.columns import YES
from rules.model.facts import Subject
from rules.model.plan import Ended, Hold, Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.revision import Mode, Revision
from rules.model.state import State
from rules.model.verdicts import Answer, Evaluation
from rules.planning import canary, guards, holds, loss_limits, release, streaks
from rules.planning.desired import DesiredEffect, desired_effects, merged
from rules.planning.projected_state import after
from rules.planning.step_dependencies import whole


def plan(revision: Revision, evaluation: Evaluation, state: State, now: datetime, *, answered: bool = False) -> Plan:
    """Return what this rule wants at this moment.

    `answered`: it is made again because a person approved a waiting plan; what is asked and what is proven are then
    together, for comparison with what the person saw.

    In: the evaluation of this very revision, the state described in rules.model.state, the time as aware UTC. Out: a
    plan whose effects are ranked by money; every yes that became no effect has a Stop, either its own or one of the
    whole plan. Raises nothing: a missing value stops its subject.
    """
    still = guards.standstill(revision, state, now)
    returned = release.returns_due(revision.id, state, _terms(revision, evaluation, state, may_return=not still), now)
    rows = _yes(revision, evaluation)
    late = loss_limits.rows(revision, evaluation)
    if still:
        held = any(release.due(hold, release.Terms(), now) for _, hold in state.held_by(revision.id))
        outcome = Outcome.STOPPED if rows or late or held else Outcome.NOTHING
        return _made(revision, Plan(rule="", revision="", outcome=outcome, stops=still), returned)
    # most events: only a canary has something to say about nothing
    if not rows and not late and revision.guards.canary is None:
        return _made(revision, Plan(rule="", revision="", outcome=Outcome.NOTHING), returned)
    leaving = frozenset(ended.hold.target for ended in returned.ended)
    kept, joins, stops = _guarded(revision, evaluation, rows, late, state, leaving=leaving, now=now)
    ranked = rank(_finished(revision, evaluation, desired, state, now) for desired in kept)
    if late and loss_limits.asks(revision):
        limited = _asking(revision, evaluation, ranked, state, now, late=late, answered=answered)
    else:
        limited = _limited(revision, evaluation, ranked, state, now)
    if limited.canary == "failed":
        returned = release.together((returned, _taken_back(revision, state, leaving, now)))
    may_join = revision.mode is Mode.LIVE and limited.outcome in {Outcome.READY, Outcome.NOTHING}
    unjoined = () if may_join else tuple(_not_joined(hold) for hold in joins)
    every = (*stops, *unjoined, *limited.stops)
    stopped = limited.outcome is Outcome.NOTHING and any(stop.guard not in guards.DULL for stop in every)
    outcome = Outcome.STOPPED if stopped else limited.outcome
    return _made(revision, limited, returned, outcome=outcome, joins=tuple(joins) if may_join else (), stops=every)


def targets(revision: Revision, evaluation: Evaluation) -> frozenset[Target]:
    """Return the targets that `plan` will query, for callers that fill `State.targets`.

    Add the targets on which the rule has holds.
    """
    rows = [*_yes(revision, evaluation), *loss_limits.rows(revision, evaluation)]
    wanted, _ = desired_effects(revision, evaluation, rows, State())
    return frozenset(desired.effect.target for desired in wanted)


def why_not(found: Plan, subject: Subject) -> tuple[Stop, ...]:
    """Return what kept the rule from acting on a subject: its own stops and those of the whole plan."""
    return tuple(stop for stop in found.stops if stop.subject in {None, subject})


def rank(effects: Iterable[PlannedEffect]) -> tuple[PlannedEffect, ...]:
    """Rank by money, most first; the steps of one subject stay together and in order."""
    listed = list(effects)
    money: dict[Subject, Decimal] = {}
    for effect in listed:
        money[effect.subject] = max(money.get(effect.subject, Decimal(0)), effect.money_24h or Decimal(0))
    return tuple(sorted(listed, key=lambda effect: (-money[effect.subject], effect.subject)))


def _yes(revision: Revision, evaluation: Evaluation) -> list[int]:
    if revision.mode is Mode.DISABLED:
        return []
    rows: list[int] = np.flatnonzero(evaluation.answers == YES).tolist()
    return rows


def _terms(revision: Revision, evaluation: Evaluation, state: State, *, may_return: bool) -> release.Terms:
    # a rule that was put back into shadow keeps its promises (the time), and makes no new decisions (early)
    decides = revision.mode in {Mode.LIVE, Mode.APPROVE}
    return release.Terms(
        respect=revision.guards.respect_people,
        probation=bool(revision.release.probation),
        tz=revision.data.tz,
        early=release.early_yes(revision.id, evaluation, state) if decides else frozenset(),
        may_return=may_return,
    )


def _made(
    revision: Revision,
    unnamed: Plan,
    returned: release.Returns,
    *,
    outcome: Outcome | None = None,
    joins: tuple[Hold, ...] = (),
    stops: tuple[Stop, ...] | None = None,
) -> Plan:
    """Return the plan under the rule's name, with its releases.

    Built in one step, because there is one for each event.
    """
    return replace(
        unnamed,
        rule=revision.id,
        revision=revision.hash,
        priority=revision.priority,
        outcome=outcome or unnamed.outcome,
        joins=joins,
        releases=returned.effects,
        ended=returned.ended,
        stops=(*(unnamed.stops if stops is None else stops), *returned.stops),
    )


# --- one target after the other --------------------------------------------------------------------


def _guarded(
    revision: Revision,
    evaluation: Evaluation,
    rows: Sequence[int],
    late: Sequence[int],
    state: State,
    *,
    leaving: frozenset[Target],
    now: datetime,
) -> tuple[list[DesiredEffect], list[Hold], list[Stop]]:
    lasting, stops = _lasting(revision, evaluation, rows, state, now)
    free, held_back = _uninhibited(revision, evaluation, [*lasting, *late], state)
    stops += held_back
    wanted, unfilled = desired_effects(revision, evaluation, free, state)
    over_limit = frozenset(late)
    if over_limit:  # what is proven comes first: of two that want the same it is the one that is kept
        limit = revision.lose_at_most
        wanted = [loss_limits.held_as_said(limit, one) if one.row in over_limit else one for one in wanted]
    wanted, twice = merged(wanted)
    stops += unfilled + twice
    needed = {(desired.effect.subject, step) for desired in wanted for step in desired.effect.after}
    kept: list[DesiredEffect] = []
    joins: list[Hold] = []
    for desired in wanted:
        effect = desired.effect
        idle = None if (effect.subject, effect.step) in needed else guards.redundant(revision, effect, state)
        if desired.row in over_limit:
            refused = _refused_over_loss_limit(revision, evaluation, desired, state, leaving=leaving, now=now)
            stop, join = refused or idle, None
        else:
            join = _join(revision, effect, state, now) if idle is not None else None
            stop = idle if idle is not None and join is None else guards.refuse(revision, effect, state, leaving, now)
        if stop is not None:
            stops.append(stop)
        elif join is not None:
            joins.append(join)
        else:
            kept.append(desired)
    kept, last = _keep_active(revision, kept, over_limit, state, now)
    left, lost = whole([desired.effect for desired in kept], [desired.effect for desired in wanted])
    staying = {id(effect) for effect in left}
    return [desired for desired in kept if id(desired.effect) in staying], joins, stops + last + lost


def _keep_active(
    revision: Revision, desired: list[DesiredEffect], over_limit: frozenset[int], state: State, now: datetime
) -> tuple[list[DesiredEffect], list[Stop]]:
    """Apply `keep_active` to proven targets first: a question about an offer spares no proven one."""
    if not over_limit:
        return guards.keep_active(revision, desired, state)
    proven, last = guards.keep_active(revision, [one for one in desired if one.row not in over_limit], state)
    taken = Plan(rule="", revision="", outcome=Outcome.READY, effects=tuple(one.effect for one in proven))
    left = after(revision, state, taken, now)
    others, spared = guards.keep_active(revision, [one for one in desired if one.row in over_limit], left)
    return [*proven, *others], [*last, *spared]


def _refused_over_loss_limit(
    revision: Revision,
    evaluation: Evaluation,
    desired: DesiredEffect,
    state: State,
    *,
    leaving: frozenset[Target],
    now: datetime,
) -> Stop | None:
    own = loss_limits.refuse(revision, evaluation, desired, state)
    spare = loss_limits.not_asked(revision)
    return own or guards.refuse(revision, desired.effect, state, leaving, now, spare=spare)


def _lasting(
    revision: Revision, evaluation: Evaluation, rows: Sequence[int], state: State, now: datetime
) -> tuple[Sequence[int], list[Stop]]:
    if revision.lasting is None:
        return rows, []
    long_enough: list[int] = []
    stops: list[Stop] = []
    for row in rows:
        subject = evaluation.subjects[row]
        streak = streaks.advance(state.streaks.get(subject), Answer.YES, now)
        missing = streaks.shortfall(revision.lasting, streak, now)
        if missing is None:
            long_enough.append(row)
        else:
            stops.append(Stop(guard="for", message=f"{subject}: {missing}", subject=subject))
    return long_enough, stops


def _uninhibited(
    revision: Revision, evaluation: Evaluation, rows: Sequence[int], state: State
) -> tuple[Sequence[int], list[Stop]]:
    """Return the subjects that no other rule holds back, and the reasons for the others with something to do."""
    held = [row for row in rows if evaluation.subjects[row] in state.inhibited] if state.inhibited else []
    if not held:
        return rows, []
    stops = []
    wanted, unfilled = desired_effects(revision, evaluation, held, state)
    for effect in (desired.effect for desired in wanted):
        stop = guards.redundant(revision, effect, state)
        message = f"{effect.target}: {state.inhibited[effect.subject]}"
        stops.append(stop or Stop(guard="inhibited", message=message, subject=effect.subject, target=effect.target))
    return [row for row in rows if evaluation.subjects[row] not in state.inhibited], stops + unfilled


def _join(revision: Revision, effect: PlannedEffect, state: State, now: datetime) -> Hold | None:
    """Join the hold of another rule without a call, so that we hold the target too. A person's pause is left alone."""
    known = state.of(effect.target)
    if effect.hold is None or not known.holds or any(hold.rule == revision.id for hold in known.holds):
        return None
    count = holds.count_of_next(known)
    return Hold(
        rule=revision.id,
        target=effect.target,
        subject=effect.subject,
        since=now,
        until=holds.until(effect.hold, count, now, revision.data.tz),
        count=count,
        active_before=any(hold.active_before for hold in known.holds),
    )


def _not_joined(hold: Hold) -> Stop:
    message = f"{hold.target} is paused by another rule already"
    return Stop(guard="already", message=message, subject=hold.subject, target=hold.target)


def _finished(
    revision: Revision, evaluation: Evaluation, desired: DesiredEffect, state: State, now: datetime
) -> PlannedEffect:
    reason = evaluation.explain(desired.row).reason
    if desired.more:
        reason = f"{reason} (and for {desired.more} more)"
    effect = desired.effect
    if effect.hold is None:
        return replace(effect, reason=reason)
    count = holds.count_of_next(state.of(effect.target)) if desired.proven else holds.UNPROVEN
    until = holds.until(effect.hold, count, now, revision.data.tz)
    return replace(effect, reason=reason, hold_count=count, hold_until=until)


# --- the plan as a whole ---------------------------------------------------------------------------


def _asking(
    revision: Revision,
    evaluation: Evaluation,
    effects: tuple[PlannedEffect, ...],
    state: State,
    now: datetime,
    *,
    late: Sequence[int],
    answered: bool,
) -> Plan:
    """Return a plan whose over_limit part a person decides about.

    One plan either acts or asks: what is proven goes first.
    """
    over_limit = {evaluation.subjects[row] for row in late}
    open_ = tuple(effect for effect in effects if effect.subject in over_limit)
    proven = tuple(effect for effect in effects if effect.subject not in over_limit)
    first = _limited(revision, evaluation, proven, state, now)
    if not open_:
        return first
    if answered:
        return _as(Outcome.WAITING, effects, (loss_limits.asked(revision, open_), *first.stops), now)
    if first.outcome is Outcome.NOTHING and first.canary is None:
        return _as(Outcome.WAITING, open_, (loss_limits.asked(revision, open_), *first.stops), now)
    return replace(first, stops=(*first.stops, *loss_limits.later(open_)))


def _limited(
    revision: Revision, evaluation: Evaluation, effects: tuple[PlannedEffect, ...], state: State, now: datetime
) -> Plan:
    """Apply limits, canary and mode to the remaining effects. The plan has no name yet."""
    over = guards.over_limits(revision, effects, state, len(evaluation.subjects))
    if over and revision.guards.if_over == "stop":
        each = tuple(_not_done(over[0], effect) for effect in effects)
        return Plan(rule="", revision="", outcome=Outcome.STOPPED, stops=(*over, *each))
    if revision.mode is Mode.SHADOW:
        return _as(Outcome.SHADOW, effects, over, now)
    if over or revision.mode is Mode.APPROVE:
        return _as(Outcome.WAITING, effects, over, now)
    step = canary.step(revision, effects, state, now)
    return _as(Outcome.READY, step.effects, step.stops, now, phase=step.phase)


def _as(
    outcome: Outcome,
    effects: tuple[PlannedEffect, ...],
    stops: Sequence[Stop],
    now: datetime,
    *,
    phase: canary.Phase | None = None,
) -> Plan:
    return Plan(
        rule="",
        revision="",
        outcome=outcome if effects else Outcome.NOTHING,
        effects=effects,
        stops=tuple(stops),
        waiting_since=now if effects and outcome is Outcome.WAITING else None,
        canary=phase,
    )


def _not_done(over: Stop, effect: PlannedEffect) -> Stop:
    message = f"{effect.target} is not touched: {over.message}"
    return Stop(guard=over.guard, message=message, subject=effect.subject, target=effect.target)


def _taken_back(revision: Revision, state: State, leaving: frozenset[Target], now: datetime) -> release.Returns:
    assert state.canary is not None
    terms = release.Terms(respect=revision.guards.respect_people, tz=revision.data.tz)
    first = set(state.canary.targets) - leaving
    found = release.together(
        release.end_hold(known, hold, "canary", state, terms, now=now)
        for known, hold in state.held_by(revision.id)
        if known.target in first
    )
    mute = now + revision.guards.respect_people
    muted: tuple[Ended, ...] = tuple(replace(ended, mute_until=mute) for ended in found.ended)
    return replace(found, ended=muted)
