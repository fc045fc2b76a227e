"""Steps that depend on each other: what remains of a plan when some of its effects are removed."""

from collections.abc import Iterable, Sequence

from rules.model.facts import Subject
from rules.model.plan import PlannedEffect, Stop
from rules.model.verbs import VERBS, starts_traffic, stops_traffic

DEPENDENT_STEPS = frozenset(name for name, verb in VERBS.items() if verb.companion)  # nothing changed, nothing to tell
TELLING = frozenset(name for name, verb in VERBS.items() if not verb.limited)  # they change nothing at Integr8


def whole(left: Sequence[PlannedEffect], before: Iterable[PlannedEffect]) -> tuple[list[PlannedEffect], list[Stop]]:
    """Return `left` without the steps that wait for a missing one, and without notices about a cancelled change.

    A subject whose rule changes nothing at all keeps its notices: they are all it wants.
    """
    changing = {effect.subject for effect in before if effect.verb not in DEPENDENT_STEPS}
    staying = list(left)
    stops: list[Stop] = []
    while True:
        steps = {(effect.subject, effect.step) for effect in staying}
        unchanged = changing - {effect.subject for effect in staying if effect.verb not in DEPENDENT_STEPS}
        lost = [effect for effect in staying if _is_alone(effect, steps, unchanged)]
        if not lost:
            return staying, stops
        stops += [_alone(effect) for effect in lost]
        gone = {id(effect) for effect in lost}
        staying = [effect for effect in staying if id(effect) not in gone]


def deactivates(effect: PlannedEffect) -> bool:
    """Return whether it deactivates something, by any verb."""
    return stops_traffic(effect.verb, effect.wanted)


def activates(effect: PlannedEffect) -> bool:
    """Return whether it activates something."""
    return starts_traffic(effect.verb, effect.wanted)


def _is_alone(effect: PlannedEffect, steps: set[tuple[Subject, str]], unchanged: set[Subject]) -> bool:
    if any((effect.subject, step) not in steps for step in effect.after):
        return True
    return effect.verb in DEPENDENT_STEPS and effect.subject in unchanged


def _alone(effect: PlannedEffect) -> Stop:
    message = f"step {effect.step} ({effect.target}): the change that it goes with does not take place"
    return Stop(guard="companion", message=message, subject=effect.subject, target=effect.target)
