"""Simulate the state of targets in a backtest: which are paused, by which rule, until when, and what follows.

It stands in for the database, the mirror and Integr8. Every pause succeeds at once; nobody intervenes by hand;
a plan that would wait for a person is not executed; other rules do not exist.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rules.model.facts import Facts, Subject, Why
from rules.model.local_time import first_of_month, last_midnight
from rules.model.plan import Hold, Outcome, Plan, PlannedEffect, Target
from rules.model.revision import Budget, Dimension, Revision
from rules.model.state import GroupKey, Probation, ScopeTotals, State, Streak, TargetState
from rules.model.verdicts import Answer, Evaluation
from rules.planning import loss_limits, streaks
from rules.planning.holds import MEMORY, UNPROVEN
from rules.planning.plan import targets

DAY = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Span:
    """A time range in which a target would have been paused; still active if `end` is None."""

    start: datetime
    end: datetime | None = None


class History(Protocol):
    """The past for queries. One replay at a time: it remembers who is absent."""

    @property
    def subjects(self) -> Sequence[Subject]: ...

    def begin(self) -> None:
        """Begin a new replay with all subjects present."""
        ...

    def at(self, now: datetime) -> Facts:
        """Return the facts as known at `now`, without the traffic that absent targets would not have had."""
        ...

    def undisturbed(self, now: datetime) -> Facts:
        """Return the facts as known at `now`, as if no target had ever been absent."""
        ...

    def hindsight(self, now: datetime) -> Facts:
        """Return the facts about the time before `now` as known today, with all traffic."""
        ...

    def in_scope(self, now: datetime) -> NDArray[np.bool_] | None:
        """Return which subjects are in the rule's scope at `now`; None: all of them, at all times."""
        ...

    def leave(self, target: Target, now: datetime) -> None:
        """Pause the target from now on: clicks, and conversions of later clicks, do not happen."""
        ...

    def come_back(self, target: Target, now: datetime) -> None:
        """Activate the target again from now on."""
        ...

    def came_in(self, subject: Subject, since: datetime, now: datetime) -> bool:
        """Return whether clicks or conversions about a subject in [since, now) were seen by `now`."""
        ...

    def came(self, target: Target, start: datetime, end: datetime) -> Mapping[str, Decimal]:
        """Return the real results of the clicks of [start, end): clicks, conversions, payout, revenue."""
        ...

    def parent(self, kind: str, identity: str, of: Dimension) -> str | None:
        """Return the id of the advertiser of an offer, and the like."""
        ...


@dataclass(slots=True)
class Past:
    """The remembered state of one target."""

    hold: Hold | None = None
    spans: list[Span] = field(default_factory=list)
    ended: list[datetime] = field(default_factory=list)  # holds that count as flaps
    last_effect: datetime | None = None
    returned: datetime | None = None  # on probation since


