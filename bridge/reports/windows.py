"""Sum metrics over windows: any time range, any dimension, as known at any time; exact and incremental.

A sum remembers the edges it was last asked for. When it is asked again a little later, only the facts that
came in, fell out or were seen meanwhile are added or taken off, so the work depends on how far the window
moved and not on how long it is. Sums of whole numbers have no rounding: a sum that slid a thousand times
equals one that was computed at once.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import PUNCTUAL, Arrivals
from bridge.reports.batch import DTYPES, Batch
from bridge.reports.segments import ROWS, Ints, Per, Segment, Subjects, slim
from bridge.store.feeds import Kind
from rules.model.revision import ALWAYS_KEPT, DECLARABLE, Dimension

#: From which feeds a base metric comes. The first one decides up to when it is complete.
FEEDS: dict[str, tuple[Kind, ...]] = {
    "clicks": (Kind.CLICKS,),
    "impressions": (Kind.IMPRESSIONS,),
    "conversions": (Kind.CONVERSIONS,),
    "approved": (Kind.CONVERSIONS,),
    "rejected": (Kind.CONVERSIONS,),
    "pending": (Kind.CONVERSIONS,),
    "payout": (Kind.CONVERSIONS, Kind.CLICKS, Kind.IMPRESSIONS),  # CPC and CPM pay per click and impression
    "revenue": (Kind.CONVERSIONS, Kind.CLICKS, Kind.IMPRESSIONS),
}
OF_AN_EVENT = (Kind.CONVERSIONS,)  # `events.purchase`
BY_CLICK: Final = "conversions by click"  # the conversions once more, each at the time of its click
Source = Kind | Literal["conversions by click"]
SEEN_EVER = int(np.iinfo(np.int64).max)
KEPT_SUMS = 160  # per metric and dimension: as many different windows slide at the same time
MERGE_AT = 32  # segments; each costs a little at every question


class Edges(NamedTuple):
    """Facts with an event time in [start, end) that had been seen by `known`. Seconds since 1970."""

    start: int
    end: int
    known: int


@dataclass(slots=True, eq=False)
class _Sum:
    """One sliding sum: totals per subject over the edges it was last asked for."""

    edges: Edges
    totals: Ints


@dataclass(slots=True, eq=False)
class Windows:
    """The facts in memory and the sums over them. One per process and account; not for several threads."""

    dimensions: Collection[str] = ALWAYS_KEPT
    subjects: Subjects = field(default_factory=Subjects)
    delays: bool = False  # keep click times of everything, not only of conversions; only a replay asks
    _segments: dict[Source, list[Segment]] = field(default_factory=dict)
    _sums: dict[tuple[Source, str, Per], list[_Sum]] = field(default_factory=dict)
    _first: dict[tuple[Kind, str], int] = field(
        default_factory=dict
    )  # when rows first said a declared dimension; "": anything

    def load(self, kind: Kind, batches: Sequence[Batch]) -> None:
        """Add facts of one kind. Sums that slide already take them in at once."""
        delays = self.delays or kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        slimmed = [slim(batch, self.dimensions, delays=delays) for batch in batches]
        self._note_first(kind, slimmed)
        segment = Segment.of(self.subjects, slimmed)
        if not len(segment):
            return
        self._take_in(kind, segment)
        if kind is Kind.CONVERSIONS:
            self._take_in(BY_CLICK, _by_click(self.subjects, segment))

    def _note_first(self, kind: Kind, batches: Sequence[Batch]) -> None:
        names = set(self.dimensions).intersection(DECLARABLE)
        for batch in batches if names else ():
            self._note(kind, "", batch.seen)
            for name in names:
                self._note(kind, name, batch.seen[batch.column(name).codes > 0])

    def _note(self, kind: Kind, name: str, seen: NDArray[np.int64]) -> None:
        if len(seen):
            self._first[kind, name] = min(self._first.get((kind, name), SEEN_EVER), int(seen.min()))

    def told_from(self, per: Collection[Dimension], kinds: Collection[Kind]) -> int | None:
        """From when on rows of these kinds say all of these dimensions, in seconds; None where the first rows did."""
        found = None
        for one in set(per).intersection(DECLARABLE):
            for kind in kinds:
                first = self._first.get((kind, one), SEEN_EVER)
                if first > self._first.get((kind, ""), 0):  # rows were seen before it was kept
                    found = max(found or 0, first)
        return found

    def _take_in(self, source: Source, segment: Segment) -> None:
        for (of_source, metric, per), sums in self._sums.items():
            if of_source == source:
                for one in sums:
                    one.totals = _fit(one.totals, self.subjects, per, segment)
                    _Part(segment, metric, per).add(one.totals, one.edges.start, one.edges.end, one.edges.known)
        segments = self._segments.setdefault(source, [])
        segments.append(segment)
        if len(segments) > MERGE_AT:
            self._merge(source)

    def clear(self) -> None:
        self._segments.clear()
        self._sums.clear()
        self._first.clear()

    def held(self) -> int:
        """Facts in memory."""
        return sum(len(segment) for kind in Kind for segment in self._segments.get(kind, ()))

    def totals(self, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """The metric per subject number, over facts of one kind.

        The array belongs to the engine: copy it before changing it.
        """
        parts = self._parts(kind, metric, per)
        if not any(part.counts for part in parts):
            return np.zeros(self.subjects.count(per), dtype=np.int64)
        sums = self._sums.setdefault((kind, metric, per), [])
        nearest = min(range(len(sums)), key=lambda at: _distance(sums[at].edges, edges), default=None)
        if nearest is None or not _worth_sliding(sums[nearest].edges, edges):
            one = _Sum(edges, self.once(kind, metric, per, edges))
        else:
            one = sums.pop(nearest)
            if one.edges.known == edges.known and one.edges != edges:  # another question of this moment: both stay
                sums.append(one)
                one = _Sum(one.edges, one.totals.copy())
            one.totals = _fit(one.totals, self.subjects, per)
            if one.edges != edges:
                for part in parts:
                    part.slide(one.totals, one.edges, edges)
                one.edges = edges
        sums.append(one)  # the least recently used sum is dropped first
        del sums[:-KEPT_SUMS]
        return one.totals

    def once(self, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """The same for edges that will not be asked for again."""
        parts = self._parts(kind, metric, per)
        totals = np.zeros(self.subjects.count(per), dtype=np.int64)
        for part in parts:
            part.add(totals, *edges)
        return totals

    def _parts(self, kind: Source, metric: str, per: Per) -> "list[_Part]":
        """Made for all segments first, so that every subject has its number before totals get their length."""
        return [_Part(segment, metric, per) for segment in self._segments.get(kind, ())]

    def number(self, kind: Source, per: Per) -> None:
        """Give every subject of a dimension its number now."""
        for segment in self._segments.get(kind, ()):
            segment.codes(per)

    def twin(self) -> "Windows":
        """The same facts and subjects with sums of its own; see `absent`."""
        segments = {kind: [segment.twin() for segment in own] for kind, own in self._segments.items()}
        return Windows(self.dimensions, self.subjects, self.delays, segments, _first=self._first)

    def absent(self, per: Per, code: int, since: int, *, back: bool = False) -> None:
        """From `since` on a subject has no traffic (or has it again): facts that go back to later clicks.

        Only for a `since` that no sum has reached yet.
        """
        for segments in self._segments.values():
            for segment in segments:
                rows = segment.of_subject(per, code)
                segment.absent(rows[segment.clicked(rows) >= since], back=back)

    def one(self, kind: Kind, metric: str, per: Per, code: int, edges: Edges) -> int:
        """The sum of a single subject."""
        total = 0
        for segment in self._segments.get(kind, ()):
            rows = segment.of_subject(per, code, edges[:2])
            total += segment.total(rows[segment.seen[rows] <= edges.known], metric)
        return total

    def clicked(self, kind: Kind, metric: str, per: Per, code: int, clicked: tuple[int, int]) -> int:
        """One subject's sum over all facts that go back to clicks of [start, end), whenever they came."""
        total, (start, end) = 0, clicked
        for segment in self._segments.get(kind, ()):
            rows = segment.of_subject(per, code, (start, np.iinfo(np.int64).max))
            clicks = segment.clicked(rows)
            total += segment.total(rows[(clicks >= start) & (clicks < end)], metric)
        return total

    def histogram(self, kind: Kind, metric: str, per: Per, edges: Edges, step: int) -> NDArray[np.float64]:
        """The metric per subject number (rows) and time range of `step` seconds (columns). For few subjects."""
        columns = (edges.end - edges.start) // step
        parts = self._parts(kind, metric, per)
        result = np.zeros(self.subjects.count(per) * columns)
        for part in parts:
            codes, places, values = part.placed(edges, step)
            np.add.at(result, codes * columns + places, values)
        return result.reshape(-1, columns)

    def told_since(self, kind: Kind, metric: str, per: Per, edges: Edges, clicked: tuple[int, int]) -> Ints:
        """The metric over facts of [start, end) whose clicks were in a time range of their own, a short one."""
        parts = self._parts(kind, metric, per)
        totals = np.zeros(self.subjects.count(per), dtype=np.int64)
        for part in parts:
            part.add_clicked(totals, edges, clicked)
        return totals

    def arrivals(self, known: int, start: int) -> Arrivals:
        """The conversions of clicks since `start`, as they were known then, for learning how soon they arrive.

        A row that was listed late, while the feed was read, has arrived late. Rows from before the first reading
        say nothing about that.
        """
        parts = [segment for segment in self._segments.get(Kind.CONVERSIONS, ()) if len(segment)]
        first = min((int(segment.by_seen()[1][0]) for segment in parts), default=0)
        found = [_arrived(segment, known, start, first) for segment in parts]
        return Arrivals(*(np.concatenate(columns) for columns in zip(*found, strict=True))) if found else _NOBODY

    def listed_after(self, per: Per, start: int, end: int, known: int) -> tuple[NDArray[np.int32], Ints, Ints]:
        """Conversions of [start, end): whose they are, when they happened, and how many seconds later they were listed.

        Rows from before the first reading are left out: they say nothing about that.
        """
        parts = [segment for segment in self._segments.get(Kind.CONVERSIONS, ()) if len(segment)]
        first = min((int(segment.by_seen()[1][0]) for segment in parts), default=0)
        found = []
        for segment in parts:
            where = segment.slice(max(start, first + 1), end)
            rows = np.flatnonzero(segment.seen[where] <= known) + where.start
            values = segment.measure("conversions")
            rows = rows[:0] if values is None else rows[values[rows] > 0]
            found.append((segment.codes(per)[rows], segment.event[rows], segment.seen[rows] - segment.event[rows]))
        if not found:
            return _NONE.astype(np.int32), _NONE, _NONE
        codes, events, lags = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return codes, events, lags

    def last_seen(self, kind: Source, known: int) -> datetime | None:
        """When the newest of the facts that were known then had come."""
        found = []
        for segment in self._segments.get(kind, ()):
            times = segment.by_seen()[1]
            at = int(np.searchsorted(times, known, side="right"))
            found += [int(times[at - 1])] if at else []
        return datetime.fromtimestamp(max(found), UTC) if found else None

    def occurring(self, per: Per, start: int, end: int) -> list[tuple[str, ...]]:
        """The subjects with any fact in [start, end)."""
        found: set[int] = set()
        for kind in Kind:
            for segment in self._segments.get(kind, ()):
                found.update(np.unique(segment.codes(per)[segment.slice(start, end)]).tolist())
        names = self.subjects.known(per)
        return sorted(names[code] for code in found if all(names[code]))

    def counts(self, per: Per, start: int, end: int) -> Ints:
        """How many facts of any kind each subject number has in [start, end), whenever they were seen.

        A retraction counts as well: that there was something to retract is a sign of life.
        """
        parts = [
            self.totals(kind, ROWS, per, Edges(start, end, SEEN_EVER)) for kind in Kind if self._segments.get(kind)
        ]
        found = np.zeros(self.subjects.count(per), dtype=np.int64)
        for part in parts:
            found[: len(part)] += part
        return found

    def _merge(self, kind: Source) -> None:
        """Merge all segments into one. If most are small compared with the first, merge only the small ones."""
        first, *rest = self._segments[kind]
        limit = len(first) // 4
        small = [segment for segment in rest if len(segment) < limit]
        big = [first, *(segment for segment in rest if len(segment) >= limit)]
        if len(small) <= MERGE_AT // 2:
            small, big = [first, *rest], []
        self._segments[kind] = [*big, Segment.of(self.subjects, [segment.batch for segment in small])]


