"""What a reading adds to what is known: rows told for the first time, and rows that are different now."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bridge.reports import identity
from bridge.reports.batch import Batch, join, nothing

#: A row is different when one of these is. Its event time and event are part of what it *is*.
COMPARED_NUMBERS = ("status", "payout", "revenue")
COMPARED_LABELS = ("offer", "publisher", "advertiser", "sub_id", "country", "currency", "reason")


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """Rows as they are known now: one fact per row, sorted by key."""

    keys: NDArray[np.uint64]
    rows: Batch

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "Known":
        """From all facts about a stretch, in any order: merging chunks and removing imports may change the order.

        A version of a row holds while it was told more often than it was taken back. No version holds of a row
        that came with an import which was removed.
        """
        facts = join(list(batches))
        keys = identity.keys(facts)
        order = np.argsort(keys, kind="stable")
        if not len(order):
            return cls(keys, facts)
        ordered = keys[order]
        starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
        alone = np.diff(np.append(starts, len(order))) == 1
        single = order[starts[alone]]
        several = order[~np.repeat(alone, np.diff(np.append(starts, len(order))))]
        chosen = np.append(single[facts.weight[single] > 0], _holding(facts, keys, several))
        chosen = chosen[np.argsort(keys[chosen], kind="stable")]
        return cls(keys[chosen], facts.take(chosen))

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Positions of these keys, and which of them are known at all."""
        at = np.searchsorted(self.keys, keys)
        inside = np.minimum(at, max(len(self.keys) - 1, 0))
        return inside, self.keys[inside] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    facts: Batch
    new: int
    changed: int


NO_DIFFERENCE = Difference(nothing(), 0, 0)


def difference(known: Known, read: Batch, seen: datetime) -> Difference:
    """The facts to write down. A row that occurs twice in `read`, on two pages, counts as it was read last."""
    if not len(read):
        return NO_DIFFERENCE
    read = Known.of([read]).rows  # once each
    at, there = known.find(identity.keys(read))
    new = np.flatnonzero(~there)
    again = np.flatnonzero(there)
    before = known.rows.take(at[again])
    different = np.flatnonzero(_different(before, read.take(again)))
    taken_back = before.take(different).taken_back()
    facts = join([read.take(new), taken_back, read.take(again[different])])
    return Difference(facts.seen_from(int(seen.timestamp())), len(new), len(different))


def _holding(facts: Batch, keys: NDArray[np.uint64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Of the facts at `rows`: the newest one of the version that holds, for each row of the report."""
    if not len(rows):
        return rows
    versions = identity.digest(facts.take(rows), COMPARED_NUMBERS, COMPARED_LABELS)
    order = np.lexsort((rows, versions, keys[rows]))
    key, version, weight = keys[rows][order], versions[order], facts.weight[rows][order]
    starts = np.flatnonzero(np.append(True, (key[1:] != key[:-1]) | (version[1:] != version[:-1])))
    told = np.maximum.reduceat(np.where(weight > 0, rows[order], -1), starts)
    holds = told[np.add.reduceat(weight, starts) > 0]
    last = np.lexsort((holds, keys[holds]))
    newest = np.append(keys[holds][last][1:] != keys[holds][last][:-1], True) if len(last) else last.astype(bool)
    chosen: NDArray[np.intp] = holds[last][newest]
    return chosen


def _different(before: Batch, after: Batch) -> NDArray[np.bool_]:
    found = np.zeros(len(before), dtype=bool)
    for name in COMPARED_NUMBERS:
        found |= getattr(before, name) != getattr(after, name)
    for name in COMPARED_LABELS:
        if name in before.labels or name in after.labels:
            known: dict[str, int] = {"": 0}
            found |= before.column(name).into(known) != after.column(name).into(known)
    return found
