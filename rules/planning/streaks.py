"""Streaks: how long an answer of a subject has lasted over its evaluations. Nothing is timed; all is derived.

A stop of the service loses nothing: the streak is what the stored verdicts say, and no evaluation is no answer.
"""

from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from rules.model.facts import Subject
from rules.model.formatting import span
from rules.model.revision import For
from rules.model.state import State, Streak
from rules.model.verdicts import Answer, Evaluation


def advance(before: Streak | None, answer: Answer, now: datetime) -> Streak | None:
    """Return the streak after an evaluation; None if there is none.

    A yes counts only with new data: another evaluation of the same numbers proves nothing. No decision does not change
    a count, but we cannot say that the yes lasted, so a duration starts again.
    """
    before = before or Streak()
    if answer is Answer.NO:
        return None
    if answer is Answer.NO_DECISION:
        return replace(before, since=None) if before.evaluations else None
    if before.evaluations and not before.new_data:
        return replace(before, since=before.since or now)
    return Streak(evaluations=before.evaluations + 1, since=before.since or now, counted_at=now, new_data=False)


def shortfall(wanted: For | None, streak: Streak | None, now: datetime) -> str | None:
    """Return what is missing, as half a sentence; None if the streak is long enough."""
    streak = streak or Streak()
    if wanted is None:
        return None
    if wanted.checks is not None and streak.evaluations < wanted.checks:
        return f"yes at {streak.evaluations} of {wanted.checks} checks with new data"
    if wanted.duration is not None:
        lasting = now - streak.since if streak.since else None
        if lasting is None or lasting < wanted.duration:
            return f"yes for {span(lasting or timedelta(0))} of {span(wanted.duration)}"
    return None


def streaks(evaluation: Evaluation, state: State) -> dict[Subject, Streak]:
    """Return all streaks after this evaluation, to be stored; a subject without one is not in it.

    Cost: the yes subjects, and those without a decision only while there are streaks to keep.
    """
    after: dict[Subject, Streak] = {}
    for answer in (Answer.YES, Answer.NO_DECISION) if state.streaks else (Answer.YES,):
        for row in np.flatnonzero(evaluation.answers == answer).tolist():
            subject = evaluation.subjects[row]
            streak = advance(state.streaks.get(subject), answer, evaluation.now)
            if streak is not None:
                after[subject] = streak
    return after
