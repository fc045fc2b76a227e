"""Keep a rule from pausing items whose conversions are missing because the tracking is broken."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame
from rules.language.actions import destructive
from rules.model import metrics, tree
from rules.model.facts import Break, Untracked
from rules.model.revision import Group, Revision


def held_back(
    revision: Revision, frame: Frame, rows: NDArray[np.intp] | None = None
) -> Sequence[Break | Untracked | None]:
    """Return for some subjects of the frame, or for all, what prevents the judgement of each.

    Empty: nothing at all.
    """
    cohorts = frame.cohorts
    if cohorts is None or not suffers(revision) or not cohorts.breaks():
        return ()
    every: Any = np.arange(len(frame.facts.subjects)) if frame.rows is None else frame.rows
    if isinstance(every, slice):
        every = np.arange(len(frame.facts.subjects))[every]
    return cohorts.broken(every if rows is None else every[rows])


def spared(revision: Revision, frame: Frame, found: Truth) -> tuple[Truth, Sequence[Break | Untracked]]:
    """Return the answers, with no instead of a yes that missing tracking may have caused, and what was missing."""
    rows = np.flatnonzero(found.answers == columns.YES)
    held = held_back(revision, frame, rows) if len(rows) else ()
    broken = rows[[one is not None for one in held]] if held else rows[:0]
    if not len(broken):
        return found, ()
    answers, why = found.answers.copy(), found.why.copy()
    answers[broken], why[broken] = columns.NO, columns.KNOWN
    return Truth(answers, why), [one for one in held if one is not None]


def suffers(revision: Revision) -> bool:
    """Return True for a rule that takes traffic away if few conversions are reported."""
    return destructive(revision.then) and any(map(_wants_few, _tests(revision.when)))


def _wants_few(node: tree.Node) -> bool:
    match node:
        case tree.Compare(op="<" | "<=" | "=", left=left):
            return _counts_conversions(left)
        case tree.Compare(op=">" | ">=", right=right):
            return _counts_conversions(right)
        case tree.Change(direction="down", item=item) | tree.Unusual(direction="down" | "either", item=item):
            return _counts_conversions(item)
    return False


def _counts_conversions(node: tree.Node) -> bool:
    names = [part.name for part in node.walk() if isinstance(part, tree.Metric)]
    return any(metrics.follows_clicks(part) for name in names for part in metrics.parts(name))


def _tests(group: Group | None) -> Iterator[tree.Node]:
    for item in group.items if group else ():
        yield from _tests(item) if isinstance(item, Group) else item.tree.walk()