def _by_click(subjects: Subjects, segment: Segment) -> Segment:
    """The same facts at the times of their clicks; where a click time is not known, the fact stays where it is."""
    clicks = segment.clicked(np.arange(len(segment)))
    batch = replace(segment.batch, event=clicks, delay=np.zeros(0, dtype=DTYPES["delay"]))
    return Segment.of(subjects, [batch])


_NONE = np.zeros(0, dtype=np.int64)
_NOBODY = Arrivals(_NONE.astype(np.int32), _NONE, _NONE, _NONE)


def _arrived(segment: Segment, known: int, start: int, first: int) -> tuple[NDArray[np.int32], Ints, Ints, Ints]:
    weight = segment.measure("conversions")
    rows = np.flatnonzero((segment.seen <= known) & (segment.event >= start))
    if weight is None or not len(segment.batch.delay):
        rows = rows[:0]
    delay = segment.batch.delay[rows].astype(np.int64)
    event, seen = segment.event[rows], segment.seen[rows]
    late = np.where(event > first, np.maximum(seen - event - PUNCTUAL, 0), 0)
    clicks = event - np.maximum(delay, 0)
    weights = (np.zeros(0, dtype=np.int64) if weight is None else weight)[rows].astype(np.int64)
    arrived = np.where(delay >= 0, delay + late, delay)
    inside = (clicks >= start) & (weights != 0)
    return segment.codes(("offer",))[rows][inside], clicks[inside], arrived[inside], weights[inside]


