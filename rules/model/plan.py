"""The values between decision and execution: targets, wanted effects, plans. No logic."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal

from rules.model.facts import Subject
from rules.model.revision import HoldFor, Verb


@dataclass(frozen=True, slots=True, order=True)
class Target:
    """One object of Integr8 that an effect is about.

    `id` is Integr8's own id, as an opaque string. Before a create it is unknown: then `id` is the natural key written
    as `email=a@b.example`, which names the same object in every plan. A target outside Integr8 is named after its
    subject: a message `traffic/offer=42`, an outgoing request or a raw call `offer=42`; so cooldowns apply to each
    subject separately.
    """

    kind: str  # offer, publisher, advertiser, user, offer_event, landing_page, conversion, http, channel
    id: str
    account: str = "main"
    integration: str = "default"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedEffect:
    """One wanted state of one target.

    `wanted` and `key` hold plain JSON values, with two exceptions that are resolved when the effect is executed:
    {"$ref": "pub.id"} stands for a value of an earlier step, {"$generate": "password"} for a secret that must not touch
    the disk; with "to", the channel that receives it.
    """

    step: str  # the action's id; unique within (plan, target)
    verb: Verb
    target: Target
    subject: Subject
    wanted: Mapping[str, Any]
    key: Mapping[str, Any] = field(default_factory=dict)  # ensure: how to find it
    prior: Mapping[str, Any] | None = None  # the same fields before, where known: what undo goes back to
    after: tuple[str, ...] = ()  # steps of the same subject that must have been applied first
    hold: HoldFor | None = None
    hold_until: datetime | None = None  # UTC; None with a hold means until released by hand
    hold_count: int = 1  # holds of this rule on this target in a row, including this one; 0: it proves nothing
    urgent: bool = False  # pauses overtake bulk work
    money_24h: Decimal | None = None  # revenue of the last 24 hours that hangs on the target
    reason: str = ""  # one sentence for the console and the audit
    also: tuple[str, ...] = ()  # other rules that want the very same in this tick; each keeps its own effect


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """A target that a rule keeps paused: by whom, since when, until when. Several rules may hold one target."""

    rule: str
    target: Target
    subject: Subject  # whose verdict led to it: the early condition is read from the same row
    since: datetime  # when the pause was applied
    until: datetime | None = None  # UTC; None: until released by hand
    count: int = 1  # holds in a row, including this one
    active_before: bool = True  # only what was active before us goes back
    new_data: bool = False  # observations about the subject were seen after `since`
    record: int | None = field(default=None, compare=False)  # which stored hold this is; opaque here


Ending = Literal["time", "early", "override", "undo", "hand", "gone", "canary", "activate"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A hold that ends with this plan, whether or not its target is activated."""

    hold: Hold
    how: Ending
    returns: bool  # the target goes back: it is among the plan's releases (an undo: its effects)
    message: str  # one sentence: why it ended, and why the target stays where it is if it does
    probation: bool = False  # the target goes back on probation
    mute_until: datetime | None = None  # the rule leaves the target alone until then
    others: tuple[str, ...] = ()  # the rules whose holds keep the target where it is
    back: PlannedEffect | None = None  # what would have returned it, had they not


@dataclass(frozen=True, slots=True, kw_only=True)
class Mute:
    """A rule leaves a target alone because a person decided about it."""

    rule: str
    target: Target
    until: datetime
    why: str


class Outcome(StrEnum):
    """The fate of a plan's effects."""

    NOTHING = "nothing"  # no effect is wanted
    SHADOW = "shadow"  # recorded only
    WAITING = "waiting"  # for a person
    READY = "ready"  # to be executed
    STOPPED = "stopped"  # a guard said no


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """An effect that was not executed, with the guard, hold or conflict that is the reason."""

    guard: str  # at_most.targets, cooldown, hold, muted, protected, keep_active, quiet, halt, conflict, ...
    message: str
    subject: Subject | None = None  # None: the whole plan
    target: Target | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The desired changes of a run, after guards. Effects are ranked by the money at stake, most first.

    `outcome` concerns `effects`. `releases`, `ended` and `joins` apply whatever the outcome is: they were decided when
    the hold was made, and they exclude what a guard forbids. The exception is a plan that waits as a whole: `joins` of
    a plan that is WAITING or SHADOW is empty.
    """

    rule: str
    revision: str
    outcome: Outcome
    effects: tuple[PlannedEffect, ...] = ()
    releases: tuple[PlannedEffect, ...] = ()  # targets that go back because a hold of this rule ended
    stops: tuple[Stop, ...] = ()
    waiting_since: datetime | None = None
    ended: tuple[Ended, ...] = ()  # holds of this rule that end now
    joins: tuple[Hold, ...] = ()  # holds to record without a call: the target is paused by another rule
    mutes: tuple[Mute, ...] = ()  # beside those that come with `ended`
    priority: int = 0  # the rule's
    canary: Literal["started", "waiting", "passed", "failed"] | None = None
