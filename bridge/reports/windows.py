"""Sum metrics over windows: any time range, any dimension, as known at any time. Results are exact and incremental.

A sum remembers the edges it was last asked for. When it is asked again a little later, only the facts that
came in, fell out or were seen meanwhile are added or taken off, so the work depends on how far the window
moved and not on how long it is. Sums of whole numbers have no rounding: a sum that slid a thousand times
equals one that was computed at once.
"""

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bridge.reports.arrival_curves import PUNCTUAL, Arrivals
from bridge.reports.clickhouse_segment import ClickHouseSegment
from bridge.reports.fact_batch import DTYPES, Batch
from bridge.reports.segments import ROW_COUNT, Ints, Per, Segment, Subjects, same_value, slim
from bridge.reports.stored_segments import Piece, Stored, StoredSegments
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
SOURCES: Final[tuple[Source, ...]] = (*Kind, BY_CLICK)
SEEN_EVER = int(np.iinfo(np.int64).max)
KEPT_SUMS = 160  # per metric and dimension: as many different windows slide at the same time
NO_FILES = StoredSegments()
MERGE_AT = 32  # segments; each costs a little at every question


class Edges(NamedTuple):
    """Facts with an event time in [start, end) that had been seen by `known`. Seconds since 1970."""

    start: int
    end: int
    known: int


@dataclass(slots=True, eq=False)
class _Sum:
    """One sliding sum: totals per subject over the edges of its last query."""

    edges: Edges
    totals: Ints


class _Sums:
    """The sliding sums of one metric and dimension; the least recently used one is dropped first."""

    __slots__ = ("_places", "_turn", "_used", "members")

    def __init__(self, members: Sequence[_Sum] = ()) -> None:
        self.members: list[_Sum] = []
        self._places = np.zeros((KEPT_SUMS, 2), dtype=np.int64)  # start and end of each
        self._used = np.zeros(KEPT_SUMS, dtype=np.int64)  # when each was last asked for
        self._turn = 0
        for one in members[-KEPT_SUMS:]:
            self.add(one)

    def nearest(self, edges: Edges) -> int | None:
        """Return the position of the sum whose edges are nearest to these."""
        if not self.members:
            return None
        away = np.abs(self._places[: len(self.members)] - edges[:2])
        return int((away[:, 0] + away[:, 1]).argmin())

    def add(self, one: _Sum) -> None:
        """Add a sum; if there is no room, it replaces the least recently used one."""
        at = len(self.members)
        if at < KEPT_SUMS:
            self.members.append(one)
        else:
            at = int(self._used.argmin())
            self.members[at] = one
        self.asked(at)

    def forget(self, at: int) -> None:
        """Drop the sum at this position: it moved only halfway."""
        last = len(self.members) - 1
        self.members[at] = self.members[last]
        self._places[at], self._used[at] = self._places[last], self._used[last]
        self.members.pop()

    def asked(self, at: int) -> None:
        """Mark the sum at this position as used; it may have moved."""
        self._turn += 1
        self._used[at] = self._turn
        self._places[at] = self.members[at].edges[:2]


@dataclass(slots=True, eq=False)
class News:
    """New facts since the last query of someone who keeps an answer about all the others."""

    source: Source
    pieces: list["Segment | Stored"] = field(default_factory=list)
    is_over: bool = False  # all was forgotten meanwhile, so the answer has to be made anew


