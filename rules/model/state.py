"""All that `rules.planning.plan` knows besides the verdicts: plain frozen values, no I/O.

One `State` is what one rule sees at one moment, within one account. The caller fills it from the database
(or, in rule tests and backtests, from an overlay); each field names its source. A target that is missing from
`State.targets` is one that nobody has seen: then nothing is assumed about it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from rules.model.facts import Subject
from rules.model.plan import Hold, Target
from rules.model.revision import Dimension
from rules.model.verbs import BELOW_OFFER

# Kinds that exist once per integration; all others exist once per organisation, whatever integration a rule
# names, so that two rules of two integrations mean the same publisher.
PER_INTEGRATION = frozenset({"offer", "offer_event", "landing_page"})


def target_of(kind: str, identifier: str, *, account: str = "main", integration: str = "default") -> Target:
    """Return the canonical spelling of a target, for plans and for callers that fill `State.targets`."""
    return Target(
        kind=kind,
        id=identifier,
        account=account,
        integration=integration if kind in PER_INTEGRATION else "default",
    )


def offer_above(target: Target, subject: Subject) -> dict[str, str]:
    """Return the part of a key that calls about an event or a landing page need.

    It is its offer, if the subject names one.
    """
    offer = subject.get("offer") if target.kind in BELOW_OFFER else None
    return {} if offer is None else {"offer": offer}


@dataclass(frozen=True, slots=True, kw_only=True)
class Probation:
    """A returned target that this rule watches.

    Source: the rule's last ended hold on the target that was followed by a return, while the revision has
    `release.probation`; `seen` is measured from the observations since then.
    """

    since: datetime
    seen: Mapping[str, Decimal] = field(default_factory=dict)  # metric → amount in [since, now)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetState:
    """The state of one target, as this rule knows it."""

    target: Target
    aliases: frozenset[str] = frozenset()  # entity mirror: its other ids (Integr8 has a text and a number)
    exists: bool = True  # entity mirror: False when Integr8 no longer lists it (archived, deleted)
    active: bool | None = None  # entity mirror; None: never seen
    values: Mapping[str, Any] = field(default_factory=dict)  # entity mirror: its fields; prior values
    seen_at: datetime | None = None  # entity mirror: when the request that read these values was sent
    groups: Mapping[Dimension, str] = field(default_factory=dict)  # entity mirror: an offer's advertiser's id
    revenue_24h: Decimal | None = None  # observations of [now - 24 h, now); None: not known, 0: none
    payout_24h: Decimal | None = None  # as above
    holds: tuple[Hold, ...] = ()  # hold rows that have not ended, of every rule
    holds_before: int = 0  # ended holds of this rule since now - holds.MEMORY that were proven, and no person ended
    muted_until: Mapping[str, datetime] = field(default_factory=dict)  # mutes: rule id (or "*") → until
    muted_why: Mapping[str, str] = field(default_factory=dict)  # of the same mutes: who decided what
    last_effect: datetime | None = None  # ledger: this rule's newest effect or release here; those that were
    #                                         only recorded count too while the rule is in shadow
    changed_by_person: datetime | None = None  # mirror poll: newest change by hand of a field that rules set
    #                                               (status first of all); being created is no change
    probation: Probation | None = None
    pending: Mapping[str, Any] = field(default_factory=dict)  # ledger: wanted by effects of any rule that are
    #                                                           planned, claimed, sent or unknown

    @property
    def names(self) -> frozenset[str]:
        """Every id of the target."""
        return self.aliases | {self.target.id}

    def now_so(self) -> dict[str, Any]:
        """The last known fields of the target."""
        return dict(self.values) if self.active is None else {**self.values, "active": self.active}


@dataclass(frozen=True, slots=True, kw_only=True)
class Streak:
    """The time for which a subject's answer has been yes, before the present evaluation. Source: stored verdicts.

    `rules.planning.streaks.advance` makes the next one, for whoever stores it.
    """

    evaluations: int = 0  # consecutive ones with yes, each with new data
    since: datetime | None = None  # since when the answer has been yes without a gap
    counted_at: datetime | None = None  # the last evaluation that was counted
    new_data: bool = True  # observations about this subject were seen after `counted_at`


@dataclass(frozen=True, slots=True, kw_only=True)
class ScopeTotals:
    """The totals that the guards measure shares against."""

    subjects: int | None = None  # None: those of the evaluation. For an event rule: all active of the kind
    revenue_24h: Decimal | None = None  # observations of all subjects in scope; None: not known


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryState:
    """The first changed targets, and their watch.

    Source: the newest plan of the rule whose `canary` is started or failed, with no later one that passed.
    """

    since: datetime  # when the first of its effects was applied
    targets: tuple[Target, ...]  # those applied
    revenue: Decimal | None = None  # of the scope since then
    revenue_before: Decimal | None = None  # of the scope in the same hours one week earlier
    failed_at: datetime | None = None  # when a plan said failed


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """Another rule says yes for something that the subject belongs to, and holds this rule back (`inhibits`)."""

    rule: str
    about: str = ""  # what they share, as advertiser=7; empty: everything
    reason: str = ""  # the other rule's own sentence

    def __str__(self) -> str:
        about = f" ({self.about})" if self.about else ""
        return f"held back by the rule {self.rule}{about}{f': {self.reason}' if self.reason else ''}"


GroupKey = tuple[Dimension, Dimension | None, str | None]  # ("offer", "advertiser", "7"); ("offer", None, None): all


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Everything that one rule may know in addition to the facts, at one moment."""

    same: Mapping[Target, Target] = field(default_factory=dict)  # entity mirror: other names of a target → the one
    #                                                   under which `targets`, holds, mutes and plans know it
    targets: Mapping[Target, TargetState] = field(default_factory=dict)  # at least rules.planning.plan.targets(...)
    #                                                        and every target on which this rule has a hold
    streaks: Mapping[Subject, Streak] = field(default_factory=dict)  # only needed where `for:` is given
    effects_today: int = 0  # ledger: effects of this rule since midnight in data.tz; planned ones count too
    budgets: Mapping[str, int] = field(default_factory=dict)  # ledger: effects of all rules that share each budget,
    #                                                   since its day or month began; planned ones count too
    errors: int = 0  # runs: failed ones in a row, newest backwards
    scope: ScopeTotals = ScopeTotals()
    active: Mapping[GroupKey, int] = field(default_factory=dict)  # entity mirror: active and without a pending
    #                                                        pause, for each group that keep_active names
    protected: Mapping[str, frozenset[str]] = field(default_factory=dict)  # bridge.yaml: kind → ids
    halt: str | None = None  # the reason given to `integr8-bridge halt`; None: running
    halt_of: str = "everything"  # what that halt stops: everything, this rule, or its account
    halted_advertisers: Mapping[str, str] = field(default_factory=dict)  # by either id, the reason of the halt
    looking: frozenset[Target] | None = None  # the rule's holds that end if they are due are on these targets;
    #                                           None: wherever it holds something
    waiting: frozenset[Target] = frozenset()  # targets in plans of this rule that wait for a person, without
    #                                           the plan that is being re-checked at this moment
    asked: frozenset[Target] = frozenset()  # as `waiting`, of plans that ask because the evidence does not decide:
    #                                         they keep nothing back that is proven
    answered: Mapping[Target, datetime] = field(default_factory=dict)  # when a person last said no to such a plan,
    #                                                                    or let it expire
    canary: CanaryState | None = None
    inhibited: Mapping[Subject, Inhibition] = field(default_factory=dict)  # by rules that say yes at this moment

    def of(self, target: Target) -> TargetState:
        """Return what is known about the target; nothing at all is a valid answer."""
        named = self.one(target)
        return self.targets.get(named) or TargetState(target=named)

    def one(self, target: Target) -> Target:
        """Return the canonical name of a target, whichever of its ids is given."""
        return self.same.get(target, target)

    def protects(self, target: Target, *names: str) -> bool:
        """Return whether no rule may ever change the target, by any of its ids or further names."""
        return bool({*self.of(target).names, *names} & self.protected.get(target.kind, frozenset()))

    def halt_message(self) -> str:
        """Return what is halted, and why; only called while something is."""
        return f"{self.halt_of} is halted: {self.halt}"

    def halt_message_of(self, target: Target) -> str | None:
        """Return why a target must not be changed while its advertiser is halted; None: it may."""
        if not self.halted_advertisers:
            return None
        known = self.of(target)
        names = known.names if target.kind == "advertiser" else {known.groups.get("advertiser")}
        found = next((name for name in names if name in self.halted_advertisers), None)
        return None if found is None else f"{target}: advertiser {found} is halted: {self.halted_advertisers[found]}"

    def held_by(self, rule: str) -> Iterable[tuple[TargetState, Hold]]:
        """Yield each hold of one rule to examine, in the order of the targets."""
        asked = self.targets if self.looking is None else self.looking
        held = [target for target in asked if self.of(target).holds]  # few of many: filter, then sort
        for target in sorted(held):
            known = self.targets[target]
            for hold in known.holds:
                if hold.rule == rule:
                    yield known, hold
