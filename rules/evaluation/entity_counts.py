"""Count the offers, publishers or advertisers that meet a condition, for each subject: of all, or of its advertiser."""

from collections import Counter
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns
from rules.evaluation.columns import Truth
from rules.evaluation.frame import Frame, Lookback
from rules.model import tree
from rules.model.facts import Column, Facts, Why, all_missing
from rules.model.revision import Dimension

Answering = Callable[[tree.Node, Frame, Lookback], Truth]


def count(node: tree.Count, frame: Frame, answer: Answering) -> Column:
    """Return the number for each subject of the frame; `answer` evaluates a condition.

    If one of the entities cannot be judged, or none of the kind is known, the number is unknown.
    """
    key = ("count", node)
    if key not in frame.memo:
        whole = frame.whole()
        given = getattr(frame.facts, "counted", None)
        found = given(node) if given is not None else _counted(node, whole, answer)
        frame.memo[key] = columns.numeric(found)
    column: Column = frame.memo[key]
    shown = column if frame.rows is None else Column(column.values[frame.rows], column.why[frame.rows])
    return columns.numeric(shown, exact=True) if frame.exact else shown


def _counted(node: tree.Count, frame: Frame, answer: Answering) -> Column:
    ask = getattr(frame.facts, "entities", None)
    listed: Facts | None = ask(node.dimension) if ask is not None else None
    if listed is None or not listed.subjects:
        return all_missing(frame.size)
    inner = Frame(listed, frame.data, frame.now, needs=False)
    answers = _answers(node.where, inner, answer)
    if not node.per:
        unknown = bool((answers == columns.NO_DECISION).any())
        values = np.full(frame.size, float((answers == columns.YES).sum()))
        return Column(values, np.full(frame.size, Why.MISSING if unknown else Why.KNOWN, np.uint8))
    of = _ids(node.per[0], inner)
    yes = Counter(one for one, said in zip(of, answers.tolist(), strict=True) if said == columns.YES)
    unknown_of = {one for one, said in zip(of, answers.tolist(), strict=True) if said == columns.NO_DECISION}
    own = _ids(node.per[0], frame)
    why = [Why.MISSING if one is None or one in unknown_of else Why.KNOWN for one in own]
    return Column(np.array([float(yes[one]) for one in own]), np.array(why, np.uint8))


def _answers(where: tree.Node | None, inner: Frame, answer: Answering) -> NDArray[np.int8]:
    if where is None:
        return np.full(inner.size, columns.YES)
    found = answer(where, inner, inner.lookback).answers
    return np.asarray(np.broadcast_to(found, inner.size))


def _ids(dimension: Dimension, frame: Frame) -> list[str | None]:
    """Return the id of the advertiser of each: its own, or that of the entity it belongs to."""
    found = frame.attribute(f"{dimension}.id")
    own = frame.own(dimension)
    column = Column(np.where(found.why == Why.KNOWN, found.values, own.values), np.minimum(found.why, own.why))
    return [
        str(value) if why == Why.KNOWN else None
        for value, why in zip(column.values.tolist(), column.why.tolist(), strict=True)
    ]
