"""Decide about a plan that waits for approval: who may answer, until when, and what still holds at that moment.

A yes is to what the person saw. So everything is evaluated again, what recovered drops out, and what has come
up since is not smuggled in: it will wait in a plan of its own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from rules.model.plan import Outcome, Plan, PlannedEffect, Stop, Target
from rules.model.revision import Approve
from rules.planning.desired import fingerprint
from rules.planning.step_dependencies import DEPENDENT_STEPS, TELLING, whole

ABOVE_ALL = frozenset({"halt", "protected", "gone"})  # asked even where the rule wants no re-check


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The changes of the re-check, for the person who approves."""

    kept: tuple[PlannedEffect, ...] = ()
    dropped: tuple[PlannedEffect, ...] = ()
    reasons: tuple[Stop, ...] = ()  # one for each that was dropped
    left_out: tuple[PlannedEffect, ...] = ()  # new since, and therefore not part of it


def recheck(old: Plan, new: Plan, approve: Approve | None = None) -> tuple[Plan, Difference]:
    """Return the plan to execute after an approval of `old`, and how it differs.

    `new` is the plan of the same rule made at this moment, with a state that leaves `old` out of its waiting ones. The
    person's approval covers its limits, so a `new` that waits is not an obstacle; one that is stopped is. If both want
    an effect the newer one is used: its prior values and the end of its hold are right. With `recheck: false` the old
    effects are used, except where halt, protection or a missing target forbid them.
    """
    if approve is not None and not approve.recheck:
        kept, dropped, reasons = _as_it_was(old, new)
    else:
        kept, dropped, reasons = _again(old, new)
    staying, alone = whole(kept, old.effects)
    ids = {id(effect) for effect in staying}
    dropped = [*dropped, *(effect for effect in kept if id(effect) not in ids)]
    difference = Difference(
        kept=tuple(staying),
        dropped=tuple(dropped),
        reasons=(*reasons, *alone),
        left_out=tuple(effect for effect in new.effects if _same(effect) not in {_same(one) for one in old.effects}),
    )
    return _approved(old, new, difference), difference


def only(plan: Plan, targets: Collection[Target]) -> Plan:
    """Return the approved part of a waiting plan; steps that need a missing one are left out too."""
    chosen = {effect.subject for effect in plan.effects if effect.target in targets}
    left = [
        effect
        for effect in plan.effects
        if effect.target in targets or (effect.verb in DEPENDENT_STEPS and effect.subject in chosen)
    ]
    staying, _ = whole(left, plan.effects)
    return replace(plan, effects=tuple(staying))


def may_answer(approve: Approve, user: str, roles: Collection[str], *, is_operator: bool) -> bool:
    """Return whether a person may approve or reject. If the rule names nobody, any operator may."""
    if not approve.by:
        return is_operator
    return bool({user, *roles} & set(approve.by))


Expiry = Literal["wait", "drop", "proceed", "escalate"]


def expiry(approve: Approve, waiting_since: datetime, now: datetime, *, escalated: bool = False) -> Expiry:
    """Return what happens to a plan that nobody answered. `proceed` is an approval: re-check it like one.

    An escalated plan waits once more as long, and is then dropped: silence is no approval.
    """
    if escalated:
        return "drop" if now >= waiting_since + 2 * approve.within else "wait"
    return approve.otherwise if now >= waiting_since + approve.within else "wait"


def _again(old: Plan, new: Plan) -> tuple[list[PlannedEffect], list[PlannedEffect], list[Stop]]:
    fresh = {_same(effect): effect for effect in new.effects}
    kept: list[PlannedEffect] = []
    dropped: list[PlannedEffect] = []
    for effect in old.effects:
        found = fresh.get(_same(effect))
        if found is None:
            dropped.append(effect)
        else:
            kept.append(found)
    return kept, dropped, [_why(effect, new) for effect in dropped]


def _as_it_was(old: Plan, new: Plan) -> tuple[list[PlannedEffect], list[PlannedEffect], list[Stop]]:
    kept: list[PlannedEffect] = []
    dropped: list[PlannedEffect] = []
    reasons: list[Stop] = []
    for effect in old.effects:
        stop = next((one for one in new.stops if one.guard in ABOVE_ALL and one.target in {None, effect.target}), None)
        if stop is None:
            kept.append(effect)
        else:
            dropped.append(effect)
            reasons.append(_told(effect, stop))
    return kept, dropped, reasons


def _same(effect: PlannedEffect) -> object:
    """Return whether two effects want the same, so that the person has seen it; a message may have newer numbers."""
    wanted = None if effect.verb in TELLING else fingerprint(effect.wanted)
    return (effect.step, effect.verb, effect.target, wanted)


def _why(effect: PlannedEffect, new: Plan) -> Stop:
    if any(other.target == effect.target and other.step == effect.step for other in new.effects):
        message = f"{effect.target}: by now the rule wants something else than what was shown"
        return Stop(guard="recheck", message=message, subject=effect.subject, target=effect.target)
    stop = _stop_of(effect, new)
    if stop is not None:
        return _told(effect, stop)
    message = f"{effect.target}: the rule no longer says yes about it"
    return Stop(guard="recheck", message=message, subject=effect.subject, target=effect.target)


def _stop_of(effect: PlannedEffect, new: Plan) -> Stop | None:
    """Return the most specific stop: of the target, of the subject, of the whole plan if none of it is executed."""
    stops = new.stops
    own = next((stop for stop in stops if stop.target == effect.target), None)
    subject = next((stop for stop in stops if stop.target is None and stop.subject == effect.subject), None)
    every = next((stop for stop in stops if stop.target is None and stop.subject is None), None)
    return own or subject or (every if new.outcome is Outcome.STOPPED else None)


def _told(effect: PlannedEffect, stop: Stop) -> Stop:
    return Stop(guard=stop.guard, message=stop.message, subject=effect.subject, target=effect.target)


def _approved(old: Plan, new: Plan, difference: Difference) -> Plan:
    targets = {effect.target for effect in difference.kept}
    return replace(
        old,
        outcome=Outcome.READY if difference.kept else Outcome.NOTHING,
        effects=difference.kept,
        stops=difference.reasons,
        waiting_since=None,
        # an undo ends holds with its effects; anything else in `new` belongs to the rule's own next run
        ended=tuple(end for end in new.ended if end.how == "undo" and (end.hold.target in targets or not end.returns)),
        mutes=tuple(mute for mute in new.mutes if mute.target in targets),
        releases=(),
        joins=(),
        canary=new.canary,
    )
