"""Planning costs what is acted on, not what is looked at. Counted, not timed."""

from collections.abc import Sequence

import numpy as np

from rules.model.facts import Subject
from rules.model.plan import Plan
from rules.model.verdicts import Answer, Evaluation
from rules.planning.plan import plan
from tests.planning.builders import NOW, hold, paused, rule, state, subject, verdicts

MANY = 50_000


class Counting(Sequence[Subject]):
    """A long list of subjects that remembers which of them were asked for."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def __len__(self) -> int:
        return MANY

    def __getitem__(self, row):
        self.asked.append(row)
        return subject(str(row))


def evaluated(yes: Sequence[int], early: Sequence[int] = ()) -> Evaluation:
    one = verdicts(rule(), {"0": Answer.YES})
    answers, letting_go = np.zeros(MANY, dtype=np.int8), np.zeros(MANY, dtype=np.int8)
    answers[list(yes)] = Answer.YES
    letting_go[list(early)] = Answer.YES
    return Evaluation(
        revision=rule(),
        now=NOW,
        subjects=Counting(),
        answers=answers,
        why=np.zeros(MANY, dtype=np.uint8),
        early=letting_go,
        explain=lambda _row: one.explain(0),
    )


def look(evaluation: Evaluation, *known) -> tuple[Plan, set[int]]:
    found = plan(rule(), evaluation, state(*known), NOW)
    assert isinstance(evaluation.subjects, Counting)
    return found, set(evaluation.subjects.asked)


def test_only_the_subjects_that_said_yes_are_touched():
    found, asked = look(evaluated([7, 49_999]))
    assert (len(found.effects), asked) == (2, {7, 49_999})


def test_where_nothing_is_held_the_early_answers_are_not_looked_at():
    assert look(evaluated([], early=range(MANY)))[1] == set()


def test_a_held_subject_is_found_among_the_early_answers():
    found, asked = look(evaluated([], early=[3, 9]), paused("9", hold("9", new_data=True)))
    assert ([str(back.target) for back in found.releases], asked) == (["offer 9"], {3, 9})
