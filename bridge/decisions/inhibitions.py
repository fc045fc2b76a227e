"""Find the rules that hold back other rules at this moment. The result is never stored."""

from collections.abc import Mapping
from dataclasses import replace

import structlog
from sqlalchemy.orm import Session

from bridge.decisions import silence
from bridge.decisions.decide import DATABASE_GONE, Evaluated, timed_facts
from bridge.decisions.live_facts import LiveInputs
from bridge.decisions.plan_state import PlanContext
from rules.evaluation.evaluate import evaluate
from rules.evaluation.inhibits import acted_on, inhibited, inhibitors, unanswered
from rules.model.facts import Facts, Subject
from rules.model.revision import Revision, Silence
from rules.model.state import Inhibition
from rules.model.verdicts import Evaluation

log = structlog.get_logger()


def with_inhibitions(inputs: LiveInputs, session: Session, evaluated: Evaluated) -> Evaluated:
    """Return the same evaluation with the inhibited subjects."""
    if evaluated.evaluation is None:
        return evaluated
    context = among_others(inputs, session, evaluated.context, evaluated.evaluation)
    return evaluated if context is evaluated.context else replace(evaluated, context=context)


def among_others(inputs: LiveInputs, session: Session, context: PlanContext, evaluation: Evaluation) -> PlanContext:
    """Return the context with the rules that affect the plan: those that inhibit it or share its budgets."""
    found = inhibitions(inputs, session, evaluation, context.facts)
    shared = _sharing(inputs, session, context.revision)
    return replace(context, inhibited=found, sharing=shared) if found or shared else context


def _sharing(inputs: LiveInputs, session: Session, revision: Revision) -> Mapping[str, tuple[str, ...]]:
    """Return the rules of the account that name each budget of this one."""
    if not revision.guards.budgets:
        return {}
    rules = [one for one in inputs.library.current(session).active() if one.account == revision.account]
    return {
        budget.name: tuple(one.id for one in rules if budget in one.guards.budgets)
        for budget in revision.guards.budgets
    }


def inhibitions(
    inputs: LiveInputs, session: Session, evaluation: Evaluation, facts: Facts
) -> Mapping[Subject, Inhibition]:
    """Return the subjects that say yes and are inhibited, with the inhibiting rule.

    Evaluates nothing if none says yes.
    """
    if not acted_on(evaluation):
        return {}
    found: dict[Subject, Inhibition] = {}
    for rule in inhibitors(evaluation.revision, inputs.library.current(session).active()):
        for subject, inhibition in _by(inputs, session, rule, evaluation, facts).items():
            found.setdefault(subject, inhibition)
    return found


def _by(
    inputs: LiveInputs, session: Session, rule: Revision, evaluation: Evaluation, facts: Facts
) -> Mapping[Subject, Inhibition]:
    try:
        asked = _asked(inputs, session, rule, evaluation)
    except DATABASE_GONE:
        raise
    except Exception as error:  # its own runs fail as well, and say so
        log.exception("inhibiting rule failed", rule=rule.id, held_back=evaluation.revision.id)
        return unanswered(evaluation, rule, f"{type(error).__name__}: {error}")
    return {} if asked is None else inhibited(evaluation, facts, *asked)


def _asked(
    inputs: LiveInputs, session: Session, rule: Revision, evaluation: Evaluation
) -> tuple[Evaluation, Facts] | None:
    """Return the rule's own answers at the moment of the evaluation; rules of one round evaluate it once."""
    now = evaluation.now
    kept = inputs.inhibitors if inputs.round is not None else {}
    if (rule.hash, now) not in kept:
        silent = None
        if isinstance(rule.trigger, Silence):
            silent = silence.heard(session, rule.trigger, inputs.library.listening_since(session, now), now)
            if silent is None:
                return None
        facts = timed_facts(inputs, session, rule, silent, now)
        kept[rule.hash, now] = evaluate(rule, facts, now), facts
    found: tuple[Evaluation, Facts] = kept[rule.hash, now]
    return found
