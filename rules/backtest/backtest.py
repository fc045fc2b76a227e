"""Replay a rule over the past, with the facts as they were known then.

Every evaluation goes through the same `evaluate` and `plan` as a live run. A backtest on final data would lie: late
conversions make yesterday look better than it looked yesterday. Afterwards every pause is held against the mature
ratio of its subject: over the clicks of the window and of the week after, with all that has arrived by now, and with
the interval in which the true ratio lies. What that cannot decide is called open, not wrong.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeAlias

import numpy as np

from rules.backtest.simulated_world import History, Span, World, steps
from rules.evaluation import interpret
from rules.evaluation.columns import wilson
from rules.evaluation.evaluate import evaluate
from rules.evaluation.frame import Frame
from rules.evaluation.inhibits import inhibited
from rules.language import types
from rules.model import tree
from rules.model.facts import Facts, Subject, Why
from rules.model.plan import Outcome, PlannedEffect, Target
from rules.model.revision import Every, Group, Mode, Revision, Rolling
from rules.model.state import Inhibition
from rules.model.verbs import VERBS
from rules.model.verdicts import Answer, Evaluation, Trace
from rules.planning.plan import plan as make_plan

DEFAULT_STEP = timedelta(minutes=15)
LATER = timedelta(days=7)  # of clicks after a pause that say what the ratio really was
TWO_SIDED = 1.96  # 95%, both sides
FLAP_WITHIN = timedelta(days=7)  # a target that is paused again so soon after its return flaps
Progress: TypeAlias = Callable[[int, int, datetime], None]
SERIES = 6  # subjects that are drawn
POINTS = 160  # of each of them
UNTRACKED = "tracking"  # beside the names of guards: verdicts that were held back because conversions were missing
MOST_NAMED = 3  # advertisers in a warning


class NotReplayable(ValueError):
    """The past cannot answer this rule: it is about events, not about traffic over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mature:
    """A subject's ratio as known by now, over the clicks of a window and of the week after."""

    metric: str
    hits: float
    trials: float
    low: float  # the true ratio lies between these two with 95%
    high: float
    threshold: float
    down: bool  # the rule acts below the threshold

    @property
    def rate(self) -> float:
        return self.hits / self.trials if self.trials > 0 else 0.0

    @property
    def judged(self) -> str:
        """`right` if the whole interval is beyond the threshold, `wrong` if none of it is, else `open`."""
        if (self.high < self.threshold) if self.down else (self.low > self.threshold):
            return "right"
        return "wrong" if ((self.low >= self.threshold) if self.down else (self.high <= self.threshold)) else "open"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fire:
    """One effect that the rule would have had, and its consequences."""

    at: datetime
    subject: Subject
    target: Target
    verb: str
    reason: str
    until: datetime | None  # when the pause ended in the replay; None: still going on at its end, or no pause
    ended: str | None  # time, early
    count: int  # its place in a row of them, from 1
    came: Mapping[str, Decimal]  # what really came while it would have been paused
    hindsight: Answer  # the same evaluation with all that has arrived by now
    afterwards: Answer  # the evaluation of the traffic that came right after it
    mature: Mature | None = None  # None: the rule holds no ratio against a threshold
    worth: Decimal = Decimal(0)  # revenue of one conversion of the subject, over all that is known

    @property
    def judged(self) -> str:
        """`right`, `wrong`, or `open` if later data does not tell."""
        if self.mature is not None:
            return self.mature.judged
        if Answer.NO in {self.hindsight, self.afterwards}:
            return "wrong"
        return "right" if self.hindsight is Answer.YES else "open"

    @property
    def false_alarm(self) -> bool:
        """True if the ratio is now known to have been on the good side.

        Without one, if the same evaluation says no by now.
        """
        return self.judged == "wrong"

    @property
    def profit(self) -> Decimal:
        """The profit of the missing traffic; negative for a loss."""
        return self.came.get("revenue", Decimal(0)) - self.came.get("payout", Decimal(0))

    @property
    def loss_avoided(self) -> Decimal:
        """The shortfall of the traffic below traffic at the threshold, or its own negative profit."""
        return max(-self.profit, self.missing, Decimal(0))

    @property
    def profit_forgone(self) -> Decimal:
        """The profit forgone: of traffic at the threshold or above; without a threshold, any profit."""
        return max(self.profit, Decimal(0)) if self.mature is None or self.missing <= 0 else Decimal(0)

    @property
    def missing(self) -> Decimal:
        """The revenue by which the traffic of the pause missed the threshold; negative if it was better."""
        if self.mature is None or self.mature.down is False or self.mature.metric != "cr":
            return Decimal(0)
        due = self.came.get("clicks", Decimal(0)) * Decimal(repr(self.mature.threshold))
        return (due - self.came.get("conversions", Decimal(0))) * self.worth


