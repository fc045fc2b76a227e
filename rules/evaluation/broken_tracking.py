"""Keep a rule from pausing items whose conversions are missing because the tracking is broken."""

from collections.abc import Iterator, Sequence

import numpy as np

from rules.evaluation import columns
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame
from rules.language.actions import destructive
from rules.model import metrics, tree
from rules.model.facts import Break
from rules.model.revision import Group, Revision


def held_back(revision: Revision, frame: Frame) -> Sequence[Break | None]:
    """Return for each subject of the frame the break of tracking that prevents its judgement.

    Empty: no break at all.
    """
    cohorts = frame.cohorts
    if cohorts is None or not suffers(revision) or not cohorts.breaks():
        return ()
    found = cohorts.broken()
    return found if frame.rows is None else found[frame.rows] if isinstance(frame.rows, slice) else ()


def spared(revision: Revision, frame: Frame, found: Truth) -> Truth:
    """Return the answers, with no instead of a yes that broken tracking may have caused."""
    if not (found.answers == columns.YES).any():
        return found
    held = held_back(revision, frame)
    if not held:
        return found
    broken = np.array([one is not None for one in held], dtype=bool) & (found.answers == columns.YES)
    return Truth(np.where(broken, columns.NO, found.answers), np.where(broken, columns.KNOWN, found.why))


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