@dataclass(slots=True)
class World:
    """The simulated world of one rule."""

    revision: Revision
    history: History
    removes: bool = True  # whether a paused target loses its traffic; a pause of a shadow rule never happened
    pasts: dict[Target, Past] = field(default_factory=dict)
    streaks: dict[Subject, Streak] = field(default_factory=dict)
    effects: list[datetime] = field(default_factory=list)
    asked: dict[Target, datetime] = field(default_factory=dict)  # about whom a person is asked, and until when
    questions: int = 0  # so often
    _rows: dict[Subject, int] = field(init=False)

    def __post_init__(self) -> None:
        self._rows = {subject: row for row, subject in enumerate(self.history.subjects)}

    def held(self) -> set[Target]:
        return {target for target, past in self.pasts.items() if past.hold is not None}

    def idle(self, evaluation: Evaluation) -> bool:
        """Return whether there are no desired effects and no holds, so that no plan is needed."""
        late = evaluation.over_loss_limit is not None and bool(evaluation.over_loss_limit.any())
        return not ((evaluation.answers == Answer.YES).any() or late or self.streaks or self.held())

    def state(self, evaluation: Evaluation, facts: Facts, now: datetime) -> State:
        """Return the state for the plan at this moment."""
        wanted = targets(self.revision, evaluation)
        money = _Money(self.revision, facts, now) if wanted - self.held() else None
        return State(
            targets={target: self._target(target, facts, money, now) for target in wanted | self.held()},
            streaks=self._fresh_streaks(evaluation, now),
            effects_today=sum(at >= last_midnight(now, self.revision.data.tz) for at in self.effects),
            budgets={budget.name: self._used(budget, now) for budget in self.revision.guards.budgets},
            scope=ScopeTotals(subjects=len(facts.subjects), revenue_24h=money.whole() if money else None),
            active=self._active(),
            asked=frozenset(target for target, until in self.asked.items() if until > now),
            answered={target: until for target, until in self.asked.items() if until <= now},
        )

    def _used(self, budget: Budget, now: datetime) -> int:
        """Return what the rule has used itself; other rules of the budget do not exist here."""
        zone = self.revision.data.tz
        begun = last_midnight(now, zone) if budget.per == "day" else first_of_month(now, zone)
        return sum(at >= begun for at in self.effects)

    def _target(self, target: Target, facts: Facts, money: "_Money | None", now: datetime) -> TargetState:
        past = self.pasts.get(target, Past())
        if past.hold is not None and not past.hold.new_data and self.revision.release.early is not None:
            new_data = self.history.came_in(past.hold.subject, past.hold.since, now)
            past.hold = replace(past.hold, new_data=new_data)
        row = self._rows.get(Subject(self.revision.scope.per, (target.id,)))
        revenue, payout = (None, None) if money is None or row is None else money.of(row)
        return TargetState(
            target=target,
            active=past.hold is None,
            groups=self._groups(target),
            revenue_24h=revenue,
            payout_24h=payout,
            holds=(past.hold,) if past.hold else (),
            holds_before=sum(at >= now - MEMORY for at in past.ended),
            last_effect=past.last_effect,
            probation=self._probation(past, row, facts, now),
        )

    def _groups(self, target: Target) -> dict[Dimension, str]:
        found = {
            keep.per: self.history.parent(target.kind, target.id, keep.per)
            for keep in self.revision.guards.keep_active
            if keep.per
        }
        return {dimension: identity for dimension, identity in found.items() if identity is not None}

    def _probation(self, past: Past, row: int | None, facts: Facts, now: datetime) -> Probation | None:
        wanted = self.revision.release.probation
        if not wanted or past.returned is None or row is None:
            return None
        seen = {}
        for name in wanted:
            column = facts.measure(name, self.revision.scope.per, past.returned, now)
            seen[name] = _decimal(column.values[row]) if column.why[row] == Why.KNOWN else Decimal(0)
        return Probation(since=past.returned, seen=seen)

    def _fresh_streaks(self, evaluation: Evaluation, now: datetime) -> dict[Subject, Streak]:
        """Return each streak with whether data about its subject arrived since.

        It matters only if the answer is yes.
        """
        yes = {evaluation.subjects[row] for row in np.flatnonzero(evaluation.answers == Answer.YES).tolist()}
        return {
            subject: replace(streak, new_data=self.history.came_in(subject, streak.counted_at or now, now))
            if subject in yes
            else streak
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
        """Execute the plan; returns the effects that took place."""
        if self.revision.lasting is not None:
            self.streaks = self._advanced(evaluation, state, now)
        for ended in plan.ended:
            self._end_hold(ended.hold.target, now, counts=ended.how in {"time", "early"})
        if loss_limits.is_asking(plan):  # nobody answers in a replay: it is left on, and its loss counted anew
            self.questions += len({effect.target for effect in plan.effects})
            self.asked |= dict.fromkeys((effect.target for effect in plan.effects), now + self.revision.approve.within)
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
                if self.removes:
                    self.history.leave(effect.target, now)
                past.returned = None
        return done

    def _advanced(self, evaluation: Evaluation, state: State, now: datetime) -> dict[Subject, Streak]:
        """Return `rules.planning.streaks.streaks`, only for subjects that say yes or have a streak."""
        yes = [evaluation.subjects[row] for row in np.flatnonzero(evaluation.answers == Answer.YES).tolist()]
        after: dict[Subject, Streak] = {}
        for subject in {*yes, *state.streaks}:
            answer = Answer(int(evaluation.answers[self._rows[subject]]))
            streak = streaks.advance(state.streaks.get(subject), answer, now)
            if streak is not None:
                after[subject] = streak
        return after

    def _end_hold(self, target: Target, now: datetime, *, counts: bool) -> None:
        past = self.pasts[target]
        counts = counts and past.hold is not None and past.hold.count != UNPROVEN
        past.hold = None
        past.spans[-1] = replace(past.spans[-1], end=now)
        past.returned = now
        past.last_effect = now
        if self.removes:
            self.history.come_back(target, now)
        if counts:
            past.ended.append(now)


class _Money:
    """The revenue and payout of the last 24 hours, for a rule of one dimension."""

    def __init__(self, revision: Revision, facts: Facts, now: datetime) -> None:
        per = revision.scope.per
        self._columns = [facts.measure(name, per, now - DAY, now) for name in ("revenue", "payout")]
        self._known = np.logical_and.reduce([column.why == Why.KNOWN for column in self._columns])
        self._single = len(per) == 1

    def of(self, row: int) -> tuple[Decimal | None, Decimal | None]:
        if not self._single or not self._known[row]:
            return None, None
        return _decimal(self._columns[0].values[row]), _decimal(self._columns[1].values[row])

    def whole(self) -> Decimal | None:
        """Return the amounts of all subjects of the scope."""
        return _decimal(self._columns[0].values[self._known].sum()) if self._known.any() else None


def _decimal(value: float) -> Decimal:
    return Decimal(repr(round(float(value), 6)))


def steps(start: datetime, end: datetime, step: timedelta) -> Iterable[datetime]:
    """Yield the moments at which the rule is evaluated: start, start + step, ... up to end."""
    at = start
    while at <= end:
        yield at
        at += step
