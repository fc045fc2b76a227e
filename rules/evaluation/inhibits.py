"""Inhibit rules: while one rule says yes about something, others do nothing about what belongs to it.

The rule is asked at the moment of their decision, with the same evaluator. Nothing is stored, nothing is out of date.
"""

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeAlias

import numpy as np

from rules.evaluation import columns
from rules.model.facts import Facts, Subject, Why
from rules.model.revision import Dimension, Inhibits, Mode, Revision
from rules.model.state import Inhibition
from rules.model.verdicts import Evaluation

Ids: TypeAlias = tuple[str, ...]


def inhibitors(revision: Revision, others: Iterable[Revision]) -> tuple[Revision, ...]:
    """Return the rules that may hold this one back: of the same account, out of shadow, and not itself."""
    return tuple(
        other
        for other in others
        if other.inhibits is not None
        and other.id != revision.id
        and other.account == revision.account
        and other.mode in {Mode.APPROVE, Mode.LIVE}
        and names(other.inhibits, revision.id)
    )


def names(inhibits: Inhibits, rule: str) -> bool:
    """Return whether one of its patterns matches this rule."""
    return any(fnmatchcase(rule, pattern) for pattern in inhibits.rules)


def inhibited(evaluation: Evaluation, facts: Facts, by: Evaluation, by_facts: Facts) -> Mapping[Subject, Inhibition]:
    """Return which subjects of an evaluation that say yes are held back by a rule, given that rule's own evaluation."""
    inhibits = by.revision.inhibits
    if inhibits is None:
        return {}
    asked = acted_on(evaluation)
    saying = np.flatnonzero(by.answers == columns.YES).tolist()
    if not asked or not saying:
        return {}
    first: dict[Ids, int] = {}
    for row, ids in zip(saying, _ids(inhibits.per, by_facts, saying), strict=True):
        if ids is not None:
            first.setdefault(ids, row)
    found: dict[Subject, Inhibition] = {}
    said: dict[Ids, Inhibition] = {}
    for row, ids in zip(asked, _ids(inhibits.per, facts, asked), strict=True):
        if ids is None or ids not in first:
            continue
        if ids not in said:
            said[ids] = _said(by, inhibits.per, ids, first[ids])
        found[evaluation.subjects[row]] = said[ids]
    return found


def acted_on(evaluation: Evaluation) -> list[int]:
    """Return the rows about which a rule wants to do something: a yes, or no decision in time (`lose_at_most`)."""
    wanted = evaluation.answers == columns.YES
    if evaluation.over_loss_limit is not None:
        wanted = wanted | evaluation.over_loss_limit
    rows: list[int] = np.flatnonzero(wanted).tolist()
    return rows


def unanswered(evaluation: Evaluation, by: Revision, why: str) -> Mapping[Subject, Inhibition]:
    """Return everything that a rule without an answer could hold back.

    A guard must not let more through than it says.
    """
    asked = acted_on(evaluation)
    return {evaluation.subjects[row]: Inhibition(rule=by.id, reason=f"it cannot be asked: {why}") for row in asked}


def _said(by: Evaluation, per: Sequence[Dimension], ids: Ids, row: int) -> Inhibition:
    about = ",".join(f"{dimension}={one}" for dimension, one in zip(per, ids, strict=True))
    return Inhibition(rule=by.revision.id, about=about, reason=by.explain(row).reason)


def _ids(per: Sequence[Dimension], facts: Facts, rows: Sequence[int]) -> list[Ids | None]:
    """Return for each row the ids of these dimensions; None if one is unknown."""
    columns_of = [_column(dimension, facts, rows) for dimension in per]
    found = list(zip(*columns_of, strict=True)) if columns_of else [()] * len(rows)
    return [None if None in ids else ids for ids in found]


def _column(dimension: Dimension, facts: Facts, rows: Sequence[int]) -> list[str | None]:
    """Return the canonical id of an entity, whichever of its two ids named a subject."""
    try:
        column = facts.attribute(f"{dimension}.id")
    except LookupError:
        return [facts.subjects[row].get(dimension) for row in rows]
    return [
        str(column.values[row]) if column.why[row] == Why.KNOWN else facts.subjects[row].get(dimension) for row in rows
    ]
