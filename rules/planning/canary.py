"""Canary: act on the first few items, wait, check the money, then do the rest or undo.

The first few are the cheapest ones: what they are meant to show is whether the whole suffers, and then as
little as possible should hang on them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from rules.model.facts import Subject
from rules.model.formatting import number
from rules.model.local_time import say
from rules.model.plan import PlannedEffect, Stop, Target
from rules.model.revision import Canary, Revision
from rules.model.state import CanaryState, State
from rules.planning.step_dependencies import TELLING

Phase = Literal["started", "waiting", "passed", "failed"]


@dataclass(frozen=True, slots=True)
class Step:
    """The changes that a canary allows, and its state."""

    effects: tuple[PlannedEffect, ...]
    stops: tuple[Stop, ...] = ()
    phase: Phase | None = None


def step(revision: Revision, effects: Sequence[PlannedEffect], state: State, now: datetime) -> Step:
    """Judge the running canary, or start one if there are more targets than it takes."""
    canary = revision.guards.canary
    if canary is None:
        return Step(tuple(effects))
    standing = state.canary
    if standing is not None and standing.failed_at is not None:
        if now < standing.failed_at + revision.guards.respect_people:
            return _wait(effects, "revenue fell after the first few; the rest waits for a person")
        standing = None
    if standing is not None:
        return _judge(canary, standing, effects, revision.data.tz, now)
    targets = {effect.target for effect in effects if effect.verb not in TELLING}
    return Step(tuple(effects)) if len(targets) <= canary.targets else _send(canary, effects)


def _judge(canary: Canary, standing: CanaryState, effects: Sequence[PlannedEffect], tz: str, now: datetime) -> Step:
    until = standing.since + canary.wait
    if now < until:
        return _wait(effects, f"the first few are watched until {say(until, tz)}")
    if standing.revenue is None or standing.revenue_before is None:
        return _wait(effects, "the revenue since the first few is not known yet")
    if standing.revenue_before > 0 and fall(standing) > canary.revenue_drop:
        since, before = number(standing.revenue, "money"), number(standing.revenue_before, "money")
        text = f"revenue {since} after the first few, {before} a week earlier"
        whole = Stop(guard="canary", message=f"{text}: they are undone, the rest is not done")
        return Step((), (whole, *_stops(effects, text)), "failed")
    return Step(tuple(effects), (), "passed")


def fall(standing: CanaryState) -> Decimal:
    """Return the share by which revenue fell; negative if it grew. Both amounts must be known, the earlier positive."""
    assert standing.revenue is not None
    assert standing.revenue_before is not None
    return 1 - standing.revenue / standing.revenue_before


def _send(canary: Canary, effects: Sequence[PlannedEffect]) -> Step:
    chosen = _cheapest(canary.targets, effects)
    first = tuple(effect for effect in effects if effect.subject in chosen)
    rest = [effect for effect in effects if effect.subject not in chosen]
    return Step(first, _stops(rest, "waits until the first few have been watched"), "started" if first else None)


def _cheapest(limit: int, effects: Sequence[PlannedEffect]) -> set[Subject]:
    """Return whole subjects, least revenue first, as long as their targets fit."""
    targets: dict[Subject, set[Target]] = {}
    money: dict[Subject, Decimal] = {}
    for effect in effects:
        own = targets.setdefault(effect.subject, set())
        if effect.verb not in TELLING:
            own.add(effect.target)
        money[effect.subject] = max(money.get(effect.subject, Decimal(0)), effect.money_24h or Decimal(0))
    chosen: set[Subject] = set()
    taken: set[Target] = set()
    for subject in sorted(targets, key=lambda one: (money[one], one)):
        if len(taken | targets[subject]) <= limit:
            taken |= targets[subject]
            chosen.add(subject)
    return chosen


def _wait(effects: Sequence[PlannedEffect], text: str) -> Step:
    return Step((), _stops(effects, text), "waiting")


def _stops(effects: Sequence[PlannedEffect], text: str) -> tuple[Stop, ...]:
    return tuple(
        Stop(guard="canary", message=f"{effect.target}: {text}", subject=effect.subject, target=effect.target)
        for effect in effects
    )
