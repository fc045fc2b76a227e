"""The world that a backtest makes up: which targets would be paused, by whom, until when, and what then happens.

It stands in for the database, the mirror and Integr8. Every pause succeeds at once; nobody intervenes by hand;
a plan that would wait for a person is not carried out; other rules do not exist.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

import numpy as np

from rules import lifecycle
from rules.facts import Facts, Subject, Why
from rules.holds import MEMORY
from rules.model import Grain, Revision
from rules.plan import targets
from rules.planning import Hold, Outcome, Plan, PlannedEffect, Target
from rules.state import GroupKey, Probation, ScopeTotals, State, Streak, TargetState
from rules.verdicts import Evaluation

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch in which a target would have been paused; still going on where `end` is None."""

    start: datetime
    end: datetime | None = None


Absences = Mapping[Target, tuple[Span, ...]]


class History(Protocol):
    """The past, as it can be asked."""

    @property
    def subjects(self) -> tuple[Subject, ...]: ...

    def at(self, now: datetime, absent: Absences) -> Facts:
        """The facts as they were known at `now`, without the traffic that absent targets would not have had."""
        ...

    def hindsight(self, now: datetime) -> Facts:
        """The facts about the time before `now` as they are known today, with all traffic."""
        ...

    def came(self, target: Target, start: datetime, end: datetime) -> Mapping[str, Decimal]:
        """What really came in [start, end), late conversions included: clicks, conversions, payout, revenue."""
        ...

    def parent(self, kind: str, identity: str, of: Grain) -> str | None:
        """The id of the advertiser of an offer, and the like."""
        ...


@dataclass(slots=True)
class Past:
    """What is remembered of one target."""

    hold: Hold | None = None
    spans: list[Span] = field(default_factory=list)
    ended: list[datetime] = field(default_factory=list)  # holds that count as flaps
    last_effect: datetime | None = None
    returned: datetime | None = None  # on probation since