@dataclass(frozen=True, slots=True)
class Point:
    at: datetime
    value: float | None
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Series:
    """One subject's value against the rule's threshold, and when it would have been paused."""

    subject: Subject
    text: str  # the condition that is drawn
    points: tuple[Point, ...]
    holds: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The result of one revision."""

    rule: str
    title: str
    revision: str
    start: datetime
    end: datetime
    step: timedelta
    evaluations: int
    subjects: int
    answers: Mapping[str, int]  # verdicts by word, over all evaluations
    fires: tuple[Fire, ...]
    waiting: int  # evaluations whose plan was over a limit and would have waited for a person
    asked: int  # items about which a person would have been asked, because the evidence does not decide
    stops: Mapping[str, int]  # what kept effects from happening, by guard
    series: tuple[Series, ...] = ()
    warnings: tuple[str, ...] = ()  # why these figures say less than they seem to

    @property
    def no_decision(self) -> int:
        """The number of verdicts without a decision."""
        return self.answers.get(Answer.NO_DECISION.word, 0)

    @property
    def stopped(self) -> int:
        """The number of effects that a guard stopped."""
        return sum(self.stops.values())

    @property
    def pauses(self) -> tuple[Fire, ...]:
        return tuple(fire for fire in self.fires if VERBS[fire.verb].holds)

    @property
    def false_alarms(self) -> tuple[Fire, ...]:
        return tuple(fire for fire in self.pauses if fire.false_alarm)

    @property
    def flaps(self) -> int:
        """Pauses of a target that had returned less than FLAP_WITHIN before."""
        returned: dict[Target, datetime] = {}
        found = 0
        for fire in sorted(self.pauses, key=lambda one: one.at):
            before = returned.get(fire.target)
            found += before is not None and fire.at - before < FLAP_WITHIN
            if fire.until is not None:
                returned[fire.target] = fire.until
        return found

    @property
    def loss_avoided(self) -> Decimal:
        return sum((fire.loss_avoided for fire in self.pauses), Decimal(0))

    @property
    def profit_forgone(self) -> Decimal:
        return sum((fire.profit_forgone for fire in self.pauses), Decimal(0))


@dataclass(frozen=True, slots=True)
class Inhibitor:
    """A rule that holds the replayed one back, and its past for queries, without any pauses."""

    revision: Revision
    history: History


def replayable(revision: Revision) -> None:
    """Raise NotReplayable for a rule about events."""
    if revision.scope.per == ("event",):
        raise NotReplayable(f"{revision.id} is about events; try it with `rules test` or by replaying an event")


def backtest(
    revision: Revision,
    history: History,
    start: datetime,
    end: datetime,
    *,
    step: timedelta | None = None,
    progress: Progress = lambda _done, _looks, _at: None,
    removes: bool = True,
    inhibitors: Sequence[Inhibitor] = (),
) -> Report:
    """Replay `revision` from `start` to `end`, both included, aware UTC.

    It is replayed as if it were live and approved; what a limit stops is counted and not executed. With `removes` a
    paused target loses its traffic; a rule in shadow has seen all traffic, and is replayed without. `step` is the
    rule's own interval unless given. `progress` is called before each evaluation with the number of finished ones,
    their total, and the moment; its exception ends the replay. `inhibitors` are the rules that hold this one back.
    Raises NotReplayable for a rule about events.
    """
    replayable(revision)
    every = step or own_step(revision)
    history.begin()
    replayed = _Replay(replace(revision, mode=Mode.LIVE), history, end, removes=removes, inhibitors=inhibitors)
    evaluations = count_evaluations(revision, start, end, step)
    for done, now in enumerate(steps(start, end, every)):
        progress(done, evaluations, now)
        replayed.evaluate_at(now)
    return replayed.report(start, every)


def own_step(revision: Revision) -> timedelta:
    """Return how often a rule is evaluated by default."""
    return revision.trigger.interval if isinstance(revision.trigger, Every) else DEFAULT_STEP


def count_evaluations(revision: Revision, start: datetime, end: datetime, step: timedelta | None = None) -> int:
    """Return how many evaluations a backtest from `start` to `end` needs.

    `step` is the rule's own interval unless given.
    """
    return (end - start) // (step or own_step(revision)) + 1


class _Replay:
    """One run over the past."""

    def __init__(
        self,
        revision: Revision,
        history: History,
        end: datetime,
        *,
        removes: bool,
        inhibitors: Sequence[Inhibitor] = (),
    ) -> None:
        self._inhibitors = inhibitors
        self._revision = revision
        self._history = history
        self._end = end
        self._world = World(revision, history, removes)
        self._answers: Counter[str] = Counter()
        self._stops: Counter[str] = Counter()
        self._fired: list[tuple[datetime, PlannedEffect, Answer]] = []
        self._endings: dict[tuple[Target, datetime], str] = {}
        self._missing: Counter[str] = Counter()  # verdicts held back, by the advertiser whose conversions are missing
        self._evaluations = self._waiting = 0
        self._rows = {subject: row for row, subject in enumerate(history.subjects)}
        self._worths: dict[Target, Decimal] = {}

    def evaluate_at(self, now: datetime) -> None:
        facts = self._history.at(now)
        evaluation = self._looked_at(evaluate(self._revision, facts, now), now)
        self._evaluations += 1
        self._missing.update(one.advertiser for one in evaluation.untracked)
        if self._world.idle(evaluation):
            return
        state = self._world.state(evaluation, facts, now)
        if self._inhibitors:
            state = replace(state, inhibited=self._inhibited(evaluation, facts, now))
        plan = make_plan(self._revision, evaluation, state, now)
        self._stops.update(stop.guard for stop in plan.stops)
        self._waiting += plan.outcome is Outcome.WAITING
        for ended in plan.ended:
            self._endings[ended.hold.target, ended.hold.since] = ended.how
        done = self._world.apply(plan, evaluation, state, now)
        if done:
            known = self._by_subject(evaluate(self._revision, self._history.hindsight(now), now))
            self._fired += [(now, effect, known.get(effect.subject, Answer.NO_DECISION)) for effect in done]

    def _looked_at(self, evaluation: Evaluation, now: datetime) -> Evaluation:
        """Return the same, counted, without a yes for subjects out of scope on that day.

        Held subjects stay in, as live.
        """
        inside = self._history.in_scope(now)
        if inside is not None:
            held = self._world.held()
            known = [any(subject.get(one.kind) == one.id for one in held) for subject in evaluation.subjects]
            inside = inside | np.array(known, dtype=bool)
        for answer in Answer:
            said = evaluation.answers == answer
            self._answers[answer.word] += int(np.count_nonzero(said if inside is None else said & inside))
        if inside is None:
            return evaluation
        answers = np.where(inside, evaluation.answers, np.int8(Answer.NO))
        late = None if evaluation.over_loss_limit is None else evaluation.over_loss_limit & inside
        return replace(evaluation, answers=answers, over_loss_limit=late)

    def _inhibited(self, evaluation: Evaluation, facts: Facts, now: datetime) -> Mapping[Subject, Inhibition]:
        found: dict[Subject, Inhibition] = {}
        for one in self._inhibitors:
            theirs = one.history.undisturbed(now)
            found = {**inhibited(evaluation, facts, evaluate(one.revision, theirs, now), theirs), **found}
        return found

    @staticmethod
    def _by_subject(evaluation: Evaluation) -> dict[Subject, Answer]:
        return {
            subject: Answer(answer)
            for subject, answer in zip(evaluation.subjects, evaluation.answers.tolist(), strict=True)
        }

    def report(self, start: datetime, every: timedelta) -> Report:
        fires = self._fires()
        return Report(
            rule=self._revision.id,
            title=self._revision.title,
            revision=self._revision.hash,
            start=start,
            end=self._end,
            step=every,
            evaluations=self._evaluations,
            subjects=len(self._history.subjects),
            answers=dict(self._answers),
            fires=fires,
            waiting=self._waiting,
            asked=self._world.questions,
            stops=self._stops_by_guard(),
            series=self._series(start, fires),
            warnings=tuple(self._warnings(start)),
        )

    def _stops_by_guard(self) -> dict[str, int]:
        held = self._missing.total()
        return {**self._stops, **({UNTRACKED: held} if held else {})}

    def _warnings(self, start: datetime) -> Iterator[str]:
        if self._missing:
            whose = ["the whole integration" if not name else f"advertiser {name}" for name in sorted(self._missing)]
            some = ", ".join(whose[:MOST_NAMED]) + (" and others" if len(whose) > MOST_NAMED else "")
            yield (
                f"{self._missing.total():,} verdicts would have been yes and were held back, because conversions were "
                f"missing: {some}"
            )
        period = f"{start:%Y-%m-%d %H:%M} to {self._end:%Y-%m-%d %H:%M} UTC"
        if not len(self._history.subjects):
            yield f"no traffic in scope is known from {period}; nothing was evaluated. Choose another period or source"
            return
        decided = self._answers[Answer.YES.word] + self._answers[Answer.NO.word]
        if not decided:
            yield (
                f"none of {self._answers[Answer.NO_DECISION.word]:,} verdicts from {period} could be decided: there "
                "is no data, or too little. These figures say nothing about the rule"
            )
            read_since = getattr(self._history, "read_since", None)
            if read_since is not None and read_since > start:
                yield (
                    f"the service first read reports at {read_since:%Y-%m-%d %H:%M} UTC, and nothing was known before. "
                    "Import the period with a column that says when each row was seen"
                )
        if any(isinstance(node, tree.Count) for one in _asked(self._revision) for node in one.walk()):
            yield "count(...) is taken from what Integr8 lists today; how many there were then is not known"
        if _wants_inactive(self._revision):
            yield "what was inactive then is not known: whatever had traffic is taken to be in the scope"
        since = getattr(self._history, "since", None)
        if since is not None and since > start:
            yield f"observations begin at {since:%Y-%m-%d %H:%M} UTC; windows that reach further back were not decided"

    def _fires(self) -> tuple[Fire, ...]:
        afterwards: dict[datetime, dict[Subject, Answer]] = {}
        found = []
        for at, effect, hindsight in self._fired:
            span = self._span(effect, at)
            later = at + self._lookahead()
            if later not in afterwards and later <= self._end:
                afterwards[later] = self._by_subject(evaluate(self._revision, self._history.hindsight(later), later))
            after = afterwards.get(later, {}).get(effect.subject, Answer.NO_DECISION)
            found.append(
                Fire(
                    at=at,
                    subject=effect.subject,
                    target=effect.target,
                    verb=effect.verb,
                    reason=effect.reason,
                    until=span.end if span else None,
                    ended=self._endings.get((effect.target, at)),
                    count=effect.hold_count,
                    came=self._history.came(effect.target, at, span.end or self._end) if span else {},
                    hindsight=hindsight,
                    afterwards=after,
                    mature=self._mature(effect.subject, at),
                    worth=self._worth(effect.target),
                )
            )
        return tuple(found)

    def _mature(self, subject: Subject, at: datetime) -> Mature | None:
        """Return the first ratio that the rule compares with a plain number, by all that is known today."""
        found = _ratio(self._revision)
        if found is None or subject not in self._rows:
            return None
        node, (top, bottom) = found
        later = min(at + LATER, self._end)
        window = self._revision.data.window
        length = window.length if isinstance(window, Rolling) else timedelta(days=1)
        data = replace(self._revision.data, window=Rolling(later - at + length), settle=timedelta(0), fresh=None)
        frame = Frame(self._history.hindsight(later), data, later)
        parts = interpret.cohort(top, bottom, frame)
        row = self._rows[subject]
        hits, trials = (float(interpret.value(part, frame, frame.lookback).values[row]) for part in parts)
        lower, upper = wilson(np.array([hits]), np.array([max(trials, 1.0)]), TWO_SIDED)
        threshold = float(node.right.value) if isinstance(node.right, tree.Constant) else 0.0  # type: ignore[arg-type]
        return Mature(
            metric=node.left.name if isinstance(node.left, tree.Metric) else "",
            hits=hits,
            trials=trials,
            low=float(lower[0]),
            high=float(upper[0]),
            threshold=threshold,
            down=node.op in {"<", "<="},
        )

    def _worth(self, target: Target) -> Decimal:
        if target not in self._worths:
            came = self._history.came(target, self._end - timedelta(days=365), self._end)
            sold = came.get("conversions", Decimal(0))
            self._worths[target] = came.get("revenue", Decimal(0)) / sold if sold > 0 else Decimal(0)
        return self._worths[target]

    def _span(self, effect: PlannedEffect, at: datetime) -> Span | None:
        past = self._world.pasts.get(effect.target)
        return next((span for span in past.spans if span.start == at), None) if past else None

    def _lookahead(self) -> timedelta:
        """Return how long after an evaluation the rule's own window holds only later data."""
        window, settle = self._revision.data.window, self._revision.data.settle
        length = window.length if isinstance(window, Rolling) else timedelta(days=1)
        return length + (settle if isinstance(settle, timedelta) else timedelta(0))

    # --- what is drawn ---

    def _series(self, start: datetime, fires: Sequence[Fire]) -> tuple[Series, ...]:
        """Return the most important subjects, each with the first comparison of the rule."""
        weight: Counter[Subject] = Counter()
        for fire in fires:
            weight[fire.subject] += 1 + int(abs(fire.profit))
        chosen = [subject for subject, _ in weight.most_common(SERIES)]
        if not chosen:
            return ()
        every = max((self._end - start) / POINTS, timedelta(seconds=1))
        texts = dict.fromkeys(chosen, "")
        points: dict[Subject, list[Point]] = {subject: [] for subject in chosen}
        for now in steps(start, self._end, every):
            evaluation = evaluate(self._revision, self._history.undisturbed(now), now)
            for row, subject in enumerate(evaluation.subjects):
                if subject in points:
                    trace = comparison(evaluation.explain(row).trace)
                    texts[subject] = trace.text if trace else texts[subject]
                    points[subject].append(Point(now, _number(trace, "value"), _number(trace, "threshold")))
        return tuple(
            Series(subject, texts[subject], tuple(points[subject]), self._holds(subject)) for subject in chosen
        )

    def _holds(self, subject: Subject) -> tuple[Span, ...]:
        return tuple(
            span
            for target, past in self._world.pasts.items()
            if subject.get(target.kind) == target.id
            for span in past.spans
        )