def _distance(one: Edges, other: Edges) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


def _worth_sliding(one: Edges, to: Edges) -> bool:
    """Backwards in knowledge there is no way; and a window that moved further than its length is a new one."""
    return to.known >= one.known and _distance(one, to) <= max(to.end - to.start, 1)


def _fit(totals: Ints, subjects: Subjects, per: Per, segment: Segment | None = None) -> Ints:
    """Longer, if there are more subjects by now."""
    if segment is not None:
        segment.codes(per)
    more = subjects.count(per) - len(totals)
    return np.append(totals, np.zeros(more, dtype=np.int64)) if more > 0 else totals


class _Part:
    """One segment under one question: who, and how much of what."""

    __slots__ = ("_codes", "_segment", "_values", "counts")

    def __init__(self, segment: Segment, metric: str, per: Per) -> None:
        values = segment.measure(metric)
        self.counts = values is not None
        self._segment = segment
        self._codes = segment.codes(per)
        self._values = np.zeros(0, dtype=np.int32) if values is None else values

    def add(self, totals: Ints, start: int, end: int, known: int, *, less: bool = False) -> None:
        """Add (or take off) the facts of [start, end) that had been seen by `known`."""
        where = self._segment.slice(start, end)
        if not self.counts or where.start >= where.stop:
            return
        codes, values = self._codes[where], self._values[where]
        late = self._segment.seen[where] > known
        if late.any():
            codes, values = codes[~late], values[~late]
        np.add.at(totals, codes, np.negative(values) if less else values)

    def placed(self, edges: Edges, step: int) -> tuple[Ints, Ints, NDArray[np.generic]]:
        """The facts of [start, end): whose they are, in which time range they lie, and how much they count."""
        where = self._segment.slice(edges.start, edges.end)
        rows = np.arange(where.start, where.stop)
        rows = rows[self._segment.seen[rows] <= edges.known] if self.counts else rows[:0]
        places = (self._segment.event[rows] - edges.start) // step
        return self._codes[rows].astype(np.int64), places, self._values[rows]

    def add_clicked(self, totals: Ints, edges: Edges, clicked: tuple[int, int]) -> None:
        """Add the facts of [start, end) whose clicks were in [clicked)."""
        where = self._segment.slice(edges.start, edges.end)
        rows = np.arange(where.start, where.stop)
        if not self.counts or not len(rows):
            return
        clicks = self._segment.clicked(rows)
        rows = rows[(self._segment.seen[rows] <= edges.known) & (clicks >= clicked[0]) & (clicks < clicked[1])]
        np.add.at(totals, self._codes[rows], self._values[rows])

    def slide(self, totals: Ints, old: Edges, new: Edges) -> None:
        """From the old edges to the new ones with as little as possible; then what was seen meanwhile."""
        for low, high, less in (
            (old.start, min(new.start, old.end), True),  # fell out at the old end
            (new.start, min(old.start, new.end), False),
            (max(old.end, new.start), new.end, False),  # came in at the new end
            (max(new.end, old.start), old.end, True),
        ):
            if low < high:
                self.add(totals, low, high, old.known, less=less)
        if new.known > old.known and self.counts:
            self._add_seen(totals, old.known, new)

    def _add_seen(self, totals: Ints, before: int, new: Edges) -> None:
        """Add the facts inside the new edges that became known after `before`."""
        order, times = self._segment.by_seen()
        low, high = np.searchsorted(times, (before, new.known), side="right")
        rows: NDArray[np.intp] = order[int(low) : int(high)]
        event = self._segment.event[rows]
        rows = rows[(event >= new.start) & (event < new.end)]
        np.add.at(totals, self._codes[rows], self._values[rows])