@dataclass(slots=True)
class World:
    """The made-up world of one rule."""

    revision: Revision
    history: History
    pasts: dict[Target, Past] = field(default_factory=dict)
    streaks: dict[Subject, Streak] = field(default_factory=dict)
    effects: list[datetime] = field(default_factory=list)

    def absences(self) -> Absences:
        return {target: tuple(past.spans) for target, past in self.pasts.items() if past.spans}

    def held(self) -> set[Target]:
        return {target for target, past in self.pasts.items() if past.hold is not None}

    def idle(self, evaluation: Evaluation) -> bool:
        """Nothing wants to be done and nothing is held: no plan is needed to know that."""
        return not (evaluation.answers == 1).any() and not self.streaks and not self.held()

    def state(self, evaluation: Evaluation, facts: Facts, now: datetime) -> State:
        """What the plan may know at this moment."""
        wanted = targets(self.revision, evaluation) | self.held()
        money = _money(self.revision, facts, now) if wanted else {}
        return State(
            targets={target: self._target(target, facts, money, now) for target in wanted},
            streaks=self._fresh_streaks(facts, now),
            effects_today=sum(at >= _midnight(now, self.revision.data.tz) for at in self.effects),
            scope=ScopeTotals(
                subjects=len(facts.subjects),
                revenue_24h=sum((one[0] for one in money.values()), Decimal(0)) if money else None,
            ),
            active=self._active(),
        )

    def _target(
        self, target: Target, facts: Facts, money: Mapping[str, tuple[Decimal, Decimal]], now: datetime
    ) -> TargetState:
        past = self.pasts.get(target, Past())
        hold = past.hold
        if hold is not None and not hold.new_data:
            hold = replace(hold, new_data=_came_in(facts, hold.subject, hold.since, now))
        revenue, payout = money.get(target.id, (None, None))
        return TargetState(
            target=target,
            active=hold is None,
            groups=self._groups(target),
            revenue_24h=revenue,
            payout_24h=payout,
            holds=(hold,) if hold else (),
            holds_before=sum(at >= now - MEMORY for at in past.ended),
            last_effect=past.last_effect,
            probation=self._probation(past, target, facts, now),
        )

    def _groups(self, target: Target) -> dict[Grain, str]:
        found = {
            keep.per: self.history.parent(target.kind, target.id, keep.per)
            for keep in self.revision.guards.keep_active
            if keep.per
        }
        return {grain: identity for grain, identity in found.items() if identity is not None}

    def _probation(self, past: Past, target: Target, facts: Facts, now: datetime) -> Probation | None:
        wanted = self.revision.release.probation
        if not wanted or past.returned is None:
            return None
        subject = Subject(self.revision.scope.per, (target.id,))
        return Probation(
            since=past.returned,
            seen={name: Decimal(repr(_one(facts, name, subject, past.returned, now) or 0.0)) for name in wanted},
        )

    def _fresh_streaks(self, facts: Facts, now: datetime) -> dict[Subject, Streak]:
        """Each streak with whether data about its subject came in since it was last counted."""
        return {
            subject: replace(streak, new_data=_came_in(facts, subject, streak.counted_at or now, now))
            for subject, streak in self.streaks.items()
        }

    def _active(self) -> dict[GroupKey, int]:
        found: dict[GroupKey, int] = {}
        held = {(target.kind, target.id) for target in self.held()}
        for keep in self.revision.guards.keep_active:
            ids = {subject.get(keep.kind) for subject in self.history.subjects} - {None}
            for identity in ids:
                if identity is None or (keep.kind, identity) in held:
                    continue
                group = self.history.parent(keep.kind, identity, keep.per) if keep.per else None
                key: GroupKey = (keep.kind, keep.per, group)
                found[key] = found.get(key, 0) + 1
        return found

    # --- what a plan does to the world ---

    def apply(self, plan: Plan, evaluation: Evaluation, state: State, now: datetime) -> tuple[PlannedEffect, ...]:
        """Carry the plan out; returns the effects that took place."""
        if self.revision.lasting is not None:
            self.streaks = lifecycle.streaks(evaluation, state)
        for ended in plan.ended:
            self._let_go(ended.hold.target, now, counts=ended.how in {"time", "early"})
        done = plan.effects if plan.outcome is Outcome.READY else ()
        for effect in done:
            past = self.pasts.setdefault(effect.target, Past())
            past.last_effect = now
            self.effects.append(now)
            if effect.hold is not None:
                past.hold = Hold(
                    rule=self.revision.id,
                    target=effect.target,
                    subject=effect.subject,
                    since=now,
                    until=effect.hold_until,
                    count=effect.hold_count,
                )
                past.spans.append(Span(now))
                past.returned = None
        return done

    def _let_go(self, target: Target, now: datetime, *, counts: bool) -> None:
        past = self.pasts[target]
        past.hold = None
        past.spans[-1] = replace(past.spans[-1], end=now)
        past.returned = now
        past.last_effect = now
        if counts:
            past.ended.append(now)


def _midnight(now: datetime, tz: str) -> datetime:
    return now.astimezone(ZoneInfo(tz)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _one(facts: Facts, name: str, subject: Subject, start: datetime, end: datetime) -> float | None:
    """A metric of one subject; None where it is not known."""
    if start >= end or subject not in facts.subjects:
        return None
    row = facts.subjects.index(subject)
    column = facts.measure(name, subject.per, start, end)
    return float(column.values[row]) if column.why[row] == Why.KNOWN else None


def _came_in(facts: Facts, subject: Subject, start: datetime, end: datetime) -> bool:
    """Whether there were clicks, or conversions of clicks before, about a subject since `start`."""
    return any((_one(facts, name, subject, start, end) or 0) > 0 for name in ("clicks", "conversions"))


def _money(revision: Revision, facts: Facts, now: datetime) -> dict[str, tuple[Decimal, Decimal]]:
    """Revenue and payout of the last 24 hours by subject id, for a rule of one grain."""
    per = revision.scope.per
    if len(per) != 1:
        return {}
    columns = [facts.measure(name, per, now - DAY, now) for name in ("revenue", "payout")]
    known = np.logical_and.reduce([column.why == Why.KNOWN for column in columns])
    return {
        facts.subjects[row].ids[0]: (_decimal(columns[0].values[row]), _decimal(columns[1].values[row]))
        for row in np.flatnonzero(known).tolist()
    }


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 6)))


def steps(start: datetime, end: datetime, step: timedelta) -> Iterable[datetime]:
    """The moments at which the rule looks: start, start + step, ... up to end."""
    at = start
    while at <= end:
        yield at
        at += step
