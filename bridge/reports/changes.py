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


@dataclass(frozen=True, slots=True)
class Known:
    """Rows as they are known now: one fact per row, sorted by key."""

    keys: NDArray[np.uint64]
    rows: Batch

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "Known":
        """From all facts about a stretch, in the order in which they were written."""
        facts = join(list(batches))
        told = np.flatnonzero(facts.weight > 0)  # what was taken back was told anew right after
        facts = facts.take(told)
        keys = identity.keys(facts)
        order = np.argsort(keys, kind="stable")
        ordered = keys[order]
        last = np.append(ordered[1:] != ordered[:-1], True) if len(ordered) else np.zeros(0, dtype=bool)
        return cls(ordered[last], facts.take(order[last]))

    def find(self, keys: NDArray[np.uint64]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Positions of these keys, and which of them are known at all."""
        at = np.searchsorted(self.keys, keys)
        inside = np.minimum(at, max(len(self.keys) - 1, 0))
        return inside, self.keys[inside] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)


@dataclass(frozen=True, slots=True)
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


def _different(before: Batch, after: Batch) -> NDArray[np.bool_]:
    found = np.zeros(len(before), dtype=bool)
    for name in COMPARED_NUMBERS:
        found |= getattr(before, name) != getattr(after, name)
    for name in COMPARED_LABELS:
        if name in before.labels or name in after.labels:
            known: dict[str, int] = {"": 0}
            found |= before.column(name).into(known) != after.column(name).into(known)
    return found
