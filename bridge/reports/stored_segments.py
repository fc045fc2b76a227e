"""Segments of facts on disk: a query reads only the blocks that it touches, and recent reads are cached.

A window that slides reads the few thousand rows around its old edge; all sums over the same edge share that reading,
and so do the minutes after it. A sum that is made from nothing reads its columns once and keeps none of them.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from bridge.reports import segment_file
from bridge.reports.clickhouse_segment import ClickHouseSegment
from bridge.reports.fact_batch import DTYPES, MONEY, NUMBERS, Batch, Labels
from bridge.reports.segment_file import Index, NotAFile, Reader
from bridge.reports.segments import ROW_COUNT, STATUSES, Codes, Ints, Per, Segment, Subjects, measured, same_value
from rules.model.revision import Dimension

MAX_ROWS_KEPT = 131_072  # rows of blocks: about 7 MB
MAX_BLOCKS_TO_KEEP = 4  # blocks; longer time ranges are read and not kept
AT_ONCE = 64  # blocks of a long time range: 262,144 rows

_names = count()
T = TypeVar("T")
Repair = Callable[[], Index]  # raises NotAFile where what the file held is not in the database any more


class Blocks:
    """The most recently read blocks of all files of one process."""

    def __init__(self, rows: int = MAX_ROWS_KEPT) -> None:
        self._most = rows
        self._held = 0
        self._found: OrderedDict[tuple[int, int], Cut] = OrderedDict()
        self.torn = False  # a file could not be made anew: what it held has to be looked for from the start

    def get(self, key: tuple[int, int], read: Callable[[], "Cut"]) -> "Cut":
        found = self._found.get(key)
        if found is None:
            found = self._found[key] = read()
            self._held += len(found)
            while self._held > self._most and len(self._found) > 1:
                self._held -= len(self._found.popitem(last=False)[1])
        self._found.move_to_end(key)
        return found

    def clear(self) -> None:
        self._found.clear()
        self._held = 0
        self.torn = False


@dataclass(slots=True, eq=False)
class StoredSegment:
    """The facts of one file, under the numbers of a process's subjects."""

    subjects: Subjects
    reader: Reader
    kept: Blocks
    repair: Repair
    reading: Callable[[Index], Reader] = Reader  # how a file that was made anew is read
    _numbers: dict[Dimension, Codes] = field(default_factory=dict)  # place in the file's names → number
    _numbered: set[Per] = field(default_factory=set)
    _key: int = field(default_factory=lambda: next(_names))

    def __len__(self) -> int:
        return self.reader.index.rows

    @property
    def first_event(self) -> int:
        return int(self.reader.index.first_event[0])

    @property
    def last_event(self) -> int:
        return self.reader.index.last_event

    @property
    def first_seen(self) -> int:
        return self.reader.index.first_seen

    @property
    def last_seen(self) -> int:
        return int(self.reader.index.last_seen.max())

    @property
    def said(self) -> dict[str, int]:
        """Return when a row first had a declared dimension."""
        return dict(self.reader.index.said)

    def counts(self, metric: str) -> bool:
        """Return whether any of its facts may add something to a metric."""
        return metric == ROW_COUNT or segment_file.counts(self.reader, metric)

    def number(self, per: Per) -> None:
        """Give every subject of a dimension its number."""
        if per in self._numbered:
            return
        if len(per) == 1:
            self.numbers(per[0])
        else:
            for cut in self._long(range(len(self.reader.index.first_event))):
                cut.codes(per)
        self._numbered.add(per)

    def has_numbered(self, pers: Collection[Per]) -> None:
        """Do nothing: another process has given every subject of these dimensions its number."""
        self._numbered.update(pers)

    def numbers(self, dimension: Dimension) -> Codes:
        """Return the number of each of the file's names."""
        found = self._numbers.get(dimension)
        if found is None:
            names = self.read(lambda reader: reader.names(dimension))
            column = Labels(np.arange(len(names), dtype=np.int32), names)
            found = self._numbers[dimension] = self.subjects.coded(dimension, column)
        return found

    def last_seen_by(self, known: int) -> int:
        """Return when the newest of the facts known then had arrived; None if there were none."""
        times = np.concatenate([cut.seen for cut in self.cuts(self.first_event, self.last_event + 1)])
        return int(times[times <= known].max())

    def cuts(self, start: int, end: int) -> Iterator["Cut"]:
        """Yield all facts of [start, end), and some around them."""
        return self._cut(self.reader.index.blocks(start, end))

    def seen_after(self, before: int, start: int, end: int) -> Iterator["Cut"]:
        """Yield all facts of [start, end) that were seen after a moment, and some others."""
        index = self.reader.index
        blocks = index.blocks(start, end)
        for block in np.flatnonzero(index.last_seen[blocks.start : blocks.stop] > before).tolist():
            yield from self._cut(range(blocks.start + block, blocks.start + block + 1))

    def _cut(self, blocks: range) -> Iterator["Cut"]:
        if len(blocks) > MAX_BLOCKS_TO_KEEP:
            yield from self._long(blocks)
            return
        for block in blocks:
            yield self.kept.get((self._key, block), lambda block=block: Cut(self, range(block, block + 1)))  # type: ignore[misc]

    def _long(self, blocks: range) -> Iterator["Cut"]:
        for low in range(blocks.start, blocks.stop, AT_ONCE):
            yield Cut(self, range(low, min(low + AT_ONCE, blocks.stop)))

    def read(self, question: Callable[[Reader], T]) -> T:
        """Read the file; if it is damaged or gone, create it again from the database and repeat."""
        try:
            return question(self.reader)
        except NotAFile:
            self.kept.torn = True  # unless this succeeds
            self.reader = self.reading(self.repair())
            found = question(self.reader)
            self.kept.torn = False
            return found


