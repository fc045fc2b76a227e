"""Combine the conditions of a rule into its answer: `when` and not `unless`."""

import numpy as np

from rules.evaluation import columns, interpret
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame
from rules.model.revision import Group, Revision


def answer(revision: Revision, frame: Frame) -> Truth:
    """Return `when` and not `unless`. A rule without `when` says yes."""
    parts = [_group(revision.when, frame)]
    if revision.unless is not None and (parts[0].answers != columns.NO).any():
        parts.append(columns.negate(_group(revision.unless, frame.without_needs())))
    return columns.all_of(parts)


def _group(group: Group | None, frame: Frame) -> Truth:
    if group is None:
        return Truth(np.full(frame.size, columns.YES), np.zeros(frame.size, np.uint8))
    return interpret.group(group, frame)
