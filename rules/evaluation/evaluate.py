"""Evaluate a revision: (revision, facts, now) to verdicts. Live, shadow, preview, rule tests and backtests use it.

All subjects are evaluated at once, column by column; a verdict with its trace is made on request, from the same
columns. It is total: whatever the data, every subject gets an answer.
"""

from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import broken_tracking, columns, interpret, loss_limit, templates, trace
from rules.evaluation.answer import answer
from rules.evaluation.frame import Frame
from rules.model.facts import Facts
from rules.model.revision import Data, Group, Revision
from rules.model.verdicts import Evaluation


def evaluate(revision: Revision, facts: Facts, now: datetime) -> Evaluation:
    """Answer `when` and not `unless` for each subject of the facts, and also `release.early`.

    `now` is aware UTC and the only clock. Each (metric, dimension, start, end) is queried once. `need` applies to
    `when` and `early`; an undecided `unless` makes the answer no decision. Errors of the facts, except a LookupError
    for an unknown name, pass through.
    """
    frame = Frame(facts, revision.data, now)
    found, untracked = broken_tracking.spared(revision, frame, answer(revision, frame))
    early = _early(revision, frame)
    late = loss_limit.over_loss_limit(revision, frame, found, answer)
    return Evaluation(
        revision=revision,
        now=now,
        subjects=facts.subjects,
        answers=found.answers,
        why=found.why,
        early=early,
        explain=lambda row: trace.verdict(revision, frame, found, row, late),
        fill=lambda row, template: templates.fill(template, frame.only(row)),
        over_loss_limit=None if late is None else late.rows,
        lost_since=lambda row, moment: late is not None and late.exceeds(row, moment),
        untracked=untracked,
    )


def fulfilling(conditions: Group, facts: Facts, data: Data, now: datetime) -> NDArray[np.bool_]:
    """Return which subjects meet a scope's conditions; an undecided one does not."""
    found: NDArray[np.bool_] = interpret.group(conditions, Frame(facts, data, now, needs=False)).answers == columns.YES
    return found


def _early(revision: Revision, frame: Frame) -> np.ndarray:
    if revision.release.early is None:
        return np.full(frame.size, columns.NO)
    return interpret.group(revision.release.early, frame).answers
