"""Import report rows from a CSV file, in constant memory: for history beyond what paging can read.

A row is the same row whichever way it comes: what polling has read already, or an earlier import, counts once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.reports import chunk_cache, report_csv, report_rows, row_identity
from bridge.reports.chunk_cache import ChunkCache, moment
from bridge.reports.fact_batch import Batch, Status
from bridge.reports.report_csv import Lines, ReportFile, with_seen_checked
from bridge.store import feeds, observations
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations import Level
from bridge.store.report_imports import ReportImport

FAR = 10**12  # seconds; later than any row
AT_ONCE = 20_000  # rows per unit of work: one chunk
MAX_REFUSALS_TOLD = 10  # sentences about refused rows
HOUR = 3600

TimeRange = tuple[datetime, datetime]


class ImportName(NamedTuple):
    """The name of an import, and who makes it."""

    name: str = "import"
    file: str = ""
    by: str = "unknown"


@dataclass(frozen=True, slots=True)
class Imported:
    """The result of an import.

    `refused` holds the first sentences about rows that could not be read, `refused_rows` counts them all. `summed`
    counts rows in hours that only have sums, so that nobody can say whether a row is in them: they are left out.
    `apart` is set when time between the file and the feed's data is missing: (the file's time range, the feed's time
    range), each as (begin, end). `notes` say how the file was interpreted.
    """

    id: int | None = None
    rows: int = 0
    new: int = 0
    changed: int = 0
    refused: tuple[str, ...] = ()
    refused_rows: int = 0
    summed: int = 0
    apart: tuple[TimeRange, TimeRange] | None = None
    notes: tuple[str, ...] = ()


def import_file(
    store: Store,
    key: FeedKey,
    path: Path,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    seen_column: str | None = None,
    name: ImportName | None = None,
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Import a CSV whose header has Integr8's column names. Safe to run again: known rows are not counted twice.

    `start` and `end`: the time that the file covers; by default from its first to its last row. The feed reaches
    further back only if the file was read to its end and adjoins the feed's data. `seen_column` names the column with
    the time when each row was seen.

    Raises CsvProblem for a file that is not a table of such rows; rows that were read before are kept, as an import
    that can be removed.
    """
    name = name or ImportName(path.stem, path.name)
    with path.open(newline="", encoding=report_csv.encoding(path)) as text:
        file = report_csv.of(text, key.kind, seen_column)
        checked = (one for part in _parts(file.lines) for one in with_seen_checked(part, key.kind, seen_column, now))
        return _import(store, key, replace(file, lines=checked), name, now=now, cover=(start, end), progress=progress)


