"""Plan what `lose_at_most` wants for subjects over their loss limit: ask a person, pause, or cap.

They are no yes: nothing that is proven waits for them. Where a person is asked, a plan of their own waits; it keeps
no proven pause of the same target back.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from rules.model.formatting import counted
from rules.model.local_time import say
from rules.model.plan import Plan, PlannedEffect, Stop
from rules.model.revision import HoldFor, LoseAtMost, Mode, Revision
from rules.model.state import State
from rules.model.verdicts import Evaluation
from rules.planning.desired import DesiredEffect

GUARD = "lose_at_most"
MIDNIGHT = HoldFor("midnight")
#: A cap begins anew each day, whatever was watched or touched yesterday.
NOT_FOR_CAPS = frozenset({"probation", "cooldown"})


def rows(revision: Revision, evaluation: Evaluation) -> list[int]:
    """Return the subjects that lost too much without a decision of the evidence."""
    if evaluation.over_loss_limit is None or revision.mode is Mode.DISABLED:
        return []
    found: list[int] = np.flatnonzero(evaluation.over_loss_limit).tolist()
    return found


def held_as_said(limit: LoseAtMost | None, desired: DesiredEffect) -> DesiredEffect:
    """Return the same effect with the hold of `lose_at_most`."""
    if limit is not None and limit.then != "ask":
        desired = replace(desired, proven=False)
    hold = None if limit is None else MIDNIGHT if limit.then == "cap" else limit.hold
    if hold is None or desired.effect.hold is None:
        return desired
    return replace(desired, effect=replace(desired.effect, hold=hold))


def refuse(revision: Revision, evaluation: Evaluation, desired: DesiredEffect, state: State) -> Stop | None:
    """Return why a subject over its loss limit is left alone at this moment, besides the checks of all effects."""
    effect = desired.effect
    if effect.target in state.asked:
        return _stop("waiting", effect, f"{effect.target}: a person was asked and has not answered yet")
    if revision.lose_at_most is not None and revision.lose_at_most.then == "cap":
        return None
    since = _counted_since(effect, state)
    if since is None or evaluation.lost_since(desired.row, since):
        return None
    text = f"{effect.target}: what it may lose is counted anew since {say(since, revision.data.tz)}"
    return _stop(GUARD, effect, text)


def not_asked(revision: Revision) -> frozenset[str]:
    """Return the guards that do not apply to the effects of `lose_at_most`."""
    return NOT_FOR_CAPS if revision.lose_at_most is not None and revision.lose_at_most.then == "cap" else frozenset()


def asks(revision: Revision) -> bool:
    """Return whether a person decides about subjects over their loss limit, and about nothing else."""
    limit = revision.lose_at_most
    return limit is not None and limit.then == "ask" and revision.mode is Mode.LIVE


def asked(revision: Revision, effects: Collection[PlannedEffect]) -> Stop:
    """Return why a plan waits whose subjects the evidence does not decide."""
    limit = revision.lose_at_most
    money = "" if limit is None else limit.money
    number = counted(len({effect.subject for effect in effects}), "item")
    return Stop(guard=GUARD, message=f"{number} may have lost more than {money} before the evidence decides")


def is_asking(plan: Plan) -> bool:
    """Return whether a plan waits because the evidence does not decide."""
    return any(stop.guard == GUARD and stop.target is None for stop in plan.stops)


def later(effects: Sequence[PlannedEffect]) -> list[Stop]:
    """Return the questions for the next evaluation, because this one acts on what is proven."""
    text = "what is proven goes first; a person is asked at the next check"
    return [_stop(GUARD, effect, f"{effect.target}: {text}") for effect in effects]


def _counted_since(effect: PlannedEffect, state: State) -> datetime | None:
    """Return since when the loss counts again: the last return from a pause, or the last rejection by a person."""
    known = state.of(effect.target)
    moments = [state.answered.get(effect.target), known.probation.since if known.probation else None]
    return max((moment for moment in moments if moment is not None), default=None)


def _stop(guard: str, effect: PlannedEffect, message: str) -> Stop:
    return Stop(guard=guard, message=message, subject=effect.subject, target=effect.target)