def _ratio(revision: Revision) -> tuple[tree.Compare, tuple[tree.Node, tree.Node]] | None:
    """Return the first comparison of a ratio of counts with a plain number in `when`, and both sides of the ratio."""
    for node in _tests(revision.when):
        if isinstance(node, tree.Compare) and isinstance(node.right, tree.Constant) and node.op not in {"=", "!="}:
            parts = types.ratio_of_counts(node.left)
            if parts is not None and isinstance(node.right.value, Decimal):
                return node, parts
    return None


def _wants_inactive(revision: Revision) -> bool:
    """Return whether the scope needs more of `active` than true, which every item of a backtest is at first."""
    scope = revision.scope
    fields = any(name.endswith(".active") and "true" not in map(_lower, found) for name, found in scope.where.items())
    asked = (one for one in _tests(scope.conditions) if not isinstance(one, tree.Attribute))
    return fields or any(_lower(getattr(part, "name", "")).endswith(".active") for one in asked for part in one.walk())


def _lower(value: object) -> str:
    return str(value).lower()


def _asked(revision: Revision) -> Iterator[tree.Node]:
    for group in (revision.when, revision.unless, revision.release.early):
        yield from _tests(group)


def _tests(group: Group | None) -> Iterator[tree.Node]:
    for item in group.items if group else ():
        yield from _tests(item) if isinstance(item, Group) else [item.tree]


def comparison(trace: Trace) -> Trace | None:
    """Return the first part that compares two numbers."""
    if _number(trace, "value") is not None and _number(trace, "threshold") is not None:
        return trace
    return next((found for part in trace.parts if (found := comparison(part)) is not None), None)


def _number(trace: Trace | None, name: str) -> float | None:
    value = getattr(trace, name, None) if trace is not None and trace.why is Why.KNOWN else None
    usable = isinstance(value, int | float | Decimal) and not isinstance(value, bool)
    return float(value) if usable and np.isfinite(float(value)) else None  # type: ignore[arg-type]
