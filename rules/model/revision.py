"""A rule after it was read: plain frozen values without behaviour.

`rules.loading.load` makes them from YAML; everything else only reads them. Durations are
`timedelta`, shares are `Decimal` between 0 and 1, money is `Decimal` in major units of the account's
currency, and no value here depends on the clock.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Literal, TypeAlias, get_args

from rules.model.syntax import Condition, Place, Template

Dimension: TypeAlias = Literal[
    "offer",
    "publisher",
    "advertiser",
    "sub_id",
    "country",
    "event",
    "sub_id_2",
    "sub_id_3",
    "sub_id_4",
    "sub_id_5",
    "sub_id_6",
    "sub_id_7",
    "sub_id_8",
    "sub_id_9",
    "sub_id_10",
    "rejection_reason",
    "device",
    "os",
    "browser",
    "landing_page",
    "referrer_domain",
    "city",
]
ALWAYS_KEPT: tuple[Dimension, ...] = ("offer", "publisher", "advertiser", "sub_id", "country")
DECLARABLE: tuple[Dimension, ...] = tuple(  # kept where bridge.yaml says so
    one for one in get_args(Dimension) if one not in {*ALWAYS_KEPT, "event"}
)
DIMENSIONS: tuple[Dimension, ...] = (*ALWAYS_KEPT, *DECLARABLE)


class Mode(StrEnum):
    """The mode of a rule: how far it may go, as one word in its file."""

    DISABLED = "disabled"
    SHADOW = "shadow"  # decide and record, carry nothing out
    APPROVE = "approve"  # every plan waits for a person
    LIVE = "live"


class Missed(StrEnum):
    """The treatment of due times that passed while nobody ran them."""

    RUN_ONCE = "run_once"
    SKIP = "skip"


# --- when is it evaluated ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Every:
    interval: timedelta
    missed: Missed = Missed.RUN_ONCE


@dataclass(frozen=True, slots=True)
class Cron:
    expression: str
    tz: str = "UTC"
    missed: Missed = Missed.RUN_ONCE


@dataclass(frozen=True, slots=True)
class Webhook:
    source: str
    event: str | None = None  # None: every event of the source
    dedupe: Condition | None = None  # two events with the same value are one for this rule
    order_by: Condition | None = None  # an event older than one already handled is passed over
    order_per: Condition | None = None  # what the event is about: only events about one thing are compared


@dataclass(frozen=True, slots=True)
class Silence:
    source: str
    duration: timedelta
    event: str | None = None


Trigger: TypeAlias = Every | Cron | Webhook | Silence


# --- at what, on which data ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rolling:
    """A rolling window: the newest `length` before now."""

    length: timedelta


Unit: TypeAlias = Literal[
    "this_hour", "today", "yesterday", "this_week", "last_week", "this_month", "last_month", "month_to_date"
]
UNITS: tuple[Unit, ...] = get_args(Unit)


@dataclass(frozen=True, slots=True)
class Calendar:
    """A time range of the calendar in the rule's time zone; the current one is still growing."""

    unit: Unit

    @property
    def over(self) -> bool:
        """True if the time range has ended, so that nothing is added to it any more."""
        return self.unit in {"yesterday", "last_week", "last_month"}


Window: TypeAlias = Rolling | Calendar


@dataclass(frozen=True, slots=True)
class Scope:
    """The subjects that a rule evaluates. Every run selects them again, so new items are included."""

    per: tuple[Dimension, ...] = ("event",)
    origin: Mapping[str, Template] = field(default_factory=dict)  # `from:` dimension → where the event names it
    where: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # attribute → accepted values
    exclude: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)  # `except:` attribute → refused values
    join: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # table → the attributes that are its keys
    everything: bool = False  # said in so many words: `scope: all`, `where: all`
    conditions: "Group | None" = None  # `where` as a list: what an item's attributes must fulfil


@dataclass(frozen=True, slots=True)
class Data:
    window: Window = Rolling(timedelta(hours=24))
    settle: timedelta | Literal["auto"] = timedelta(0)  # leave out the newest part: conversions still arrive
    need: Mapping[str, Decimal] = field(default_factory=dict)  # metric → smallest sample for a decision
    fresh: timedelta | None = None  # data older than this: no decision
    tz: str = "UTC"


# --- if, unless ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by `all`, `any` or `none`; groups nest."""

    kind: Literal["all", "any", "none"]
    items: tuple["Condition | Group", ...]
    place: Place


@dataclass(frozen=True, slots=True)
class For:
    """The required duration of a yes: a number of evaluations, or a time. Exactly one is set."""

    checks: int | None = None
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True)
class HoldFor:
    """The length of a pause. `duration` counts from the effect; a second hold doubles it."""

    kind: Literal["duration", "midnight", "manual"]
    duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoseAtMost:
    """The loss that an item may have while the evidence does not decide, and the action above it.

    Money is in the account's currency. `ask`: a person decides on the rule's own steps. `cap`: the item may have a
    number of clicks a day, and is paused for the rest of it. `pause`: it is paused and returns on probation.
    """

    amount: Decimal
    currency: str | None = None  # as it was written; None: the account's
    then: Literal["ask", "cap", "pause"] = "ask"
    clicks_per_day: int | None = None  # of `cap`
    hold: HoldFor | None = None  # of `pause`; None: that of the step
    worth: Decimal | None = None  # of one hit, such as a conversion; None: what those of the item brought

    @property
    def money(self) -> str:
        """The amount for sentences: `50 USD`, or `50` without a currency."""
        return f"{self.amount:f}{f' {self.currency}' if self.currency else ''}"


