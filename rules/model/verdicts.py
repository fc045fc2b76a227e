"""The result of an evaluation: an answer for each subject, with its evidence."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.model.errors import Unfilled
from rules.model.facts import Break, Subject, Untracked, Why
from rules.model.revision import Revision
from rules.model.syntax import Template


class Answer(IntEnum):
    """A three-valued answer: no decision is neither yes nor no, and no operator makes it so."""

    NO_DECISION = -1
    NO = 0
    YES = 1

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """One condition, or a part of one, with its values for one subject."""

    text: str
    answer: Answer | None = None  # None for a part that is a value, not a condition
    why: Why = Why.KNOWN
    value: Any = None  # the left-hand side, or the value of the part
    threshold: Any = None  # the right-hand side
    sample: Mapping[str, Any] | None = None  # what the value was computed from: {"clicks": 2400, "conversions": 2}
    start: datetime | None = None  # window edges, UTC
    end: datetime | None = None
    age: timedelta | None = None  # of the data behind it
    flip: str | None = None  # what would change the answer: "212 more clicks at this rate, about 40 min"
    change: Any = None  # the same in numbers, for the evaluation
    words: str = ""  # the finding as a sentence without its full stop; quotes nothing out of an event's body
    parts: tuple["Trace", ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer for one subject. `reason` is one sentence for people."""

    subject: Subject
    answer: Answer
    why: Why
    reason: str
    trace: Trace


def _without_facts(_index: int, template: Template) -> Any:
    """Stands in for an evaluation that was made by hand: only texts without `{{ }}` can be filled."""
    if len(template.parts) == 1 and isinstance(template.parts[0], str):
        return template.parts[0]
    raise Unfilled(template.text, "this evaluation has no facts")


def _lost(_index: int, _moment: datetime) -> bool:
    """Stands in for an evaluation that was made by hand."""
    return True


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """All verdicts of one run, as columns; a verdict with its trace is made on request.

    `answers` holds Answer values; `early` the answers of `release.early` (all NO where there is none).
    """

    revision: Revision
    now: datetime
    subjects: Sequence[Subject]
    answers: NDArray[np.int8]
    why: NDArray[np.uint8]
    early: NDArray[np.int8]
    explain: Callable[[int], Verdict] = field(repr=False, compare=False)
    # (row, template) → a plain JSON value, or {"$ref": "pub.id"} for a value of an earlier step.
    # Raises Unfilled when a part has no usable value: then nothing may be done with the template.
    fill: Callable[[int, Template], Any] = field(default=_without_facts, repr=False, compare=False)
    # `lose_at_most`: who lost more than that without a decision of the evidence; None where the rule sets no limit
    over_loss_limit: NDArray[np.bool_] | None = None
    # (row, moment) → whether the subject has lost too much since that moment, too
    lost_since: Callable[[int, datetime], bool] = field(default=_lost, repr=False, compare=False)
    # for each yes that became a no: the conversions that are missing
    untracked: Sequence[Break | Untracked] = ()

    def of_row(self, row: int) -> "Evaluation":
        """Return the evaluation of one subject out of many."""
        part = slice(row, row + 1)
        return Evaluation(
            revision=self.revision,
            now=self.now,
            subjects=[self.subjects[row]],
            answers=self.answers[part],
            why=self.why[part],
            early=self.early[part],
            explain=cache(lambda _row: self.explain(row)),  # the plan gives its reason, the record keeps it
            fill=lambda _row, template: self.fill(row, template),
            over_loss_limit=None if self.over_loss_limit is None else self.over_loss_limit[part],
            lost_since=lambda _row, moment: self.lost_since(row, moment),
        )

    def count(self) -> dict[str, int]:
        """Return how many subjects got which answer: {"yes": 2, "no": 37, "no_decision": 1}."""
        no_decision, no, yes = np.bincount(self.answers + 1, minlength=3).tolist()  # answers are -1, 0 and 1
        return {Answer.YES.word: yes, Answer.NO.word: no, Answer.NO_DECISION.word: no_decision}
