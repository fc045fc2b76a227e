"""Sum facts in ClickHouse for windows: long time ranges are summed there, short ones are read and cached.

A window that slides asks for the minute around its edge, for every metric and dimension that rules look at. Those rows
are read once, as a block of a few thousand, and summed here. A window that is made from nothing is one question, which
brings all metrics of its dimension at once: the next rule usually wants another one.

Sums are of Int64 there and of int64 here: both count modulo 2^64, so they agree in every digit, whatever is added.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bridge.reports.clickhouse_client import ClickHouse
from bridge.reports.clickhouse_rows import (
    TABLE,
    ClickHouseRows,
    Collected,
    Place,
    coded,
    column_of,
    decoded,
    numbers,
    said_by,
    text,
)
from bridge.reports.fact_batch import DTYPES, MONEY, Batch, Labels
from bridge.reports.segments import NO_EVENT, ROW_COUNT, STATUSES, Codes, Ints, Per, Segment, Subjects
from bridge.store.observations import ChunkInfo
from bridge.store.observations_away import ObservationsAway
from rules.model.metrics import EVENTS
from rules.model.revision import Dimension

BLOCK: Final = 8_192  # rows that are read and kept together, as far as they are spread evenly over time
MAX_BLOCKS: Final = 4  # blocks; longer time ranges are summed in ClickHouse, or read and not kept
READ: Final = ("seen", "status", "weight", *MONEY, "delay")  # numbers of a row beside its moment
AT_ONCE: Final = 262_144  # rows of a long time range that are in memory at a time
MIN_BLOCK_SECONDS, MAX_BLOCK_SECONDS = 60, 86_400
MAX_ROWS_KEPT: Final = 262_144  # rows of blocks: about 20 MB
MAX_ANSWERS_KEPT: Final = 6  # answers with all metrics

COUNTED: Final = f"lower(event_name) IN ({', '.join(map(text, sorted(NO_EVENT)))})"
#: What each metric sums. An event that is none of NO_EVENT is counted by `events.NAME` alone.
SUMS: Final[Mapping[str, str]] = {
    ROW_COUNT: "toInt64(count())",
    "conversions": f"sumIf(weight, {COUNTED})",
    **{name: f"sumIf(weight, {COUNTED} AND status = {int(status)})" for name, status in STATUSES.items()},
    **{name: f"sum({name})" for name in MONEY},
}
ALIKE: Final = frozenset({"clicks", "impressions", "conversions"})  # each counts the rows of its own feed


@dataclass(slots=True, eq=False)
class Answers:
    """The answers that one process has read for one account and integration.

    Call `forget` if numbers of subjects may change.
    """

    numbered: dict[tuple[str, Per], set[int]] = field(default_factory=dict)  # source, dimension → batches
    proven: set[int] = field(default_factory=set)  # batches whose rows have been counted
    sums: "OrderedDict[Any, tuple[Codes, dict[str, Ints]]]" = field(default_factory=OrderedDict)
    blocks: "OrderedDict[Any, Segment]" = field(default_factory=OrderedDict)
    rows: int = 0  # in blocks
    names: dict[tuple[int, ...], int] = field(default_factory=dict)  # a short one for each set of batches
    server: ClickHouse | None = None  # None: no fact lies there

    @property
    def away(self) -> ObservationsAway | None:
        """The reason why the last query got no answer."""
        return None if self.server is None else self.server.failure

    def forget(self) -> None:
        for each in (self.numbered, self.proven, self.sums, self.blocks, self.names):
            each.clear()
        self.rows = 0

    def keep_sums(self, key: Any, found: tuple[Codes, dict[str, Ints]]) -> None:
        self.sums[key] = found
        while len(self.sums) > MAX_ANSWERS_KEPT:
            self.sums.popitem(last=False)

    def keep_block(self, key: Any, block: Segment) -> None:
        self.blocks[key] = block
        self.rows += len(block)
        while self.rows > MAX_ROWS_KEPT and len(self.blocks) > 1:
            self.rows -= len(self.blocks.popitem(last=False)[1])


@dataclass(slots=True, eq=False)
class ClickHouseSegment:
    """The facts of some batches of one feed, by event time or by the time of their clicks."""

    rows: ClickHouseRows
    place: Place
    infos: Sequence[ChunkInfo]
    subjects: Subjects
    dimensions: Collection[str]
    answers: Answers
    by_click: bool = False
    _batches: tuple[int, ...] = ()
    _name: int = 0  # of these batches
    _first: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _last: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    _step: int = MAX_BLOCK_SECONDS

    def __post_init__(self) -> None:
        self._batches = tuple(info.batch for info in self.infos if info.batch is not None)
        self._name = self.answers.names.setdefault(self._batches, len(self.answers.names))
        assert len(self._batches) == len(self.infos) > 0, "all of these chunks lie in ClickHouse"
        self._first = np.array([int(info.first_event.timestamp()) for info in self.infos], dtype=np.int64)
        self._last = np.array([int(info.last_event.timestamp()) for info in self.infos], dtype=np.int64)
        seconds = max(int(self._last.max() - self._first.min()), 1)
        step = BLOCK * seconds // max(len(self), 1)
        self._step = max(MIN_BLOCK_SECONDS, min(MAX_BLOCK_SECONDS, step))

    def __len__(self) -> int:
        return sum(info.count for info in self.infos)

    # --- what is known without asking ---

    @property
    def first_event(self) -> int:
        """The earliest event time. A click may be any time before its conversion."""
        return 0 if self.by_click else int(self._first.min())

    @property
    def last_event(self) -> int:
        return int(self._last.max())

    @property
    def first_seen(self) -> int:
        return min(int(info.first_seen.timestamp()) for info in self.infos)

    @property
    def last_seen(self) -> int:
        return max(int(info.last_seen.timestamp()) for info in self.infos)

    @property
    def said(self) -> dict[str, int]:
        """Return when a row first had a declared dimension."""
        found: dict[str, int] = {}
        for info in self.infos:
            for name, seen in info.about["said"].items():
                found[name] = min(seen, found.get(name, seen))
        return found

    def counts(self, metric: str) -> bool:
        """Return whether any of its facts may add something to a metric."""
        return metric not in MONEY or any(metric in info.about["money"] for info in self.infos)

    # --- numbers of subjects ---

    def number(self, per: Per) -> None:
        """Give every subject of a dimension its number."""
        done = self.answers.numbered.setdefault((self._source, per), set())
        missing = [batch for batch in self._batches if batch not in done]
        if missing and per:
            columns = ", ".join(map(column_of, per))
            query = f"SELECT DISTINCT {columns} FROM {TABLE} WHERE {self._of(missing)}"
            for block in self.rows.server.blocks(query):
                self._codes(per, block, len(block[0]))
        done.update(missing)

    def has_numbered(self, pers: Collection[Per]) -> None:
        """Do nothing: another process has given every subject of these dimensions its number."""
        for per in pers:
            self.answers.numbered.setdefault((self._source, per), set()).update(self._batches)

    def _codes(self, per: Per, columns: Sequence[Any], count: int) -> Codes:
        parts = [self._part(dimension, values) for dimension, values in zip(per, columns, strict=True)]
        return self.subjects.number(per, parts, count)

    def _part(self, dimension: Dimension, values: Sequence[bytes]) -> Codes:
        known = {b"": 0}
        codes = coded(values, known)
        return self.subjects.coded(dimension, Labels(codes, tuple(map(decoded, known))))

    # --- sums, made in ClickHouse ---

    def is_long(self, start: int, end: int) -> bool:
        """Return whether a time range is summed in ClickHouse instead of here."""
        start, end = max(start, self.first_event), min(end, self.last_event + 1)
        return end - start > MAX_BLOCKS * self._step

    def sums(self, metric: str, per: Per, start: int, end: int, known: int) -> tuple[Codes, Ints]:
        """Return the metric of each subject over [start, end), as it was known at a moment."""
        where = self._between(start, end, known)
        if where is None:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
        name = "conversions" if metric in ALIKE else metric
        wanted = {name: _sum_of(name)} if name.startswith(EVENTS) else dict(SUMS)
        key = (self._source, self._name, per, start, end, known, *(wanted if len(wanted) == 1 else ()))
        found = self.answers.sums.get(key)
        if found is None:
            found = self._summed(per, where, wanted)
            self.answers.keep_sums(key, found)
        return found[0], found[1][name]

    def _summed(self, per: Per, where: str, wanted: Mapping[str, str]) -> tuple[Codes, dict[str, Ints]]:
        dimensions = list(map(column_of, per))
        group = f" GROUP BY {', '.join(dimensions)}" if per else " HAVING count() > 0"
        query = f"SELECT {', '.join([*dimensions, *wanted.values()])} FROM {TABLE} WHERE {where}{group}"
        codes, values = list[Codes](), [list[Ints]() for _ in wanted]
        for block in self.rows.server.blocks(query):
            count = len(block[-1])
            codes.append(self._codes(per, block[: len(per)], count))
            for one, column in zip(values, block[len(per) :], strict=True):
                one.append(np.asarray(column, dtype=np.int64))
        found = {name: _joined(one) for name, one in zip(wanted, values, strict=True)}
        return np.concatenate(codes) if codes else np.zeros(0, dtype=np.int32), found

    def told(self, metric: str, per: Per, span: tuple[int, int, int], clicked: tuple[int, int]) -> tuple[Codes, Ints]:
        """Return the metric over facts of a time range, as known then, whose clicks were in another time range."""
        where = self._between(*span)
        if where is None:
            return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int64)
        name = "conversions" if metric in ALIKE else metric
        where = f"{where} AND click >= {clicked[0]} AND click < {clicked[1]}"
        codes, found = self._summed(per, where, {name: _sum_of(name)})
        return codes, found[name]

    def placed(
        self, metric: str, per: Per, span: tuple[int, int, int], places: str
    ) -> Iterator[tuple[Codes, Ints, Ints]]:
        """Return the metric by subject and position in time. `places` says the position from `{moment}`."""
        where = self._between(*span)
        if where is None:
            return
        name = "conversions" if metric in ALIKE else metric
        dimensions = list(map(column_of, per))
        group = ", ".join([*dimensions, "place_in_time"])
        at = places.format(moment=self._moment)
        query = (
            f"SELECT {', '.join([*dimensions, f'{at} AS place_in_time', _sum_of(name)])} FROM {TABLE} "
            f"WHERE {where} GROUP BY {group}"
        )
        for block in self.rows.server.blocks(query):
            codes = self._codes(per, block[: len(per)], len(block[-1]))
            yield codes, np.asarray(block[-2], dtype=np.int64), np.asarray(block[-1], dtype=np.int64)

    def last_seen_by(self, known: int) -> int:
        """Return when the newest of the facts known then had arrived; None if there were none."""
        [found] = self.rows.server.columns(f"SELECT max(seen) FROM {TABLE} WHERE {self._of()} AND seen <= {known}")
        return int(found[0])

    def occurring(self, per: Per, start: int, end: int) -> Codes:
        """Return the subjects with any fact in a time range."""
        where = self._between(start, end, None)
        if where is None:
            return np.zeros(0, dtype=np.int32)
        return self._summed(per, where, {})[0] if per else self.sums(ROW_COUNT, per, start, end, 2**62)[0]

    # --- rows ---

    def cuts(self, start: int, end: int) -> Iterator[Segment]:
        """Yield all facts of [start, end), and some around them."""
        low, high = max(start, self._earliest), min(end, self.last_event + 1)
        if low >= high:
            return
        if self.is_long(low, high):
            step = max(self._step * (AT_ONCE // BLOCK), 1)
            for at in range(low, high, step):
                found = self._read(at, min(at + step, high))
                if len(found):
                    yield found
            return
        for block in range(low // self._step, (high - 1) // self._step + 1):
            found = self._block(block)
            if len(found):
                yield found

    def seen_after(self, before: int, start: int, end: int) -> Iterator[Segment]:
        """Yield all facts of [start, end) that were seen after a moment, and some others."""
        if self.last_seen > before:
            found = self._read(start, end, f"seen > {before}")
            if len(found):
                yield found

    def _block(self, block: int) -> Segment:
        key = self._source, self._name, block
        found = self.answers.blocks.get(key)
        if found is None:
            found = self._read(block * self._step, (block + 1) * self._step)
            self.answers.keep_block(key, found)
        self.answers.blocks.move_to_end(key)
        return found

    def _read(self, start: int, end: int, further: str = "") -> Segment:
        labels = [one for one in (*self.dimensions, "event") if any(said_by(info.about, one) for info in self.infos)]
        collected = Collected(("event", *READ), labels)
        where = self._between(start, end, None)
        if where is not None:
            columns = ", ".join([self._moment, *READ, *map(column_of, labels)])
            query = f"SELECT {columns} FROM {TABLE} WHERE {where}{f' AND {further}' if further else ''}"
            for block in self.rows.server.blocks(query):
                collected.add(block)
        read = {name: collected.numbers(name, DTYPES[name]) for name in ("event", *READ)}
        if self.by_click:
            read["delay"] = np.zeros(0, dtype=DTYPES["delay"])
        empty = {name: np.zeros(0, dtype=DTYPES[name]) for name in ("high", "low", "nth")}
        return Segment.of(self.subjects, [Batch(**read, **empty, labels=collected.labels())])

    # --- which rows ---

    @property
    def _source(self) -> str:
        return f"{self.place.kind} by click" if self.by_click else str(self.place.kind)

    @property
    def _moment(self) -> str:
        return "click" if self.by_click else "event"

    @property
    def _earliest(self) -> int:
        if not self.by_click:
            return int(self._first.min())
        return int(self._first.min()) - np.iinfo(np.int32).max  # delays are 32 bits

    def _of(self, batches: Sequence[int] | None = None) -> str:
        return f"{self.place.condition} AND batch IN ({numbers(self._batches if batches is None else batches)})"

    def _between(self, start: int, end: int, known: int | None) -> str | None:
        """Return the condition for facts of [start, end) that had been seen by then; None if there can be none."""
        chosen = self._last >= start
        if not self.by_click:
            chosen &= self._first < end
        at = np.flatnonzero(chosen).tolist()
        if not at or start >= end:
            return None
        where = [self._of([self._batches[one] for one in at]), f"event >= {start}"]  # a click is before its conversion
        where += [f"click >= {start}", f"click < {end}"] if self.by_click else [f"event < {end}"]
        if known is not None and any(known < int(self.infos[one].last_seen.timestamp()) for one in at):
            where.append(f"seen <= {known}")
        return " AND ".join(where)


def _sum_of(metric: str) -> str:
    if metric.startswith(EVENTS):
        return f"sumIf(weight, event_name = {text(metric.removeprefix(EVENTS))})"
    return SUMS[metric]


def _joined(parts: Sequence[Ints]) -> Ints:
    return np.concatenate(parts) if parts else np.zeros(0, dtype=np.int64)
