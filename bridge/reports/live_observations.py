"""Keep the observations of one account and integration in memory, up to date with the store.

One `LiveData` per process, account and integration. Large chunks lie in files of the home, of which only what is asked
for is read (`segment_directory`); small ones, the young ones, are in memory. It reads only chunks that it has not read
yet, so asking often is cheap. What gets no file and does not fit into memory stays in the store and is read chunk by
chunk when a window reaches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import structlog
from sqlalchemy.orm import Session

from bridge.config.lookup_tables import Table
from bridge.reports import chunk_cache, clickhouse_rows
from bridge.reports.arrival_curves import DAY, LOOK_BACK, Curves, learn
from bridge.reports.broken_tracking import Tracking
from bridge.reports.clickhouse_rows import Place
from bridge.reports.clickhouse_segment import Answers, ClickHouseSegment
from bridge.reports.entity_lookup import Directory
from bridge.reports.fact_batch import Batch
from bridge.reports.items import Items, Kept
from bridge.reports.saved_sums import MAX_UNUSED_SECONDS, NOTHING_COUNTED, Extent, State, Sums, count_of, day_of
from bridge.reports.segment_directory import MIN_FACTS_OF_A_FILE, SegmentDirectory
from bridge.reports.segment_file import NotAFile
from bridge.reports.segments import Ints, Per, slim
from bridge.reports.stored_segments import Blocks, Stored, StoredSegment
from bridge.reports.windows import BY_CLICK, Edges, Source, Windows
from bridge.store import entities, feeds, observations
from bridge.store.feeds import Feed, FeedKey, Kind
from bridge.store.observations import ChunkInfo, Level
from bridge.store.observations_away import ObservationsAway

log = structlog.get_logger()

HORIZON = timedelta(days=20)  # kept at hand; asking for more loads more
MAX_FACTS = 20_000_000  # about 800 MB
AT_ONCE = 64  # chunks unpacked at a time
KEPT_FOR = timedelta(hours=4)  # sums are written down anew so often; a process that starts moves them on from there
AGAIN = 5  # times that what was replaced while it was read is read anew


class ReplacedMeanwhile(RuntimeError):
    """Chunks are replaced faster than they can be read."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """From when to when a feed is complete."""

    feed_id: int
    since: datetime
    as_of: datetime


@dataclass(slots=True, eq=False)
class LiveData:
    """Observations of a live process.

    Not for several threads at a time: a worker process decides one tick after the other.
    """

    account: str = "main"
    integration: str = "default"
    most_facts: int = MAX_FACTS
    files: SegmentDirectory | None = None  # None: everything is in memory
    windows: Windows = field(default_factory=Windows)
    coverage: dict[Kind, Coverage] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)
    delays: dict[str, int] = field(default_factory=dict)  # offer → p90 in seconds; "": over all of them
    _loaded: dict[int, str] = field(default_factory=dict)  # number and mark of each chunk that is counted
    _cold: dict[Kind, list[ChunkInfo]] = field(default_factory=dict)
    _blocks: Blocks = field(default_factory=Blocks)
    _answers: Answers = field(default_factory=Answers)  # of ClickHouse
    _since: datetime | None = None
    _mirrored: object = None  # the state of the mirror that `entity_lookup` shows
    _curves: tuple[int, Curves | None] | None = None  # the newest ones, and the day they are of
    tracking: Tracking = field(default_factory=Tracking)
    items: Kept = field(default_factory=Kept)
    keyed: dict[Any, tuple[Table, Directory, Table]] = field(default_factory=dict)  # tables by the ids of reports
    _kept: tuple[object, dict[Any, Any]] = field(default_factory=lambda: (None, {}))
    _measures: tuple[object, dict[Any, Any]] = field(default_factory=lambda: (None, {}))
    _loads: int = 0  # how often something was taken in or forgotten
    _read: object = None  # what was there at the last refresh, and since when it was asked for
    _round: object = None
    _delayed: object = None  # the state of the delays that `delays` shows
    _sums_before: Sums | None = None  # of an earlier process, whose facts are yet to be held
    _sums_at: datetime | None = None  # when sums were last written down
    _written_extent: Extent = NOTHING_COUNTED  # how much that was

    def refresh(self, session: Session, now: datetime, since: datetime | None = None) -> None:
        """Load what was written since the last refresh, for everything after `since`.

        Raises ObservationsAway; until it succeeds, no query is answered.
        """
        try:
            self._refresh(session, now, since)
        except ObservationsAway as error:
            self._start_over()
            self.windows.refuse(error)
            raise

    def _refresh(self, session: Session, now: datetime, since: datetime | None) -> None:
        self._refresh_directory(session)
        self._refresh_delays(session)
        if self._blocks.torn or self.windows.refused is not None:
            self._start_over()
        since = min(since or now - HORIZON, self._since or now - HORIZON)
        if self._since is not None and self._since < now - 4 * HORIZON and since >= self._since:
            self._start_over()  # one long look back long ago is no reason to keep it all for ever
            since = now - HORIZON
        keys = [FeedKey(account=self.account, integration=self.integration, kind=kind) for kind in Kind]
        known = feeds.several(session, keys)
        self.coverage.clear()
        for kind, feed in known.items():
            if feed.since is not None and feed.as_of is not None:
                self.coverage[kind] = Coverage(feed.id, feed.since, feed.as_of)
        state = (since, self._loads, observations.state_of(session, [feed.id for feed in known.values()]))
        if state == self._read:
            return
        self.windows.are_read_since(read_since(session, known.get(Kind.CONVERSIONS)))
        kept = self.files.sums() if self.files is not None and self._since is None else None
        for _ in range(AGAIN):
            self._since = since if kept is None else min(since, datetime.fromtimestamp(kept.since, UTC))
            found = _found(session, known, self._since)
            if kept is not None and not self._go_on_with(kept, found, now):
                log.info("sums of an earlier process no longer match")
                self._since = since
                found = _found(session, known, since)
            kept = None
            if self._is_lost(found) or any(self._is_torn(info) for infos in found.values() for info in infos):
                self._start_over()  # before anything is loaded: it forgets the facts of every kind
            if all(self._load(session, kind, infos) for kind, infos in found.items()):
                break
            self._start_over()  # a chunk was replaced while it was to be read
        else:
            raise ReplacedMeanwhile("observations were merged repeatedly while they were read")
        self._sums_before = None
        self._read = (self._since, self._loads, state[2])

    def _go_on_with(self, kept: State, found: Mapping[Kind, Sequence[ChunkInfo]], now: datetime) -> bool:
        """Take over the counts of an earlier process, if the store still confirms all of them."""
        present = {info.id: info.mark for infos in found.values() for info in infos}
        replaced = {number for infos in found.values() for info in infos for number in info.replaces}
        fits = (
            kept.at <= edge(now)
            and set(kept.dimensions) == set(self.windows.dimensions)
            and all(present.get(number, mark) == mark for number, mark in kept.chunks.items())
            and kept.chunks.keys() <= present.keys() | replaced
            and sum(info.count for infos in found.values() for info in infos if info.count < MIN_FACTS_OF_A_FILE)
            <= self.most_facts
        )
        if not fits or not self.windows.subjects.go_on_with(kept.numbers):
            return False
        self._loaded = dict(kept.chunks)
        self._sums_at, self._written_extent = datetime.fromtimestamp(kept.at, UTC), kept.extent
        self.windows.first.update(kept.first)
        if kept.tracking is not None:
            self.tracking.go_on_with(kept.tracking, self.windows)
        self._sums_before = kept.sums
        return True

    def say_away(self) -> None:
        """Raise ObservationsAway if the last refresh did not find the rows."""
        away = self._answers.away or self.windows.refused
        if away is not None:
            raise ObservationsAway(str(away))

    def end_round(self) -> None:
        """Forget the shared results of one moment."""
        self._kept = None, {}
        self._measures = None, {}

    def keep_sums(self, now: datetime) -> None:
        """Write the counts to a file, so that the next process continues with them.

        Every KEPT_FOR, and earlier when there is much more by now: the first rounds of a process count a part each, and
        the conversions due in each quarter of an hour are counted again after midnight.
        """
        if self.files is None or self._since is None or not self._loaded:
            return
        if self._blocks.torn or any(self._cold.values()):
            return
        tracking = self.tracking.written()
        extent = Extent(self.windows.count_sums() + count_of(tracking), day_of(tracking))
        if not extent.is_much_more_than(self._written_extent):
            if self._are_young(self._sums_at, now):
                return
            written = self.files.sums_written_at()  # perhaps by another process
            if written is not None and self._are_young(moment := datetime.fromtimestamp(written, UTC), now):
                self._sums_at = moment
                return
        self._sums_at, self._written_extent = now, extent
        try:
            sums = self.windows.written(edge(now) - MAX_UNUSED_SECONDS)
        except NotAFile:  # the next look finds out
            return
        self.files.keep_sums(
            State(
                at=edge(now),
                since=edge(self._since),
                dimensions=tuple(self.windows.dimensions),
                chunks=self._loaded,
                numbers=self.windows.subjects.numbers(),
                first=self.windows.first,
                sums=sums,
                tracking=tracking,
            )
        )

    @staticmethod
    def _are_young(at: datetime | None, now: datetime) -> bool:
        """Return whether sums of a moment need not be written again; a clock that was set back makes none young."""
        return at is not None and at <= now < at + KEPT_FOR

    def reach_back(self, session: Session, now: datetime, start: datetime) -> None:
        """Load what happened since `start`, if it is not in memory yet."""
        if self._since is None or start < self._since:
            self.refresh(session, now, start)

    def refresh_for(self, round_: object, session: Session, now: datetime) -> None:
        """Refresh once for everything in one round; None: at every query."""
        if round_ is None or round_ is not self._round:
            self.refresh(session, now)
            self._round = round_

    def occurring(self, per: Per, start: int, end: int) -> Items:
        """Return the subjects with any traffic in [start, end), seen by then or not.

        The same object while they are the same.
        """
        counts = self.windows.counts(per, start, end)
        return self.items.roster(per).items(self.windows.subjects, counts > 0)

    def kept(self, moment: object) -> dict[Any, Any]:
        """Return what any rule computed at this moment already. Of one moment only."""
        state = (moment, self._loads)
        if self._kept[0] != state:
            self._kept = state, {}
        return self._kept[1]

    def measured(self, now: datetime) -> dict[Any, Any]:
        """Return what any rule measured at this moment already."""
        marks = tuple((kind, one.since, one.as_of) for kind, one in sorted(self.coverage.items()))
        state = (now, self._loads, marks, self.directory)
        if self._measures[0] != state:
            self._measures = state, {}
        return self._measures[1]

    def curves(self, now: datetime) -> Curves | None:
        """Return the conversion lag as learned at the last midnight UTC."""
        day = edge(now) // DAY * DAY
        if self._curves is None or self._curves[0] != day:
            self._curves = day, learn(self.windows.arrivals(day, day - LOOK_BACK), day)
        return self._curves[1]

    def totals(self, session: Session, kind: Source, metric: str, per: Per, edges: Edges) -> Ints:
        """Return the metric per subject number, over facts of one kind."""
        start = datetime.fromtimestamp(edges.start, UTC)
        if self._since is None or start < self._since:
            self.refresh(session, datetime.fromtimestamp(edges.known, UTC), start)
        totals = self.windows.totals(kind, metric, per, edges)
        stored = Kind.CONVERSIONS if kind == BY_CLICK else Kind(kind)
        for info in self._cold.get(stored, ()):
            ended = kind != BY_CLICK and info.first_event.timestamp() >= edges.end  # clicks come before conversions
            if info.last_event.timestamp() >= edges.start and not ended:
                aside = self._cold_chunk(session, info, stored)
                more = aside.once(kind, metric, per, edges)
                more[: len(totals)] += totals
                totals = more
        return totals

    def _cold_chunk(self, session: Session, info: ChunkInfo, kind: Kind) -> Windows:
        aside = Windows(self.windows.dimensions, self.windows.subjects)
        aside.load(kind, list(chunk_cache.unpacked(session, [info]).values()))
        return aside

    def _is_torn(self, info: ChunkInfo) -> bool:
        """Return whether only a part of what this chunk replaces is loaded, so that its facts cannot be separated.

        Sums of rows cannot continue either if sums of hours replace the rows.
        """
        if info.id in self._loaded:
            return self._loaded[info.id] != info.mark
        at_hand = self._loaded.keys() - {one.id for infos in self._cold.values() for one in infos}
        replaced = set(info.replaces)
        stored = self.files is not None or info.batch is not None
        if stored and info.level >= Level.HOURLY and replaced & self._loaded.keys():
            return True
        return bool(replaced & self._loaded.keys()) and not replaced <= at_hand

    def _is_lost(self, found: Mapping[Kind, Sequence[ChunkInfo]]) -> bool:
        """Return whether facts are loaded whose chunk and its replacement are both gone.

        It was deleted, or merged twice since the last refresh: nothing says which chunks have its facts now.
        """
        there = {number for infos in found.values() for info in infos for number in (info.id, *info.replaces)}
        return not self._loaded.keys() <= there

    def _load(self, session: Session, kind: Kind, infos: list[ChunkInfo]) -> bool:
        """Load new chunks of a kind. Returns False if a chunk could not be read any more."""
        fresh, moved = self._new(infos)
        self._forget_what_lacks(kind, fresh)
        present = {info.id for info in infos}
        self._cold[kind] = [info for info in self._cold.get(kind, ()) if info.id in present]
        if (moved or self._sums_before is not None) and (self.files is not None or _is_elsewhere(infos)):
            if not self._regroup(session, kind, infos):
                return False
            sources = {kind, BY_CLICK} if kind is Kind.CONVERSIONS else {kind}
            self.windows.go_on_with({key: one for key, one in (self._sums_before or {}).items() if key[0] in sources})
        here = self.store_elsewhere(session, kind, fresh)
        stored = self._in_files(session, kind, here)
        for source in {source for one in stored.values() for source in one}:
            self.windows.store(source, [one[source] for one in stored.values()])
        room = self.most_facts - self.windows.held()
        newest_first = sorted(here, key=lambda info: info.last_event, reverse=True)
        taken: list[ChunkInfo] = []
        for info in newest_first:
            if info.id in stored:
                continue
            if info.count <= room:
                room -= info.count
                taken.append(info)
            else:
                self._cold[kind].append(info)
                self.tracking.forget()  # whose clicks it could not find
        self._loaded |= {info.id: info.mark for info in fresh}
        batches = self._unpacked(session, kind, taken)
        if batches is not None:
            self.windows.load(kind, batches)
        return batches is not None

    def _forget_what_lacks(self, kind: Kind, fresh: Sequence[ChunkInfo]) -> None:
        """Discard what was learned at midnight if rows seen by then were written later."""
        if kind not in {Kind.CLICKS, Kind.CONVERSIONS} or not fresh:
            return
        seen = min(edge(info.first_seen) for info in fresh)
        self.tracking.forget_what_lacks(seen)
        if kind is Kind.CONVERSIONS and self._curves is not None and seen <= self._curves[0]:
            self._curves = None
            self.tracking.forget()

    def _new(self, infos: list[ChunkInfo]) -> tuple[list[ChunkInfo], bool]:
        """Return chunks with facts that are not loaded yet, and whether loaded facts have moved to another chunk."""
        fresh, moved = list[ChunkInfo](), False
        for info in infos:
            if info.id in self._loaded:
                continue
            self._loads += 1
            if info.replaces and self._loaded.keys() >= set(info.replaces):
                for replaced in info.replaces:
                    del self._loaded[replaced]
                self._loaded[info.id] = info.mark  # the same facts in another chunk
                moved = True
            else:
                fresh.append(info)
        return fresh, moved

    def _regroup(self, session: Session, kind: Kind, infos: list[ChunkInfo]) -> bool:
        """Group the loaded facts by the present chunks."""
        cold = {info.id for info in self._cold[kind]}
        at_hand = [info for info in infos if info.id in self._loaded and info.id not in cold]
        away = self._elsewhere(session, kind, [info for info in at_hand if info.batch is not None])
        here = [info for info in at_hand if info.batch is None]
        stored = self._in_files(session, kind, here)
        others = [info for info in here if info.id not in stored]
        if self._sums_before is not None and sum(info.count for info in others) > self.most_facts:
            return False
        batches = self._unpacked(session, kind, others)
        if batches is None:
            return False
        every: list[Mapping[Source, Stored]] = [*stored.values(), away]
        by_event = [one[kind] for one in every if kind in one]
        self.windows.regroup(kind, batches, by_event, [one[BY_CLICK] for one in every if BY_CLICK in one])
        return True

    def store_elsewhere(self, session: Session, kind: Kind, infos: Sequence[ChunkInfo]) -> Sequence[ChunkInfo]:
        """Let the windows query ClickHouse for those of these chunks that are there. Returns the others."""
        away = [info for info in infos if info.batch is not None]
        for source, segment in self._elsewhere(session, kind, away).items():
            self.windows.store(source, [segment])
        return [info for info in infos if info.batch is None]

    def _elsewhere(self, session: Session, kind: Kind, infos: Sequence[ChunkInfo]) -> dict[Source, ClickHouseSegment]:
        """Return the facts of these chunks, all of which are in ClickHouse.

        Raises ObservationsAway if one is missing.
        """
        if not infos:
            return {}
        rows, place = clickhouse_rows.needed(session), Place(self.account, self.integration, kind)
        rows.prove(place, [info for info in infos if info.batch not in self._answers.proven])
        self._answers.proven.update(info.batch for info in infos if info.batch is not None)
        self._answers.server = rows.server
        sources: tuple[Source, ...] = (kind, BY_CLICK) if kind is Kind.CONVERSIONS else (kind,)
        return {
            source: ClickHouseSegment(
                rows, place, infos, self.windows.subjects, self.windows.dimensions, self._answers, source == BY_CLICK
            )
            for source in sources
        }

    def _in_files(
        self, session: Session, kind: Kind, infos: Sequence[ChunkInfo]
    ) -> dict[int, dict[Source, StoredSegment]]:
        if self.files is None:
            return {}
        return self.files.segments(session, kind, infos, self.windows.subjects, self._blocks)

    def _unpacked(self, session: Session, kind: Kind, infos: list[ChunkInfo]) -> list[Batch] | None:
        """Return the facts of chunks that are kept in memory; None if one of them is gone."""
        batches, delays = list[Batch](), kind in {Kind.CONVERSIONS, Kind.POSTBACKS}
        for position in range(0, len(infos), AT_ONCE):
            part = infos[position : position + AT_ONCE]
            read = chunk_cache.unpacked(session, part)
            if len(read) < len(part):
                return None
            batches += [slim(batch, self.windows.dimensions, delays=delays) for batch in read.values()]
        return batches

    def _start_over(self) -> None:
        self.windows.clear()
        self.tracking.forget()
        self._curves = None
        self._loaded.clear()
        self._cold.clear()
        self._blocks.clear()
        self._answers.forget()
        self._loads += 1
        self._read = None
        self._sums_before = None

    def _refresh_directory(self, session: Session) -> None:
        state = entities.state_of(session, self.account, self.integration)
        if state == self._mirrored:
            return
        self._mirrored = state
        rows = entities.listed(session, self.account, self.integration, ("offer", "publisher", "advertiser"))
        self.directory = Directory.of(rows)
        if self.windows.subjects.learn_aliases(self.directory.aliases):
            self._start_over()

    def _refresh_delays(self, session: Session) -> None:
        state = entities.delays_state(session, self.account, self.integration)
        if state != self._delayed:
            self._delayed = state
            self.delays = {row.offer: row.p90 for row in entities.delays(session, self.account, self.integration)}


def _is_elsewhere(infos: Sequence[ChunkInfo]) -> bool:
    return any(info.batch is not None for info in infos)


def read_since(session: Session, conversions: Feed | None) -> int | None:
    """Return when the first of all conversions was seen, in seconds since 1970; None if there is none."""
    first = None if conversions is None else observations.first_seen(session, conversions.id)
    return None if first is None else edge(first)


def _found(session: Session, known: Mapping[Kind, Feed], since: datetime) -> dict[Kind, list[ChunkInfo]]:
    return {kind: observations.overlapping(session, [feed.id], since) for kind, feed in known.items()}


def edge(moment: datetime) -> int:
    """Round up to whole seconds: a row of 12:00:00 is before an edge at 12:00:00.5."""
    return int(np.ceil(moment.timestamp()))
