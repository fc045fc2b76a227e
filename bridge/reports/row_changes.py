"""Compare rows that were read with known rows: find new and changed rows."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bridge.reports import row_identity
from bridge.reports.fact_batch import Batch, Labels, Status, join, nothing
from rules.model.revision import ALWAYS_KEPT

#: A row is different when one of these is. Its event time and event are part of what it *is*.
COMPARED_NUMBERS = ("status", "payout", "revenue")
COMPARED_LABELS = (*ALWAYS_KEPT, "currency", "reason")
#: What tells two conversions of one second apart when their names cannot be compared.
DESCRIBED = ("offer", "publisher", "advertiser", "sub_id", "country", "external_id")


@dataclass(frozen=True, slots=True, eq=False)
class KnownRows:
    """Rows as known now: one fact per row, sorted by key."""

    keys: NDArray[np.uint64]
    rows: Batch

    @classmethod
    def of(cls, batches: Iterable[Batch]) -> "KnownRows":
        """Return the known rows of all facts about a time range, in any order.

        Merges and removed imports may change the order. A version of a row holds while it was listed more often than it
        was retracted. A row that came with a removed import has no version.
        """
        facts = join(list(batches))
        keys = row_identity.keys(facts)
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
        """Return positions of these keys, and which of them are known at all."""
        at = np.searchsorted(self.keys, keys)
        inside = np.minimum(at, max(len(self.keys) - 1, 0))
        return inside, self.keys[inside] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    facts: Batch
    new: int
    changed: int


NO_DIFFERENCE = Difference(nothing(), 0, 0)


def difference(
    known: KnownRows,
    read: Batch,
    seen: datetime | None,
    *,
    lacks: Collection[str] = (),
    brought_by: str = "",
) -> Difference:
    """Return the facts to store. A row that occurs twice in `read`, on two pages, counts as last read.

    `seen`: when the rows were seen; None for the moments that they carry themselves. `lacks`: which of status, payout
    and revenue were not listed at all. `brought_by`: the import that brings the rows.
    """
    if not len(read):
        return NO_DIFFERENCE
    read = KnownRows.of([read]).rows  # once each
    at, there = same_rows(known, read)
    new = np.flatnonzero(~there)
    again = np.flatnonzero(there)
    before = known.rows.take(at[again])
    after = _completed(read.take(again), before, lacks)
    different = np.flatnonzero(_different(before, after))
    taken_back = before.take(different).taken_back()
    facts = join([read.take(new), replace(taken_back, seen=after.take(different).seen), after.take(different)])
    same = np.setdiff1d(np.arange(len(again)), different)
    confirmed = _confirmed(before.take(same), after.take(same), brought_by)
    if brought_by:
        facts = facts.labelled("import", _all(brought_by, len(facts)))
    facts = join([facts, confirmed])
    if seen is not None:
        facts = facts.seen_from(int(seen.timestamp()))
    return Difference(facts, len(new), len(different))


def _confirmed(before: Batch, after: Batch, brought_by: str) -> Batch:
    """Return facts that change no sum: rows of an import that came again, unchanged, from elsewhere.

    A row that a report lists belongs to no import any more. A row that another import brings too gets a fact of weight
    0 that says so: when the first import is removed, the row stays with the other.
    """
    told = before.column("import")
    others = np.array([name not in {"", brought_by} for name in told.names])
    rows = np.flatnonzero(others[told.codes])
    before, seen = before.take(rows), after.take(rows).seen
    if not brought_by:
        taken_back = replace(before.taken_back(), seen=seen)
        return join([taken_back, replace(before.labelled("import", Labels.empty(len(before))), seen=seen)])
    nothing_told = np.zeros(len(before), dtype=np.int64)
    marked = replace(before, weight=nothing_told.astype(np.int32), payout=nothing_told, revenue=nothing_told, seen=seen)
    return marked.labelled("import", _all(brought_by, len(marked)))


def _all(text: str, count: int) -> Labels:
    return Labels(np.ones(count, dtype=np.int32), ("", text))


def same_rows(known: KnownRows, read: Batch) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return for each row of `read` its position among the known rows, and whether there is one.

    Reports name a conversion by its own id, exports and files often only by the transaction of its click. Two such rows
    are the same if they agree in time and in every value that both sides have.
    """
    at, there = known.find(row_identity.keys(read))
    used = np.zeros(len(known.keys), dtype=bool)
    used[at[there]] = True
    by_click, known_by_click = _by_click(read), _by_click(known.rows)
    for readers, candidates in ((by_click, ~known_by_click), (~by_click, known_by_click)):
        left, right = np.flatnonzero(readers & ~there), np.flatnonzero(candidates & ~used)
        if len(left) and len(right):
            mine, theirs = _paired(read.take(left), known.rows.take(right))
            at[left[mine]], there[left[mine]] = right[theirs], True
            used[right[theirs]] = True
    return at, there


def _by_click(batch: Batch) -> NDArray[np.bool_]:
    return batch.column("key").codes > 0


def _paired(one: Batch, other: Batch) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return positions of equal rows; of several equal ones the first with the first, the second with the second."""
    labels = ("event", *(name for name in DESCRIBED if _is_told(one, name) and _is_told(other, name)))
    numbers = ("event", "delay") if (one.delay >= 0).all() and (other.delay >= 0).all() else ("event",)
    sides = [row_identity.digest(side, numbers, labels) for side in (one, other)]
    ranked = [_ranked(side, digests) for side, digests in zip((one, other), sides, strict=True)]
    _, mine, theirs = np.intersect1d(ranked[0], ranked[1], return_indices=True)
    return mine, theirs


def _is_told(batch: Batch, name: str) -> bool:
    return bool((batch.column(name).codes > 0).any())


def _ranked(batch: Batch, digests: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return the digests, made unique by a count of the equal ones before."""
    order = np.lexsort((batch.payout, batch.status))
    found = np.zeros(len(digests), dtype=np.uint64)
    found[order] = row_identity.numbered(digests[order])
    return found


def _completed(after: Batch, before: Batch, lacks: Collection[str]) -> Batch:
    """Return known rows with new values: unlisted values stay, and so does the name of the row."""
    labels = {name: column for name, column in before.labels.items() if name not in {*after.labels, "import"}}
    labels |= {name: before.column(name) for name in ("tx", "key", "event")}
    numbers = {name: getattr(before, name) for name in ("high", "low", "nth", *lacks)}
    after = replace(after, **numbers, labels={**after.labels, **labels})
    if "status" in lacks:
        owed = after.status != Status.REJECTED
        after = replace(after, payout=after.payout * owed, revenue=after.revenue * owed)
    return replace(after, delay=np.where(after.delay >= 0, after.delay, before.delay))


def _holding(facts: Batch, keys: NDArray[np.uint64], rows: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the newest of the facts at `rows` that belongs to the present version, for each row of the report."""
    if not len(rows):
        return rows
    versions = row_identity.digest(facts.take(rows), COMPARED_NUMBERS, COMPARED_LABELS)
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