def import_rows(
    store: Store,
    key: FeedKey,
    source: Iterable[Mapping[str, Any]],
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Import the same from rows that are read somewhere else."""
    lines = (Lines(number, row, None) for number, row in enumerate(source, start=1))
    return _import(store, key, ReportFile(lines), ImportName(), now=now, cover=(start, end), progress=progress)


@dataclass(slots=True)
class _Import:
    """One import while it runs."""

    store: Store
    key: FeedKey
    file: ReportFile
    now: datetime
    id: int
    cache: ChunkCache = field(default_factory=ChunkCache)
    total: Imported = field(default_factory=Imported)
    first: int = FAR
    last: int = -1

    def take(self, part: Sequence[Lines]) -> None:
        """Store a part of the file, in its own unit of work."""
        refused = [one.problem for one in part if isinstance(one.problem, str)]
        good = [one for one in part if one.problem is None]
        cells, lines = [one.cells for one in good], [one.line for one in good]
        seen = [int(self.now.timestamp()) if one.seen is None else one.seen for one in good]
        reading = report_rows.read(self.key.kind, cells, seen, lines=lines, more=report_rows.MORE_SPELLINGS)
        chunk_cache.fetch_ahead(self.store, self.cache, self.key, reading.batch)
        with self.store.read() as session:  # beforehand: nobody waits for ClickHouse meanwhile
            known = feeds.find(session, self.key)
            hours = {} if known is None else _summed_hours(session, known.id, reading.batch, {})
        with self.store.write() as session:
            feed = feeds.lock(session, feeds.ensure(session, self.key).id)
            hours = _summed_hours(session, feed.id, reading.batch, hours)
            read, summed = _countable(reading.batch, hours)
            found = chunk_cache.record(
                session, self.cache, feed.id, read, None, lacks=self.file.lacks, brought_by=str(self.id)
            )
            if len(read):
                self.first, self.last = min(self.first, int(read.event.min())), max(self.last, int(read.event.max()))
            wrong = [*refused, *reading.refused]
            before = self.total
            self.total = Imported(
                id=self.id,
                rows=before.rows + len(part),
                new=before.new + found.new,
                changed=before.changed + found.changed,
                refused=(*before.refused, *wrong)[:MAX_REFUSALS_TOLD],
                refused_rows=before.refused_rows + len(wrong),
                summed=before.summed + summed,
                notes=self.file.notes,
            )
            self._note(session)

    def _note(self, session: Session) -> ReportImport:
        row = session.get_one(ReportImport, self.id)
        total = self.total
        row.rows, row.new, row.changed, row.refused = total.rows, total.new, total.changed, total.refused_rows
        if self.last >= 0:
            row.first_event, row.last_event = moment(self.first), moment(self.last)
        return row

    def end(self, cover: tuple[datetime | None, datetime | None]) -> Imported:
        """Let the feed reach back over the file if nothing in between is missing."""
        with self.store.write() as session:
            row = self._note(session)
            row.ended_at = self.now
            if self.last < 0:
                return self.total
            feed = feeds.lock(session, row.feed_id)
            time_range = (cover[0] or moment(self.first), min(cover[1] or moment(self.last + 1), self.now))
            row.since_before, row.as_of_before = feed.since, feed.as_of
            covered = feeds.cover(session, feed, since=time_range[0], as_of=time_range[1], at=self.now)
            row.since_after, row.as_of_after = feed.since, feed.as_of
            assert feed.since is not None, "a feed that was never read is covered by any time range"
            assert feed.as_of is not None, "a feed has both marks or none"
            return self.total if covered else replace(self.total, apart=(time_range, (feed.since, feed.as_of)))


def _import(
    store: Store,
    key: FeedKey,
    file: ReportFile,
    name: ImportName,
    *,
    now: datetime,
    cover: tuple[datetime | None, datetime | None],
    progress: Callable[[Imported], None],
) -> Imported:
    with store.write() as session:
        feed = feeds.ensure(session, key)
        row = ReportImport(feed_id=feed.id, name=name.name, file=name.file, by=name.by, begun_at=now)
        session.add(row)
        session.flush()
        running = _Import(store, key, file, now, row.id)
    for part in _parts(file.lines):
        running.take(part)
        progress(running.total)
    return running.end(cover)


Hours = NDArray[np.int64]


def _summed_hours(session: Session, feed_id: int, read: Batch, known: Mapping[int, Hours]) -> dict[int, Hours]:
    """Return the hours near these rows that only have sums, by chunk; hours in `known` are not read."""
    if not len(read):
        return {}
    start, end = moment(int(read.event.min())), moment(int(read.event.max()) + HOUR)
    summed = [one for one in observations.overlapping(session, [feed_id], start, end) if one.level == Level.HOURLY]
    found = chunk_cache.unpacked(session, [one for one in summed if one.id not in known])
    fresh = {number: np.unique(batch.event // HOUR) for number, batch in found.items()}
    return fresh | {one.id: known[one.id] for one in summed if one.id in known}


def _countable(read: Batch, hours: Mapping[int, Hours]) -> tuple[Batch, int]:
    """Return the rows outside hours that only have sums, and the number of the others."""
    if not hours:
        return read, 0
    kept = np.flatnonzero(~np.isin(read.event // HOUR, np.concatenate(list(hours.values()))))
    return read.take(kept), len(read) - len(kept)


def _parts(source: Iterator[Lines]) -> Iterator[list[Lines]]:
    while part := list(islice(source, AT_ONCE)):
        yield part


@dataclass(frozen=True, slots=True)
class Preview:
    """A preview of a file: its first rows, and everything that would be refused."""

    columns: tuple[str, ...]
    first: tuple[Mapping[str, Any], ...]
    rows: int
    refused: tuple[str, ...]
    refused_rows: int
    notes: tuple[str, ...]


def preview(path: Path, kind: Kind, seen_column: str | None = None, *, now: datetime, show: int = 5) -> Preview:
    """Read a whole file without writing anything. Raises CsvProblem."""
    first: list[Mapping[str, Any]] = []
    refused: list[str] = []
    count = wrong = 0
    with path.open(newline="", encoding=report_csv.encoding(path)) as text:
        file = report_csv.of(text, kind, seen_column)
        for lines in _parts(file.lines):
            part = with_seen_checked(lines, kind, seen_column, now)
            good = [one for one in part if one.problem is None]
            bad = [one.problem for one in part if isinstance(one.problem, str)]
            reading = report_rows.read(
                kind, [one.cells for one in good], [0] * len(good), lines=[one.line for one in good]
            )
            first += shown(reading.batch, show - len(first))
            refused = [*refused, *bad, *reading.refused][:MAX_REFUSALS_TOLD]
            count, wrong = count + len(part), wrong + len(bad) + len(reading.refused)
    columns = tuple(first[0]) if first else ()
    return Preview(columns, tuple(first), count, tuple(refused), wrong, file.notes)


def shown(batch: Batch, count: int) -> list[dict[str, Any]]:
    """Return the first facts of a batch for people."""
    batch = batch.take(np.arange(min(max(count, 0), len(batch))))
    ids = row_identity.unpack(batch.high, batch.low, batch.column("tx").texts())
    labels = {name: batch.column(name).texts() for name in ("offer", "publisher", "country", "event", "currency")}
    return [
        {
            "id": ids[row],
            "time": moment(int(batch.event[row])),
            **{name: texts[row] for name, texts in labels.items()},
            "status": Status(int(batch.status[row])).name.lower(),
            "payout": Decimal(int(batch.payout[row])) / report_rows.MICRO,
            "revenue": Decimal(int(batch.revenue[row])) / report_rows.MICRO,
            "minutes_after_click": int(batch.delay[row]) // 60 if batch.delay[row] >= 0 else None,
        }
        for row in range(len(batch))
    ]