@dataclass(slots=True, eq=False)
class Windows:
    """Facts, in memory and in files, and the sums over them. One per process and account; not for several threads."""

    dimensions: Collection[str] = ALWAYS_KEPT
    subjects: Subjects = field(default_factory=Subjects)
    delays: bool = False  # keep click times of everything, not only of conversions; only a replay asks
    _segments: dict[Source, list[Segment]] = field(default_factory=dict)
    _stored: dict[Source, StoredSegments] = field(default_factory=dict)
    _numbered: set[tuple[Source, Per]] = field(default_factory=set)  # of what is stored
    _sums: dict[tuple[Source, str, Per], _Sums] = field(default_factory=dict)
    # When rows first said a declared dimension; "": anything.
    _first: dict[tuple[Kind, str], int] = field(default_factory=dict)
    _refused: Exception | None = None
    _news: dict[Source, list[News]] = field(default_factory=dict)
    _read_since: int | None = None

    def are_read_since(self, seen: int | None) -> None:
        """Set when the first of all conversions was seen, because only the newest may be loaded."""
        self._read_since = seen

    def refuse(self, why: Exception | None) -> None:
        """Refuse queries while it is unknown which facts exist; None: answer again."""
        self._refused = why

    @property
    def refused(self) -> Exception | None:
        """The reason why no query is answered at the moment."""
        return self._refused

    def _check(self) -> None:
        if self._refused is not None:
            raise self._refused

    def load(self, kind: Kind, batches: Sequence[Batch]) -> None:
        """Add facts of one kind. Sliding sums include them at once."""
        delays = self.delays or kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        slimmed = [slim(batch, self.dimensions, delays=delays) for batch in batches]
        self._note_first(kind, slimmed)
        segment = Segment.of(self.subjects, slimmed)
        if not len(segment):
            return
        for source, one in self._sources(kind, segment):
            self._take_in(source, [one])
            self._keep(source, one)
            self._tell(source, [one])

    def _sources(self, kind: Kind, segment: Segment) -> Iterator[tuple[Source, Segment]]:
        yield kind, segment
        if kind is Kind.CONVERSIONS:
            yield BY_CLICK, by_click(self.subjects, segment)

    def store(self, source: Source, stored: Sequence[Stored]) -> None:
        """Add facts in files. Sliding sums include them at once."""
        self._stored[source] = StoredSegments([*self._files(source), *stored])
        self._numbered = {one for one in self._numbered if one[0] != source}
        self._note_said(source, stored)
        self._tell(source, stored)
        for (of_source, metric, per), sums in self._sums.items():
            if of_source == source and sums.members:
                self.number(source, per)
                for one in sums.members:
                    one.totals = _fit(one.totals, self.subjects, per)
                    known = StoredSegments([each for each in stored if each.first_seen <= one.edges.known])
                    for part in _parts_of(known, metric, per, one.edges.start, one.edges.end):
                        part.add(one.totals, *one.edges)

    def regroup(
        self, kind: Kind, batches: Sequence[Batch], stored: Sequence[Stored], clicked: Sequence[Stored]
    ) -> None:
        """Group the loaded facts of a kind by their present chunks. No sum changes."""
        delays = self.delays or kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        segment = Segment.of(self.subjects, [slim(batch, self.dimensions, delays=delays) for batch in batches])
        for source, one in self._sources(kind, segment):
            self._segments[source] = [one] if len(one) else []
            self._stored[source] = StoredSegments(stored if source == kind else clicked)
            self._numbered = {each for each in self._numbered if each[0] != source}

    def _note_said(self, source: Source, stored: Sequence[Stored]) -> None:
        names = set(self.dimensions).intersection(DECLARABLE)
        if source == BY_CLICK or not names:
            return
        for one in stored:
            self._note(Kind(source), "", np.array([one.first_seen]))
            for name in names & one.said.keys():
                self._note(Kind(source), name, np.array([one.said[name]]))

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
        """Return from when on rows of these kinds have all of these dimensions, in seconds.

        None if the first rows had.
        """
        found = None
        for one in set(per).intersection(DECLARABLE):
            for kind in kinds:
                first = self._first.get((kind, one), SEEN_EVER)
                if first > self._first.get((kind, ""), 0):  # rows were seen before it was kept
                    found = max(found or 0, first)
        return found

    def _take_in(self, source: Source, pieces: Sequence[Segment]) -> None:
        for (of_source, metric, per), sums in self._sums.items():
            if of_source == source:
                for segment in pieces:
                    for one in sums.members:
                        one.totals = _fit(one.totals, self.subjects, per, segment)
                        _Part(segment, metric, per).add(one.totals, *one.edges)

    def _keep(self, source: Source, segment: Segment) -> None:
        segments = self._segments.setdefault(source, [])
        segments.append(segment)
        if len(segments) > MERGE_AT:
            self._merge(source)

    def follow(self, source: Source) -> News:
        """Receive from now on what is loaded of one source."""
        news = News(source)
        self._news.setdefault(source, []).append(news)
        return news

    def _tell(self, source: Source, pieces: Sequence["Segment | Stored"]) -> None:
        for news in self._news.get(source, ()):
            news.pieces.extend(pieces)

    def clear(self) -> None:
        for news in itertools.chain.from_iterable(self._news.values()):
            news.is_over = True
        self._news.clear()
        self._segments.clear()
        self._stored.clear()
        self._numbered.clear()
        self._sums.clear()
        self._first.clear()
        self._refused = None

    def written(self, since: int) -> dict[tuple[Source, str, Per], list[tuple[Edges, Ints]]]:
        """Return the sums that were used since a moment, whose subjects all have numbers then."""
        found = {}
        for key, sums in self._sums.items():
            kept = [(one.edges, one.totals) for one in sums.members if one.edges.known >= since]
            if kept:
                self.number(key[0], key[2])
                found[key] = kept
        return found

    def count_sums(self) -> int:
        """Return how many sums slide."""
        return sum(len(sums.members) for sums in self._sums.values())

    def go_on_with(self, sums: Mapping[tuple[Source, str, Per], Sequence[tuple[Edges, Ints]]]) -> None:
        """Continue with these sums. They cover the loaded facts, whose subjects all have numbers."""
        for (source, metric, per), kept in sums.items():
            if not per:
                self.subjects.number(per, ())
            for one in self._files(source):
                one.has_numbered([per])
            self._sums[source, metric, per] = _Sums([_Sum(edges, totals) for edges, totals in kept])

    @property
    def first(self) -> dict[tuple[Kind, str], int]:
        """The time at which rows of a kind first had a declared dimension; "": any."""
        return self._first

    def held(self) -> int:
        """Return facts in memory."""
        return sum(len(segment) for kind in Kind for segment in self._segments.get(kind, ()))

    def totals(self, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """Return the metric per subject number, over facts of one kind.

        The array belongs to the engine: copy it before changing it.
        """
        self.number(kind, per)
        if not self._counts(kind, metric):
            return np.zeros(self.subjects.count(per), dtype=np.int64)
        sums = self._sums.setdefault((kind, metric, per), _Sums())
        at = sums.nearest(edges)
        if at is None or not _worth_sliding(sums.members[at].edges, edges):
            one = _Sum(edges, self.once(kind, metric, per, edges))
            sums.add(one)
            return one.totals
        one = sums.members[at]
        one.totals = _fit(one.totals, self.subjects, per)
        sums.asked(at)
        if one.edges.known == edges.known and one.edges != edges:  # another question of this moment: both stay
            one = _Sum(one.edges, one.totals.copy())
            self._slide(kind, metric, per, one, edges)
            sums.add(one)
            return one.totals
        if one.edges != edges:
            try:
                self._slide(kind, metric, per, one, edges)
            except BaseException:
                sums.forget(at)
                raise
            sums.asked(at)
        return one.totals

    def once(self, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """Return the same for edges that will not be used again."""
        self.number(kind, per)
        totals = np.zeros(self.subjects.count(per), dtype=np.int64)
        for part in self._parts(kind, metric, per, edges.start, edges.end):
            part.add(totals, *edges)
        return totals

    def _counts(self, kind: Source, metric: str) -> bool:
        """Return whether any fact may add something to a metric."""
        held = any(segment.measure(metric) is not None for segment in self._segments.get(kind, ()))
        return held or any(stored.counts(metric) for stored in self._files(kind))

    def _files(self, source: Source) -> list[Stored]:
        return self._stored.get(source, NO_FILES).parts

    def pieces(self, kind: Source, start: int, end: int) -> Iterator[Piece]:
        """Yield everything that holds facts of [start, end)."""
        self._check()
        if start < end:
            yield from self._segments.get(kind, ())
            yield from self._stored.get(kind, NO_FILES).cuts(start, end)

    def _parts(self, kind: Source, metric: str, per: Per, start: int, end: int) -> Iterator["_Part | _Summed"]:
        """Yield everything that may add to a metric in [start, end).

        Number the subjects before totals get their length.
        """
        if start >= end:
            return
        for segment in self._segments.get(kind, ()):
            yield _Part(segment, metric, per)
        yield from _parts_of(self._stored.get(kind, NO_FILES), metric, per, start, end)

    def _slide(self, kind: Source, metric: str, per: Per, one: _Sum, new: Edges) -> None:
        """Move the sum from the old edges to the new ones with as little as possible.

        Then add what was seen meanwhile.
        """
        old = one.edges
        for low, high, less in (
            (old.start, min(new.start, old.end), True),  # fell out at the old end
            (new.start, min(old.start, new.end), False),
            (max(old.end, new.start), new.end, False),  # came in at the new end
            (max(new.end, old.start), old.end, True),
        ):
            if low < high:
                for part in self._parts(kind, metric, per, low, high):
                    part.add(one.totals, low, high, old.known, less=less)
        if new.known > old.known:
            for segment in self._segments.get(kind, ()):
                _Part(segment, metric, per).add_seen(one.totals, old.known, new)
            for cut in self._stored.get(kind, NO_FILES).seen_after(old.known, new.start, new.end, metric):
                _Part(cut, metric, per).add_seen(one.totals, old.known, new)
        one.edges = new

    def number(self, kind: Source, per: Per) -> None:
        """Give every subject of a dimension its number now."""
        self._check()
        for segment in self._segments.get(kind, ()):
            segment.codes(per)
        if (kind, per) not in self._numbered:
            for stored in self._files(kind):
                stored.number(per)
            self._numbered.add((kind, per))

    def twin(self) -> "Windows":
        """Return the same facts and subjects, with separate sums; see `take_out`."""
        segments = {source: list(own) for source, own in self._segments.items()}
        stored, numbered = dict(self._stored), set(self._numbered)
        return Windows(self.dimensions, self.subjects, self.delays, segments, stored, numbered, _first=self._first)

    def take_out(self, source: Source, segment: Segment) -> None:
        """Add facts that retract others, about a time that no sum has reached yet."""
        self._keep(source, segment)

    def clicked(self, kind: Kind, metric: str, per: Per, clicked: tuple[int, int]) -> Ints:
        """Return the metric per subject number over all facts of clicks in [start, end), whenever they arrived."""
        source = BY_CLICK if kind is Kind.CONVERSIONS else kind
        return self.once(source, metric, per, Edges(*clicked, SEEN_EVER))

    def histogram(self, kind: Kind, metric: str, per: Per, edges: Edges, step: int) -> NDArray[np.float64]:
        """Return the metric per subject number (rows) and time range of `step` seconds (columns). For few subjects."""
        columns = (edges.end - edges.start) // step
        self.number(kind, per)
        result = np.zeros(self.subjects.count(per) * columns)
        for part in self._parts(kind, metric, per, edges.start, edges.end):
            for codes, places, values in part.placed(edges, step):
                np.add.at(result, codes * columns + places, values)
        return result.reshape(-1, columns)

    def uncounted(self, news: News, metric: str, per: Per, before: int, edges: Edges) -> "Iterator[Placed]":
        """Yield the facts of [start, end) that an answer of a moment left out, because they were seen or loaded later.

        Yields their subjects, their times, and their amounts.
        """
        kind = news.source
        self.number(kind, per)
        late: list[Piece] = [
            *self._segments.get(kind, ()),
            *self._stored.get(kind, NO_FILES).seen_after(before, *edges[:2], metric),
        ]
        for piece in late:
            yield _Part(piece, metric, per).told(piece.seen_between(before, edges.known), edges)
        for one in news.pieces:
            for piece in [one] if isinstance(one, Segment) else one.cuts(edges.start, edges.end):
                yield _Part(piece, metric, per).told(piece.seen_between(-1, before), edges)

    def cumulated(
        self, kind: Source, metric: str, per: Per, moments: Sequence[int], known: int, *, most: int
    ) -> Ints | None:
        """Return the metric from the first moment up to each (rows) per subject number.

        None for more than `most` cells.
        """
        self.number(kind, per)
        count = self.subjects.count(per)
        if len(moments) * count > most:
            return None
        table, places = np.zeros((len(moments), count), dtype=np.int64), np.array(moments)
        cells, edges = table.reshape(-1), Edges(moments[0], moments[-1], known)
        for part in self._parts(kind, metric, per, edges.start, edges.end):
            for codes, rows, values in part.between(edges, places):
                _count_in(cells, rows * count + codes, values)
        return np.cumsum(table, axis=0, out=table)

    def told_since(self, kind: Kind, metric: str, per: Per, edges: Edges, clicked: tuple[int, int]) -> Ints:
        """Return the metric over facts of [start, end) whose clicks were in another, short time range."""
        self.number(kind, per)
        totals = np.zeros(self.subjects.count(per), dtype=np.int64)
        for part in self._parts(kind, metric, per, edges.start, edges.end):
            part.add_clicked(totals, edges, clicked)
        return totals

    def arrivals(self, known: int, start: int) -> Arrivals:
        """Return the conversions of clicks since `start`, as known then, to learn how soon they arrive.

        A row that was listed late, while the feed was read, has arrived late. Rows from before the first poll say
        nothing about that.
        """
        first = self._first_conversion_seen()
        found = [_arrived(piece, known, start, first) for piece in self.pieces(Kind.CONVERSIONS, start, SEEN_EVER)]
        return Arrivals(*(np.concatenate(columns) for columns in zip(*found, strict=True))) if found else _NOBODY

    def listed_after(self, per: Per, start: int, end: int, known: int) -> tuple[NDArray[np.int32], Ints, Ints]:
        """Return conversions of [start, end): their subjects, their times, and how many seconds later they were listed.

        Rows from before the first poll are left out: they say nothing about that.
        """
        start = max(start, self._first_conversion_seen() + 1)
        self.number(Kind.CONVERSIONS, per)
        found = []
        for piece in self.pieces(Kind.CONVERSIONS, start, end):
            where = piece.slice(start, end)
            rows = np.flatnonzero(piece.seen[where] <= known) + where.start
            values = piece.measure("conversions")
            rows = rows[:0] if values is None else rows[values[rows] > 0]
            found.append((piece.codes(per)[rows], piece.event[rows], piece.seen[rows] - piece.event[rows]))
        if not found:
            return _NONE.astype(np.int32), _NONE, _NONE
        codes, events, lags = (np.concatenate(columns) for columns in zip(*found, strict=True))
        return codes, events, lags

    def _first_conversion_seen(self) -> int:
        """Return when the first of all conversions was seen; 0 if there is none."""
        if self._read_since is not None:
            return self._read_since
        kind = Kind.CONVERSIONS
        found = [int(segment.by_seen()[1][0]) for segment in self._segments.get(kind, ()) if len(segment)]
        return min(found + [stored.first_seen for stored in self._files(kind)], default=0)

    def last_seen(self, kind: Source, known: int) -> datetime | None:
        """Return when the newest of the facts known then had arrived."""
        self._check()
        found = []
        for segment in self._segments.get(kind, ()):
            times = segment.by_seen()[1]
            at = int(np.searchsorted(times, known, side="right"))
            found += [int(times[at - 1])] if at else []
        for stored in self._files(kind):
            if stored.last_seen <= known:
                found.append(stored.last_seen)
            elif stored.first_seen <= known:
                found.append(stored.last_seen_by(known))
        return datetime.fromtimestamp(max(found), UTC) if found else None

    def occurring(self, per: Per, start: int, end: int) -> list[tuple[str, ...]]:
        """Return the subjects with any fact in [start, end)."""
        for kind in Kind:
            self.number(kind, per)
        found = np.zeros(self.subjects.count(per), dtype=bool)
        for kind in Kind:
            for segment in self._segments.get(kind, ()):
                found[segment.codes(per)[segment.slice(start, end)]] = True
            for stored in self._stored.get(kind, NO_FILES).of(start, end):
                if isinstance(stored, ClickHouseSegment):
                    found[stored.occurring(per, start, end)] = True
                    continue
                for cut in stored.cuts(start, end):
                    found[cut.codes(per)[cut.slice(start, end)]] = True
        names = self.subjects.known(per)
        return sorted(names[code] for code in np.flatnonzero(found).tolist() if all(names[code]))

    def counts(self, per: Per, start: int, end: int) -> Ints:
        """Return how many facts of any kind each subject number has in [start, end), whenever they were seen.

        A retraction counts too: it shows that there was something to retract.
        """
        self._check()
        parts = [
            self.totals(kind, ROW_COUNT, per, Edges(start, end, SEEN_EVER))
            for kind in Kind
            if self._segments.get(kind) or self._files(kind)
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


def by_click(subjects: Subjects, segment: Segment) -> Segment:
    """Return the same facts at the times of their clicks; if a click time is unknown, the fact stays where it is."""
    clicks = segment.clicked(np.arange(len(segment)))
    batch = replace(segment.batch, event=clicks, delay=np.zeros(0, dtype=DTYPES["delay"]))
    return Segment.of(subjects, [batch])


_NONE = np.zeros(0, dtype=np.int64)
_NOBODY = Arrivals(_NONE.astype(np.int32), _NONE, _NONE, _NONE, _NONE.astype(np.int32), _NONE)


def _arrived(segment: Piece, known: int, start: int, first: int) -> tuple[NDArray[Any], ...]:
    weight = segment.measure("conversions")
    rows = np.flatnonzero((segment.seen <= known) & (segment.event >= start))
    if weight is None or not len(segment.delay):
        rows = rows[:0]
    delay = segment.delay[rows].astype(np.int64)
    event, seen = segment.event[rows], segment.seen[rows]
    lag = np.where(event > first, np.maximum(seen - event, 0), -1)
    clicks = event - np.maximum(delay, 0)
    weights = (np.zeros(0, dtype=np.int64) if weight is None else weight)[rows].astype(np.int64)
    arrived = np.where(delay >= 0, delay + np.maximum(lag - PUNCTUAL, 0), delay)
    inside = (clicks >= start) & (weights != 0)
    offers, owners = (segment.codes((name,))[rows] for name in ("offer", "advertiser"))
    return tuple(found[inside] for found in (offers, clicks, arrived, weights, owners, lag))


def _distance(one: Edges, other: Edges) -> int:
    return abs(one.start - other.start) + abs(one.end - other.end)


def _worth_sliding(one: Edges, to: Edges) -> bool:
    """Return whether a sum can slide: not backwards in knowledge, and not further than the length of its window."""
    return to.known >= one.known and _distance(one, to) <= max(to.end - to.start, 1)


def _fit(totals: Ints, subjects: Subjects, per: Per, segment: Segment | None = None) -> Ints:
    """Extend it, if there are more subjects by now."""
    if segment is not None:
        segment.codes(per)
    more = subjects.count(per) - len(totals)
    return np.append(totals, np.zeros(more, dtype=np.int64)) if more > 0 else totals


def _count_in(
    totals: Ints, codes: NDArray[np.integer], values: NDArray[np.generic], times: int = 1, same: int | None = None
) -> None:
    """Add each value to the total of its code. The same as `np.add.at`, several times as fast.

    `same`: the value of all, if known.
    """
    if len(codes) * 8 > len(totals):
        same = same_value(values) if same is None else same
        if same is not None:  # counting, as most of it is
            counts = np.bincount(codes, minlength=len(totals))
            totals += counts if same * times == 1 else counts * (same * times)
            return
    if len(codes):
        np.add.at(totals, codes.astype(np.intp), values.astype(np.int64) * times)


Placed = tuple[Ints, Ints, NDArray[np.generic]]


def _parts_of(stored: StoredSegments, metric: str, per: Per, start: int, end: int) -> "Iterator[_Part | _Summed]":
    """Yield the stored parts for a query of a metric over [start, end)."""
    for one in stored.of(start, end, metric):
        if isinstance(one, ClickHouseSegment) and one.is_long(start, end):
            yield _Summed(one, metric, per)
        else:
            for cut in one.cuts(start, end):
                yield _Part(cut, metric, per)


class _Summed:
    """A query over a long time range that ClickHouse sums itself."""

    __slots__ = ("_metric", "_per", "_stored")

    def __init__(self, stored: ClickHouseSegment, metric: str, per: Per) -> None:
        self._stored, self._metric, self._per = stored, metric, per

    def add(self, totals: Ints, start: int, end: int, known: int, *, less: bool = False) -> None:
        codes, sums = self._stored.sums(self._metric, self._per, start, end, known)
        np.add.at(totals, codes, -sums if less else sums)

    def placed(self, edges: Edges, step: int) -> Iterator[Placed]:
        place = f"intDiv({{moment}} - {edges.start}, {step})"
        for codes, places, values in self._stored.placed(self._metric, self._per, edges, place):
            yield codes.astype(np.int64), places, values

    def between(self, edges: Edges, moments: Ints) -> Iterator[Placed]:
        place = f"roundDown({{moment}}, [{', '.join(map(str, moments.tolist()))}])"
        for codes, places, values in self._stored.placed(self._metric, self._per, edges, place):
            yield codes.astype(np.int64), np.searchsorted(moments, places, side="right"), values

    def add_clicked(self, totals: Ints, edges: Edges, clicked: tuple[int, int]) -> None:
        codes, sums = self._stored.told(self._metric, self._per, edges, clicked)
        np.add.at(totals, codes, sums)


class _Part:
    """A segment, or a cut of one on disk, for one query: its subjects and amounts."""

    __slots__ = ("_codes", "_metric", "_segment", "_values", "counts")

    def __init__(self, segment: Piece, metric: str, per: Per) -> None:
        self._metric = metric
        values = segment.measure(metric)
        self.counts = values is not None
        self._segment = segment
        self._codes = segment.codes(per)
        self._values = np.zeros(0, dtype=np.int32) if values is None else values

    def add(self, totals: Ints, start: int, end: int, known: int, *, less: bool = False) -> None:
        """Add (or subtract) the facts of [start, end) that had been seen by `known`."""
        where = self._segment.slice(start, end)
        if not self.counts or where.start >= where.stop:
            return
        codes, values = self._codes[where], self._values[where]
        late = self._segment.unseen(where, known)
        if late is not None:
            codes, values = codes[~late], values[~late]
        _count_in(totals, codes, values, -1 if less else 1, self._segment.same(self._metric))

    def between(self, edges: Edges, moments: Ints) -> Iterator[Placed]:
        """Yield the facts of [start, end): their subjects, how many moments were not after them, their amounts."""
        for codes, events, values in self.placed(edges, 1):
            yield codes, np.searchsorted(moments, events + edges.start, side="right"), values

    def placed(self, edges: Edges, step: int) -> Iterator[Placed]:
        """Yield the facts of [start, end): their subjects, their time ranges, and their amounts."""
        where = self._segment.slice(edges.start, edges.end)
        rows = np.arange(where.start, where.stop)
        rows = rows[self._segment.seen[rows] <= edges.known] if self.counts else rows[:0]
        places = (self._segment.event[rows] - edges.start) // step
        yield self._codes[rows].astype(np.int64), places, self._values[rows]

    def told(self, rows: NDArray[np.intp], edges: Edges) -> Placed:
        """Return those of these facts in [start, end): their subjects, their times, their amounts."""
        event = self._segment.event[rows] if self.counts else _NONE
        rows = rows[(event >= edges.start) & (event < edges.end)] if self.counts else rows[:0]
        return self._codes[rows].astype(np.int64), self._segment.event[rows], self._values[rows]

    def add_clicked(self, totals: Ints, edges: Edges, clicked: tuple[int, int]) -> None:
        """Add the facts of [start, end) whose clicks were in [clicked)."""
        where = self._segment.slice(edges.start, edges.end)
        rows = np.arange(where.start, where.stop)
        if not self.counts or not len(rows):
            return
        clicks = self._segment.clicked(rows)
        rows = rows[(self._segment.seen[rows] <= edges.known) & (clicks >= clicked[0]) & (clicks < clicked[1])]
        _count_in(totals, self._codes[rows], self._values[rows])

    def add_seen(self, totals: Ints, before: int, new: Edges) -> None:
        """Add the facts inside the new edges that became known after `before`."""
        if not self.counts:
            return
        rows = self._segment.seen_between(before, new.known)
        event = self._segment.event[rows]
        rows = rows[(event >= new.start) & (event < new.end)]
        _count_in(totals, self._codes[rows], self._values[rows])