# --- then ------------------------------------------------------------------------------------------

Verb: TypeAlias = str  # a key of rules.model.verbs.VERBS


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One step of `then`.

    `target` follows the verb: a kind of entity, an operation of the catalogue (`landing_pages.create`), a channel;
    empty for a request.
    """

    id: str  # the given id, else the step's position: "1", "2", ...
    verb: Verb
    target: str
    which: Template | None = None  # the target's id where it is not the subject itself; may give a list
    key: Mapping[str, Template] = field(default_factory=dict)  # ensure: the natural key
    values: Mapping[str, Any] = field(default_factory=dict)  # `with:`; leaves are Template or plain values
    hold: HoldFor | None = None
    deliver_secret_to: str | None = None  # ensure: the channel that gets what `generate` made
    place: Place


@dataclass(frozen=True, slots=True)
class Release:
    """The conditions for an early end of a hold, and the watch over a returning target."""

    early: Group | None = None
    probation: Mapping[str, Decimal] = field(default_factory=dict)  # metric → sample before the next verdict


# --- but never more than, who says yes, who hears of it --------------------------------------------


@dataclass(frozen=True, slots=True)
class AtMost:
    targets: int | None = None
    share: Decimal | None = None  # of the subjects in scope
    revenue_24h: Decimal | None = None  # share of the scope's revenue in the last 24 hours


@dataclass(frozen=True, slots=True)
class KeepActive:
    """Never leave fewer than `count` active targets of a kind in each group."""

    kind: Dimension
    count: int
    per: Dimension | None = None


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours, local to `tz`, in which the rule decides but changes nothing. `start` may be later than `end`."""

    start: time
    end: time
    tz: str
    days: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)  # Monday is 0


@dataclass(frozen=True, slots=True)
class Canary:
    """Change a few targets first, watch the scope's revenue, then change the others or undo."""

    targets: int
    wait: timedelta
    revenue_drop: Decimal = Decimal("0.2")


@dataclass(frozen=True, slots=True)
class Budget:
    """The changes that several rules may make together in a day or a month of the account's calendar.

    `effects` is None if bridge.yaml is unknown: then it limits nothing.
    """

    name: str
    effects: int | None = None
    per: Literal["day", "month"] = "day"


@dataclass(frozen=True, slots=True)
class Guards:
    at_most: AtMost = AtMost()
    if_over: Literal["approve", "stop"] = "approve"
    cooldown: timedelta = timedelta(0)
    per_day: int | None = None
    budgets: tuple[Budget, ...] = ()  # shared with the other rules that name them
    keep_active: tuple[KeepActive, ...] = ()
    quiet: tuple[Quiet, ...] = ()
    active: tuple[Quiet, ...] = ()  # day-parting: when given, the rule acts only inside these hours
    canary: Canary | None = None
    errors: int = 5  # failed runs in a row after which the rule stands still until someone looks
    respect_people: timedelta = timedelta(hours=24)  # mute for a target that a person changed


@dataclass(frozen=True, slots=True)
class Approve:
    by: tuple[str, ...] = ()  # roles or user names; empty: any operator
    within: timedelta = timedelta(hours=4)
    otherwise: Literal["drop", "proceed", "escalate"] = "drop"
    escalate_to: tuple[str, ...] = ()  # channels
    recheck: bool = True


@dataclass(frozen=True, slots=True)
class Notify:
    about: tuple[str, ...]
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Inhibits:
    """The rules that do nothing while this one says yes, for items that share these dimensions."""

    rules: tuple[str, ...]  # ids; `*` stands for any part of one
    per: tuple[Dimension, ...] = ()  # empty: whatever they are about


@dataclass(frozen=True, slots=True, kw_only=True)
class Test:
    """One entry of `tests:`: given these values, expect this answer (and, if named, these effects), or this plan."""

    given: Mapping[str, Any]  # of several items the first
    expect: str | Mapping[str, Any]  # yes, no, no_decision; or what the plan holds: {"pause": [1], "held_back": {...}}
    more: tuple[Mapping[str, Any], ...] = ()  # the other items
    state: Mapping[str, Any] = field(default_factory=dict)  # what guards and holds know, for a plan
    effects: tuple[str, ...] | None = None  # "pause offer 42"
    name: str | None = None
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One immutable version of a rule. `hash` is the SHA-256 (first 16 hex digits) of its canonical form."""

    id: str
    hash: str
    text: str  # the YAML document as it was written
    place: Place
    schema: int = 1
    title: str = ""
    owner: str = ""
    note: str = ""  # for people: what the rule is for, and when not to use it
    mode: Mode = Mode.SHADOW
    priority: int = 0  # higher first where rules compete
    account: str = "main"
    integration: str = "default"
    trigger: Trigger
    scope: Scope
    data: Data
    when: Group | None
    lasting: For | None = None  # `for:`
    unless: Group | None = None
    lose_at_most: LoseAtMost | None = None
    then: tuple[Action, ...] = ()
    release: Release = Release()
    guards: Guards = Guards()
    approve: Approve = Approve()
    notify: tuple[Notify, ...] = ()
    inhibits: Inhibits | None = None
    on_failure: Literal["undo", "keep", "ask"] = "ask"
    tests: tuple[Test, ...] = ()

    @property
    def timed(self) -> bool:
        """True for a scheduled rule; otherwise events trigger it."""
        return not isinstance(self.trigger, Webhook)
