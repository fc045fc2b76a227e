"""Evaluate rules, then plan. Writes nothing: live runs, previews and explanations share these functions."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session

from bridge.decisions.event_facts import EventFacts, ReceivedEvent, subject_of
from bridge.decisions.live_facts import LiveInputs, read_from, scope_facts
from bridge.decisions.plan_state import PlanContext, load_state
from rules.evaluation.evaluate import evaluate
from rules.model.facts import Facts, Subject
from rules.model.plan import Outcome, Plan, Stop, Target
from rules.model.revision import Revision
from rules.model.state import State
from rules.model.verdicts import Evaluation
from rules.planning.plan import plan as make_plan
from rules.planning.plan import targets
from rules.planning.projected_state import after

log = structlog.get_logger()

#: No fault of the rule: what it was to decide about is decided about again, when the database is back.
DATABASE_GONE = (OperationalError, InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """The reason for an evaluation. `key` is unique per rule: the same cause never makes two runs."""

    kind: str  # bridge.store.runs.Cause
    key: str
    due_at: datetime
    event_id: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Decision:
    """One run that is not recorded yet. It has either an evaluation and a plan, or an error."""

    revision: Revision
    cause: Cause
    started_at: datetime
    evaluation: Evaluation | None = None
    plan: Plan | None = None
    state: State | None = None
    data_as_of: datetime | None = None
    error: str | None = None

    def with_plan(self, plan: Plan) -> "Decision":
        return replace(self, plan=plan)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluated:
    """A rule that was evaluated and not yet planned: for one cause, or for one cause per row.

    Evaluating may take long and needs no lock. Planning needs one, and is repeated if the lock was lost meanwhile.
    """

    context: PlanContext
    causes: tuple[Cause, ...]
    evaluation: Evaluation | None
    error: Exception | None = None
    per_event: bool = False

    @property
    def revision(self) -> Revision:
        return self.context.revision


def evaluate_rule(context: PlanContext, *, causes: Sequence[Cause], per_event: bool = False) -> Evaluated:
    """Evaluate a rule over all its subjects. A rule that raises affects only itself: its runs have the error."""
    try:
        evaluation = evaluate(context.revision, context.facts, context.now)
    except DATABASE_GONE:
        raise
    except Exception as error:
        log.exception("rule failed", rule=context.revision.id, causes=len(causes))
        return Evaluated(context, tuple(causes), None, error, per_event)
    return Evaluated(context, tuple(causes), evaluation, per_event=per_event)


def plan_evaluated(session: Session, evaluated: Evaluated) -> list[Decision]:
    """Plan an evaluation with the present state of the database: one decision for each cause.

    The plans of several events are made one after the other. Each sees the desired effects of those before it, so a
    batch of events cannot evade a guard.
    """
    context, evaluation, causes = evaluated.context, evaluated.evaluation, evaluated.causes
    revision, now = context.revision, context.now
    if evaluation is None:
        return [failed(revision, cause, evaluated.error or RuntimeError("no evaluation"), now) for cause in causes]
    try:
        read_from(session, context.facts)
        state = load_state(session, context, targets(revision, evaluation))
        if not evaluated.per_event:
            made = make_plan(revision, evaluation, state, now)
            return [_decision(context, causes[0], evaluation, made, state)]
    except DATABASE_GONE:
        raise
    except Exception as error:
        log.exception("rule failed", rule=revision.id, causes=len(causes))
        return [failed(revision, cause, error, now) for cause in causes]
    return _plan_events(context, causes, evaluation, state)


def plan_in_order(session: Session, evaluated: Iterable[Evaluated]) -> list[Decision]:
    """Return the decisions of several rules at one moment. Each sees what those before it use of shared budgets."""
    decisions: list[Decision] = []
    spent: Counter[str] = Counter()
    for one in evaluated:
        if one.revision.guards.budgets and spent:
            one = replace(one, context=replace(one.context, spent=dict(spent)))  # noqa: PLW2901
        made = plan_evaluated(session, one)
        for decision in made:
            if decision.plan is not None and decision.plan.outcome is Outcome.READY:
                spent.update({budget.name: len(decision.plan.effects) for budget in one.revision.guards.budgets})
        decisions += made
    return decisions


def _plan_events(context: PlanContext, causes: Sequence[Cause], evaluation: Evaluation, state: State) -> list[Decision]:
    revision, now = context.revision, context.now
    decisions = []
    held = _held(revision, state)
    for row, cause in enumerate(causes):
        one = evaluation.of_row(row)
        looking = held.get(one.subjects[0], frozenset())
        if row and looking != state.looking:  # the first plan of a batch looked at every hold
            state = replace(state, looking=looking)
        try:
            made = make_plan(revision, one, state, now)
        except Exception as error:
            log.exception("rule failed", rule=revision.id, cause=cause.key)
            decisions.append(failed(revision, cause, error, now))
            continue
        state = after(revision, state, made, now)
        decisions.append(_decision(context, cause, one, made, state))
    return decisions


def _decision(context: PlanContext, cause: Cause, evaluation: Evaluation, made: Plan, state: State) -> Decision:
    return Decision(
        revision=context.revision,
        cause=cause,
        started_at=context.now,
        evaluation=evaluation,
        plan=made,
        state=state,
        data_as_of=context.facts.as_of("clicks"),
    )


def failed(revision: Revision, cause: Cause, error: Exception, now: datetime) -> Decision:
    return Decision(revision=revision, cause=cause, started_at=now, error=failure(error))


def failure(error: Exception) -> str:
    """Return the text of a failed run."""
    return f"{type(error).__name__}: {error}"


def _held(revision: Revision, state: State) -> dict[Subject, frozenset[Target]]:
    """Return the targets that a rule holds because of a subject."""
    found: dict[Subject, frozenset[Target]] = {}
    for known, hold in state.held_by(revision.id):
        found[hold.subject] = found.get(hold.subject, frozenset()) | {known.target}
    return found


def event_facts(received: Sequence[ReceivedEvent]) -> EventFacts:
    """Return the facts in the events themselves."""
    return EventFacts(received, [subject_of(one) for one in received])


def facts_of_events(
    inputs: LiveInputs, revision: Revision, received: Sequence[ReceivedEvent], now: datetime
) -> EventFacts:
    """Return facts for a rule about the events themselves, which may look into tables."""
    day = now.astimezone(ZoneInfo(revision.data.tz)).date()
    return replace(event_facts(received), tables=inputs.library.tables, day=day)


def timed_facts(
    inputs: LiveInputs, session: Session, revision: Revision, silent: ReceivedEvent | None, now: datetime
) -> Facts:
    """Return facts for a scheduled rule: everything in its scope, and the silence that it is about."""
    if silent is None:
        return scope_facts(inputs, session, revision, now)
    if revision.scope.per == ("event",):
        return facts_of_events(inputs, revision, [silent], now)
    found = scope_facts(inputs, session, revision, now)
    return EventFacts([silent] * len(found.subjects), found.subjects, found)


def skip_stale(
    revision: Revision, facts: EventFacts, causes: Sequence[Cause], why: Mapping[str, str], now: datetime
) -> list[Decision]:
    """Return runs of events that came too late: their verdicts are stored without consequences.

    `why` gives the reason by event id.
    """
    try:
        evaluation = evaluate(revision, facts, now)
    except DATABASE_GONE:
        raise
    except Exception as error:
        log.exception("rule failed", rule=revision.id, events=len(causes))
        return [failed(revision, cause, error, now) for cause in causes]
    return [
        Decision(
            revision=revision,
            cause=cause,
            started_at=now,
            evaluation=evaluation.of_row(row),
            plan=Plan(
                rule=revision.id,
                revision=revision.hash,
                outcome=Outcome.STOPPED,
                stops=(Stop(guard="order_by", message=why[cause.event_id or ""]),),
            ),
        )
        for row, cause in enumerate(causes)
    ]