class Cut:
    """A part of a file, read only as far as it is used. It has the interface of a segment in memory."""

    __slots__ = ("_blocks", "_codes", "_columns", "_count", "_measures", "_newest", "_same", "_stored")

    def __init__(self, stored: StoredSegment, blocks: range) -> None:
        self._stored = stored
        self._blocks = blocks
        self._count = stored.reader.count(blocks)
        self._columns: dict[str, NDArray[Any]] = {}
        self._codes: dict[Per, Codes] = {}
        self._measures: dict[str, NDArray[np.generic] | None] = {}
        self._newest: int | None = None  # when the last of its facts was seen
        self._same: dict[str, int | None] = {}

    def __len__(self) -> int:
        return self._count

    def _column(self, name: str) -> NDArray[Any]:
        found = self._columns.get(name)
        if found is None:
            found = self._stored.read(lambda reader: reader.numbers(name, self._blocks))
            self._columns[name] = found
        return found

    @property
    def event(self) -> Ints:
        return self._column("event")

    @property
    def seen(self) -> Ints:
        return self._column("seen")

    @property
    def delay(self) -> NDArray[np.int32]:
        return self._column("delay")

    def codes(self, per: Per) -> Codes:
        found = self._codes.get(per)
        if found is None:
            columns = [self._numbers(dimension) for dimension in per]
            found = self._codes[per] = self._stored.subjects.number(per, columns, self._count)
        return found

    def _numbers(self, dimension: Dimension) -> Codes:
        codes = self._stored.read(lambda reader: reader.codes(dimension, self._blocks))
        return self._stored.numbers(dimension)[codes]

    def measure(self, metric: str) -> NDArray[np.generic] | None:
        if metric not in self._measures:
            self._measures[metric] = self._measure(metric)
        return self._measures[metric]

    def same(self, metric: str) -> int | None:
        """Return what each of its facts adds to a metric, if all add the same."""
        if metric not in self._same:
            self._same[metric] = same_value(self.measure(metric))
        return self._same[metric]

    def _measure(self, metric: str) -> NDArray[np.generic] | None:
        if metric == ROW_COUNT:
            return np.ones(self._count, dtype=np.int8)
        if not self._stored.counts(metric):
            return None
        needed = {metric} if metric in MONEY else {"weight"} | ({"status"} if metric in STATUSES else set())
        columns = {name: self._column(name) if name in needed else np.zeros(0, DTYPES[name]) for name in NUMBERS}
        columns["event"] = np.broadcast_to(np.int64(0), self._count)  # only how many there are is asked
        labels = {}
        if metric not in MONEY and "event" in self._stored.reader.index.labels:
            names = self._stored.read(lambda reader: reader.names("event"))
            labels["event"] = Labels(self._stored.read(lambda reader: reader.codes("event", self._blocks)), names)
        values = measured(Batch(**columns, labels=labels), metric)
        return values if values.any() else None

    def facts(self, rows: NDArray[np.intp]) -> Batch:
        """Return the facts at these positions."""
        columns = {name: np.zeros(0, DTYPES[name]) for name in NUMBERS}
        columns |= {name: self._column(name)[rows] for name in segment_file.FILE_COLUMNS}
        labels = {}
        for name in self._stored.reader.index.labels:
            codes = self._stored.read(lambda reader, name=name: reader.codes(name, self._blocks))  # type: ignore[misc]
            names = self._stored.read(lambda reader, name=name: reader.names(name))  # type: ignore[misc]
            labels[name] = Labels(codes[rows], names)
        return Batch(**columns, labels=labels)

    def clicked(self, where: NDArray[np.intp]) -> Ints:
        if self._stored.reader.says_nothing("delay"):
            return self.event[where]
        return self.event[where] - np.maximum(self.delay[where], 0)

    def unseen(self, where: slice, known: int) -> NDArray[np.bool_] | None:
        """Return which of these had not been seen by a moment; None if all had."""
        if self._newest is None:
            self._newest = int(self._stored.reader.index.last_seen[self._blocks.start : self._blocks.stop].max())
        return None if self._newest <= known else self.seen[where] > known

    def seen_between(self, before: int, known: int) -> NDArray[np.intp]:
        """Return the positions of facts seen after one moment and by another."""
        return np.flatnonzero((self.seen > before) & (self.seen <= known))

    def slice(self, start: int, end: int) -> slice:
        index = self._stored.reader.index
        first, after = int(index.first_event[self._blocks.start]), self._blocks.stop
        last = int(index.first_event[after]) if after < len(index.first_event) else index.last_event
        if start <= first and last < end:  # all of it: nothing to be looked for
            return slice(0, self._count)
        return slice(int(self.event.searchsorted(start)), int(self.event.searchsorted(end)))


