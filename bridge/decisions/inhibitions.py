"""Which rules hold back others at this moment: asked when the others decide, never stored."""

from collections.abc import Mapping
from dataclasses import replace

import structlog
from sqlalchemy.orm import Session

from bridge.decisions import silence
from bridge.decisions.decide import DATABASE_GONE, Evaluated, timed_facts
from bridge.decisions.live_facts import LiveInputs
from rules.evaluation.columns import YES
from rules.evaluation.evaluate import evaluate
from rules.evaluation.inhibits import inhibited, inhibitors, unanswered
from rules.model.facts import Facts, Subject
from rules.model.revision import Revision, Silence
from rules.model.state import Inhibition
from rules.model.verdicts import Evaluation

log = structlog.get_logger()


def with_inhibitions(inputs: LiveInputs, session: Session, evaluated: Evaluated) -> Evaluated:
    """The same evaluation, with who is held back beside it."""
    if evaluated.evaluation is None:
        return evaluated
    found = inhibitions(inputs, session, evaluated.evaluation, evaluated.context.facts)
    return replace(evaluated, context=replace(evaluated.context, inhibited=found)) if found else evaluated


def inhibitions(
    inputs: LiveInputs, session: Session, evaluation: Evaluation, facts: Facts
) -> Mapping[Subject, Inhibition]:
    """The subjects that say yes and are held back, with the rule that does it; asks nothing where none says yes."""
    if not (evaluation.answers == YES).any():
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
    """The rule's own answers at the moment of the evaluation; rules of one round ask it once."""
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
