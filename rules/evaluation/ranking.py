"""Rank subjects: find the best or the worst N of a scope, or of each group in it.

Only subjects with a sufficient sample and a known value have a place. Equal values share a place, and a tie that does
not fit as a whole is left out: `worst 5` is never more than five, and never depends on an order of rows.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from rules.evaluation import columns
from rules.evaluation.columns import Whys
from rules.model import tree
from rules.model.facts import Column, Why

_DIGITS = 12  # values that differ by less are equal: rounding must not break a tie


@dataclass(frozen=True, slots=True, eq=False)
class Ranking:
    """For each subject its rank (1 is taken first), of how many, and how many are taken."""

    place: NDArray[np.int64]  # of several equal ones the last of their places
    ranked: NDArray[np.int64]  # in its group
    taken: NDArray[np.int64]
    why: Whys


def ranking(node: tree.Rank, values: Column, short: Whys | None, groups: Column | None) -> Ranking:
    """Return the ranks of all subjects of a scope. `short` says which samples are too small."""
    why = values.why if short is None else columns.first_reason(short, values.why)
    size = len(why)
    codes = np.zeros(size, np.intp)
    if groups is not None:
        why = columns.first_reason(why, groups.why)
        names = [repr(columns.comparable(one, one) or str(one)) if one is not None else "" for one in groups.values]
        codes = np.unique(np.array(names, object).astype(str), return_inverse=True)[1].astype(np.intp)
    known = why == Why.KNOWN
    place, ranked = np.zeros(size, np.int64), np.zeros(size, np.int64)
    sign = -1.0 if node.largest else 1.0
    for code in np.unique(codes[known]):
        rows = np.flatnonzero(known & (codes == code))
        found = sign * _rounded(values.values[rows].astype(float))
        place[rows] = np.searchsorted(np.sort(found), found, side="right")
        ranked[rows] = len(rows)
    taken = _taken(node, ranked)
    # Of five, the worst five would be all: there is nothing to choose between.
    alone = known & (ranked <= taken) if node.share is None else known & (ranked < 2)
    return Ranking(place, ranked, taken, np.where(alone, np.uint8(Why.TOO_FEW), why).astype(np.uint8))


def answer(found: Ranking) -> columns.Truth:
    """Return yes for those whose rank is among those that are taken."""
    return columns.truth(found.place <= found.taken, found.why)


def _taken(node: tree.Rank, ranked: NDArray[np.int64]) -> NDArray[np.int64]:
    if node.share is None:
        return np.full(len(ranked), int(node.count or 0), np.int64)
    part = Fraction(node.share)
    return np.array([int(part * int(one)) for one in ranked], np.int64)


def _rounded(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        size = np.where(values == 0, 0.0, np.floor(np.log10(np.abs(np.where(values == 0, 1.0, values)))))
    unit = 10.0 ** (_DIGITS - 1 - size)
    return np.rint(values * unit) / unit


def as_words(node: tree.Rank) -> str:
    """Return `5 worst`, `top 10%`."""
    count: Decimal | str = f"{node.count}" if node.count is not None else ""
    return f"{count} {node.side}".strip() if node.share is None else f"{node.side} {node.share * 100:f}%"