Stored = StoredSegment | ClickHouseSegment
Piece = Cut | Segment  # a part of what is stored, as rows


class StoredSegments:
    """The files of one source and its data in ClickHouse, selected by the time of a query."""

    def __init__(self, stored: Sequence[Stored] = ()) -> None:
        self.parts = list(stored)
        self._first = np.array([one.first_event for one in self.parts], dtype=np.int64)
        self._last = np.array([one.last_event for one in self.parts], dtype=np.int64)
        self._seen = np.array([one.last_seen for one in self.parts], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.parts)

    def of(self, start: int, end: int, metric: str = ROW_COUNT) -> Iterator[Stored]:
        """Yield everything that may hold facts of [start, end) that add to a metric."""
        if start < end:
            for at in np.flatnonzero((self._first < end) & (self._last >= start)).tolist():
                if self.parts[at].counts(metric):
                    yield self.parts[at]

    def cuts(self, start: int, end: int, metric: str = ROW_COUNT) -> Iterator[Piece]:
        """Yield all facts of [start, end) that may add to a metric, and some others."""
        for one in self.of(start, end, metric):
            yield from one.cuts(start, end)

    def seen_after(self, before: int, start: int, end: int, metric: str) -> Iterator[Piece]:
        """Yield those of them that were seen after a moment, and some others."""
        if start < end:
            chosen = (self._seen > before) & (self._first < end) & (self._last >= start)
            for at in np.flatnonzero(chosen).tolist():
                if self.parts[at].counts(metric):
                    yield from self.parts[at].seen_after(before, start, end)
