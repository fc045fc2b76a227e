"""Segments of facts in memory: sorted by event time, with a number per subject, ready to be summed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports.fact_batch import DTYPES, MONEY, Batch, Labels, Status, join
from rules.model.metrics import EVENTS
from rules.model.revision import Dimension

Per = tuple[Dimension, ...]
Ints = NDArray[np.int64]
Codes = NDArray[np.int32]

STATUSES = {"approved": Status.APPROVED, "rejected": Status.REJECTED, "pending": Status.PENDING}
#: What the event column says of a conversion itself; any other name is a later event of the same click.
NO_EVENT = frozenset({"", "conversion"})
ROW_COUNT = "\0rows"  # a measure by which every fact counts once; no metric can be called that
SHORT_CODES = 1 << 16
TABLE_LIMIT = 64_000_000  # cells of a direct table from pairs to codes; beyond it they are sorted
MAX_CELLS_KEPT = 2_000_000  # of a table that is kept: 8 MB for each dimension
NO_CODE = -1
_NO_CODES = np.zeros(0, dtype=np.int32)


class Numbering:
    """Numbers of combinations of parts, looked up as whole columns. `known` has them too, and learns new ones."""

    def __init__(self, known: dict[tuple[int, ...], int]) -> None:
        self._known = known
        self._sizes: list[int] = []  # more than there are names, so that the same numbers serve for a while
        self._table = _NO_CODES  # by combination, where there are few
        self._keys = np.zeros(0, dtype=np.int64)  # or the combinations in order,
        self._codes = _NO_CODES  # and their numbers

    def of(self, columns: Sequence[Codes], names: Sequence[int]) -> Codes:
        """Return one number per row. `names`: how many names each part has by now."""
        if not self._sizes or any(size < count for size, count in zip(self._sizes, names, strict=True)):
            self._make(names)
        mixed = _mixed(columns, self._sizes)
        if len(self._table):
            found: Codes = self._table[mixed]
            if (found == NO_CODE).any():
                new = np.unique(mixed[found == NO_CODE])
                self._table[new] = self._learn(new)
                found = self._table[mixed]
            return found
        different, where = _different(mixed, self._cells)
        return self._look_up(different)[where]

    @property
    def _cells(self) -> float:
        return float(np.prod([float(size) for size in self._sizes]))

    def _make(self, names: Sequence[int]) -> None:
        self._sizes = [count + count // 8 + 1 for count in names]
        self._table = _NO_CODES
        parts = np.array(list(self._known), dtype=np.int32).reshape(len(self._known), len(names))
        mixed, numbers = _mixed(list(parts.T), self._sizes), np.arange(len(parts), dtype=np.int32)
        if self._cells <= MAX_CELLS_KEPT:
            self._table = np.full(int(self._cells), NO_CODE, dtype=np.int32)
            self._table[mixed] = numbers
        else:
            self._put(mixed, numbers)

    def _put(self, keys: NDArray[np.int64], codes: Codes) -> None:
        order = np.argsort(keys)
        self._keys, self._codes = keys[order], codes[order]

    def _look_up(self, mixed: NDArray[np.int64]) -> Codes:
        at = np.searchsorted(self._keys, mixed)
        there = at < len(self._keys)
        there[there] = self._keys[at[there]] == mixed[there]
        found = np.full(len(mixed), NO_CODE, dtype=np.int32)
        found[there] = self._codes[at[there]]
        if not there.all():
            found[~there] = self._learn(mixed[~there])
            self._put(np.append(self._keys, mixed[~there]), np.append(self._codes, found[~there]))
        return found

    def _learn(self, mixed: NDArray[np.int64]) -> Codes:
        parts: list[list[int]] = []
        for size in reversed(self._sizes[1:]):
            parts.append((mixed % size).tolist())
            mixed = mixed // size
        parts.append(mixed.tolist())
        keys = zip(*reversed(parts), strict=True)
        return np.array([self._known.setdefault(key, len(self._known)) for key in keys], dtype=np.int32)


def _different(mixed: NDArray[np.int64], cells: float) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Return each combination once, in order, and the position of each row's."""
    if cells > min(TABLE_LIMIT, 64 * len(mixed)):
        found, where = np.unique(mixed, return_inverse=True)
        return found, where
    seen = np.zeros(int(cells), dtype=bool)
    seen[mixed] = True
    different = np.flatnonzero(seen)
    table = np.zeros(int(cells), dtype=np.intp)
    table[different] = np.arange(len(different))
    return different.astype(np.int64, copy=False), table[mixed]


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The number of each subject, in a form for a file."""

    names: Mapping[str, Sequence[str]]  # by dimension, in the order of their numbers
    combined: Mapping[Per, Codes]  # by dimension of several parts: the numbers of the parts, a row for each
    aliases: Mapping[str, Mapping[str, str]]


class Subjects:
    """A number for every subject that occurs, per dimension. Numbers are given once and never change."""

    def __init__(self) -> None:
        self._names: dict[Dimension, dict[str, int]] = {}
        self._pairs: dict[Per, dict[tuple[int, ...], int]] = {}
        self._aliases: dict[str, Mapping[str, str]] = {}
        self._parts: dict[Per, Codes] = {}
        self._parents: dict[tuple[Per, Per], Codes] = {}
        self._numberings: dict[Per, Numbering] = {}

    def numbers(self) -> Numbers:
        """Return all numbers so far."""
        names: dict[str, list[str]] = {dimension: list(known) for dimension, known in self._names.items()}
        return Numbers(names, {per: self.parts(per) for per in self._pairs if per}, self._aliases)

    def go_on_with(self, numbers: Numbers) -> bool:
        """Take over these numbers if none has been given yet. Returns False if they do not match.

        They do not match if a numbered name has become an alias of another one.
        """
        if any(len(known) > 1 for known in self._names.values()) or any(self._pairs.values()):
            return False
        aliases, self._aliases = self._aliases, dict(numbers.aliases)
        for dimension, names in numbers.names.items():
            self._names[dimension] = {name: number for number, name in enumerate(names)}  # type: ignore[index]
        for per, parts in numbers.combined.items():
            self._pairs[per] = dict(zip(map(tuple, parts.tolist()), range(len(parts)), strict=True))
        if self.learn_aliases(aliases):
            self._names.clear()
            self._pairs.clear()
            self._aliases = aliases
            return False
        return True

    def learn_aliases(self, aliases: Mapping[str, Mapping[str, str]]) -> bool:
        """Learn aliases of names. Returns True if that changes a name with a number.

        Its counts are then under the wrong subject.
        """
        known = {kind: dict(names) for kind, names in self._aliases.items()}
        self._aliases = {**known, **{kind: dict(names) for kind, names in aliases.items()}}
        return any(
            known.get(dimension, {}).get(name, name) != self._aliases.get(dimension, {}).get(name, name)
            for dimension, names in self._names.items()
            for name in names
        )

    def coded(self, dimension: Dimension, column: Labels) -> Codes:
        """Return the numbers of a column of names."""
        aliases = self._aliases.get(dimension)
        if aliases:
            column = replace(column, names=tuple(aliases.get(name, name) for name in column.names))
        return column.into(self.names(dimension))

    def names(self, dimension: Dimension) -> dict[str, int]:
        return self._names.setdefault(dimension, {"": 0})

    def count(self, per: Per) -> int:
        return len(self.names(per[0])) if len(per) == 1 else len(self._pairs.setdefault(per, {}))

    def known(self, per: Per) -> list[tuple[str, ...]]:
        """Return all subjects of a dimension in the order of their numbers; missing parts are empty."""
        texts = [list(self.names(dimension)) for dimension in per]
        if len(per) == 1:
            return [(name,) for name in texts[0]]
        found = self._pairs.setdefault(per, {})
        return [tuple(names[code] for names, code in zip(texts, codes, strict=True)) for codes in found]

    def find(self, per: Per, ids: Sequence[tuple[str, ...]]) -> Codes:
        """Return the number of each subject, or -1 for one that never occurred."""
        names = [self.names(dimension) for dimension in per]
        if len(per) == 1:
            return np.array([names[0].get(one, -1) for (one,) in ids], dtype=np.int32)
        pairs = self._pairs.setdefault(per, {})
        return np.array(
            [
                pairs.get(tuple(known.get(part, -1) for known, part in zip(names, parts, strict=True)), -1)
                for parts in ids
            ],
            dtype=np.int32,
        )

    def parts(self, per: Per) -> Codes:
        """Return the numbers of the parts of every subject of a dimension: one row per subject, one column per part."""
        if len(per) == 1:
            return np.arange(self.count(per), dtype=np.int32)[:, None]
        known = self._pairs.setdefault(per, {})
        found = self._parts.get(per, np.zeros((0, len(per)), dtype=np.int32))
        if len(found) < len(known):
            more = list(islice(known, len(found), None))
            found = np.concatenate([found, np.array(more, dtype=np.int32).reshape(len(more), len(per))])
            self._parts[per] = found
        return found

    def parents(self, wide: Per, per: Per) -> Codes:
        """Return for every subject of `wide`, a dimension with one more part at its end, the number in `per`."""
        found = self._parents.get((wide, per), np.zeros(0, dtype=np.int32))
        parts = self.parts(wide)[len(found) :, :-1]
        if len(parts):
            more = parts[:, 0] if len(per) == 1 else self.number(per, list(parts.T), len(parts))
            found = self._parents[wide, per] = np.concatenate([found, more])
        return found

    def number(self, per: Per, columns: Sequence[Codes], rows: int = 0) -> Codes:
        """Return one number per row from the numbers of its parts; `rows` is the row count if there are no parts."""
        if not per:
            self._pairs.setdefault(per, {}).setdefault((), 0)
            return np.zeros(rows, dtype=np.int32)
        if len(per) == 1:
            return columns[0]
        known = self._pairs.setdefault(per, {})
        if not len(columns[0]):
            return np.zeros(0, dtype=np.int32)
        numbering = self._numberings.setdefault(per, Numbering(known))
        return numbering.of(columns, [len(self.names(dimension)) for dimension in per])


def _mixed(columns: Sequence[Codes], sizes: Sequence[int]) -> NDArray[np.int64]:
    """Return one number for each combination."""
    mixed = columns[0].astype(np.int64)
    for column, size in zip(columns[1:], sizes[1:], strict=True):
        mixed = mixed * size + column
    return mixed


@dataclass(slots=True, eq=False)
class Segment:
    """Facts of one kind. Derived values are computed once and kept; zeros are not kept at all."""

    subjects: Subjects
    batch: Batch  # sorted by event
    _codes: dict[Per, Codes] = field(default_factory=dict)
    _measures: dict[str, NDArray[np.generic] | None] = field(default_factory=dict)
    _by_seen: tuple[NDArray[np.intp], Ints] | None = None
    _same: dict[str, int | None] = field(default_factory=dict)

    @classmethod
    def of(cls, subjects: Subjects, batches: Sequence[Batch]) -> "Segment":
        facts = join(list(batches))
        if (facts.event[1:] < facts.event[:-1]).any():
            facts = facts.take(np.argsort(facts.event, kind="stable"))
        return cls(subjects, facts)

    def __len__(self) -> int:
        return len(self.batch)

    def facts(self, rows: NDArray[np.intp]) -> Batch:
        """Return the facts at these positions."""
        return self.batch.take(rows)

    @property
    def event(self) -> Ints:
        return self.batch.event

    @property
    def seen(self) -> Ints:
        return self.batch.seen

    @property
    def delay(self) -> NDArray[np.int32]:
        return self.batch.delay

    def codes(self, per: Per) -> Codes:
        found = self._codes.get(per)
        if found is None:
            columns = [self.subjects.coded(dimension, self.batch.column(dimension)) for dimension in per]
            found = self._codes[per] = self.subjects.number(per, columns, len(self))
        return found

    def measure(self, metric: str) -> NDArray[np.generic] | None:
        """Return what each fact adds to a metric, or None if none adds anything."""
        if metric not in self._measures:
            values = measured(self.batch, metric)
            self._measures[metric] = values if values.any() else None
        return self._measures[metric]

    def same(self, metric: str) -> int | None:
        """Return what each of its facts adds to a metric, if all add the same."""
        if metric not in self._same:
            self._same[metric] = same_value(self.measure(metric))
        return self._same[metric]

    def by_seen(self) -> tuple[NDArray[np.intp], Ints]:
        """Return positions in the order in which the facts were seen, and the times."""
        if self._by_seen is None:
            order = np.argsort(self.batch.seen, kind="stable")
            self._by_seen = order, self.batch.seen[order]
        return self._by_seen

    def unseen(self, where: slice, known: int) -> NDArray[np.bool_] | None:
        """Return which of these had not been seen by a moment; None if all had."""
        late: NDArray[np.bool_] = self.batch.seen[where] > known
        return late if late.any() else None

    def seen_between(self, before: int, known: int) -> NDArray[np.intp]:
        """Return the positions of facts seen after one moment and by another."""
        order, times = self.by_seen()
        low, high = np.searchsorted(times, (before, known), side="right")
        return order[int(low) : int(high)]

    def clicked(self, where: NDArray[np.intp]) -> Ints:
        """Return the times of the clicks behind these facts; if unknown, the times of the facts."""
        if not len(self.batch.delay):
            return self.event[where]
        return self.event[where] - np.maximum(self.batch.delay[where], 0)

    def slice(self, start: int, end: int) -> slice:
        """Return the positions whose event time is in [start, end)."""
        low, high = np.searchsorted(self.batch.event, (start, end))
        return slice(int(low), int(high))


def same_value(values: NDArray[np.generic] | None) -> int | None:
    """Return the single number of a column, if all rows have the same."""
    if values is None or not len(values) or values.min() != values.max():
        return None
    return int(values[0])


def measured(batch: Batch, metric: str) -> NDArray[np.generic]:
    """Return what each fact adds to a metric."""
    if metric == ROW_COUNT:
        return np.ones(len(batch), dtype=np.int8)
    if metric in MONEY:
        amounts: NDArray[np.int64] = getattr(batch, metric)
        return amounts
    events = batch.column("event")
    if metric.startswith(EVENTS):
        wanted = metric.removeprefix(EVENTS)
        chosen = np.array([name == wanted for name in events.names])
    else:
        chosen = np.array([name.lower() in NO_EVENT for name in events.names])
    weight: NDArray[np.int32] = batch.weight if chosen.all() else batch.weight * chosen[events.codes]
    status = STATUSES.get(metric)
    return weight if status is None else weight * (batch.status == status)


def slim(batch: Batch, dimensions: Collection[str], *, delays: bool = False) -> Batch:
    """Return it without unused columns and columns of zeros: a quarter of the memory."""
    unasked = ("high", "low", "nth") if delays else ("high", "low", "nth", "delay")
    left_out: dict[str, Any] = {name: np.zeros(0, dtype=DTYPES[name]) for name in unasked}
    for name in MONEY:
        if not getattr(batch, name).any():
            left_out[name] = np.zeros(0, dtype=DTYPES[name])
    labels = {name: column.compact() for name, column in batch.labels.items() if name in dimensions or name == "event"}
    if "rejection_reason" in dimensions and "reason" in batch.labels:
        labels["rejection_reason"] = batch.labels["reason"].compact()  # facts call it by the shorter word
    return replace(batch, labels=labels, **left_out)
