"""Store observations as chunks and read them back. Unpacked chunks are cached."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from types import MappingProxyType

from sqlalchemy.orm import Session

from bridge.reports import clickhouse_rows, compression, row_changes
from bridge.reports.clickhouse_rows import Place, Written
from bridge.reports.fact_batch import Batch
from bridge.reports.row_changes import Difference, KnownRows
from bridge.store import feeds, observations
from bridge.store.engine import Store
from bridge.store.feeds import Feed, FeedKey, Kind
from bridge.store.observations import Chunk, ChunkBatch, ChunkInfo, Level
from bridge.store.observations_away import WHERE_ROWS_ARE

CACHED_FACTS = 2_000_000  # about 150 MB: the trailing days of conversions of a large network
SECOND = timedelta(seconds=1)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class ChunkCache:
    """Recently unpacked chunks. They never change, so nothing is invalidated.

    Of chunks in ClickHouse only a time range is read, and kept for the unit of work that was announced with
    `fetch_ahead`.
    """

    def __init__(self, facts: int = CACHED_FACTS) -> None:
        self._limit = facts
        self._held = 0
        self._batches: OrderedDict[int, Batch] = OrderedDict()
        self._ahead: dict[tuple[int, datetime, datetime], dict[int, Batch]] = {}  # feed and time range → by chunk

    def get(self, session: Session, infos: Sequence[ChunkInfo]) -> list[Batch]:
        """Return the facts of these chunks, in their order; facts beyond the cache's size are read but not kept."""
        missing = [info for info in infos if info.id not in self._batches]
        read = unpacked(session, missing)
        found = []
        for info in infos:
            batch = read[info.id] if info.id in read else self._batches.get(info.id)
            if batch is not None:
                self._keep(info.id, batch)
                found.append(batch)
        return found

    def between(
        self, session: Session, feed_id: int, infos: Sequence[ChunkInfo], start: datetime, end: datetime
    ) -> list[Batch]:
        """Return the same; of chunks in ClickHouse only the facts of a time range."""
        here = [info for info in infos if info.batch is None]
        there = [info for info in infos if info.batch is not None]
        if not there:
            return self.get(session, here)
        ahead = self._ahead.pop((feed_id, start, end), {})
        found = {info.id: ahead[info.id] for info in there if info.id in ahead}
        found |= _elsewhere(session, [info for info in there if info.id not in found], (start, end))
        found |= dict(zip([info.id for info in here], self.get(session, here), strict=True))
        return [found[info.id] for info in infos]

    def keep_ahead(self, feed_id: int, start: datetime, end: datetime, found: dict[int, Batch]) -> None:
        """Keep the facts for the next unit of work."""
        self._ahead = {(feed_id, start, end): found}

    def _keep(self, chunk_id: int, batch: Batch) -> None:
        if chunk_id not in self._batches:
            self._held += len(batch)
        self._batches[chunk_id] = batch
        self._batches.move_to_end(chunk_id)
        while self._held > self._limit and len(self._batches) > 1:
            _, gone = self._batches.popitem(last=False)
            self._held -= len(gone)


def unpacked(session: Session, infos: Sequence[ChunkInfo]) -> dict[int, Batch]:
    """Return the facts of chunks from any place; a chunk that was replaced meanwhile is left out.

    Raises ObservationsAway.
    """
    here = observations.columns(session, [info.id for info in infos if info.batch is None])
    found = {chunk_id: compression.unpack(data) for chunk_id, data in here.items()}
    return found | _elsewhere(session, [info for info in infos if info.batch is not None])


def _elsewhere(
    session: Session, infos: Sequence[ChunkInfo], between: tuple[datetime, datetime] | None = None
) -> dict[int, Batch]:
    """Return the facts of chunks in ClickHouse."""
    found: dict[int, Batch] = {}
    edges = (None, None) if between is None else tuple(int(one.timestamp()) for one in between)
    for feed_id in {info.feed_id for info in infos}:
        place = place_of(session.get_one(Feed, feed_id))
        of_feed = [info for info in infos if info.feed_id == feed_id]
        found |= clickhouse_rows.needed(session).facts(place, of_feed, *edges)
    return found


def place_of(feed: Feed) -> Place:
    return Place(feed.account, feed.integration, Kind(feed.kind))


def fetch_ahead(store: Store, cache: ChunkCache, key: FeedKey, read: Batch) -> None:
    """Read the rows in ClickHouse before the unit of work that records these rows, because it must not wait."""
    if WHERE_ROWS_ARE not in store.info or not len(read):
        return
    with store.read() as session:
        feed = feeds.find(session, key)
        if feed is None:
            return
        start, end = _span(read)
        there = [info for info in _rows_of(session, feed.id, start, end) if info.batch is not None]
        cache.keep_ahead(feed.id, start, end, _elsewhere(session, there, (start, end)))


def _span(read: Batch) -> tuple[datetime, datetime]:
    return moment(int(read.event.min())), moment(int(read.event.max())) + SECOND


def _rows_of(session: Session, feed_id: int, start: datetime, end: datetime) -> list[ChunkInfo]:
    return [info for info in observations.overlapping(session, [feed_id], start, end) if info.level < Level.HOURLY]


def add(
    session: Session,
    feed_id: int,
    facts: Batch,
    level: Level = Level.ROWS,
    replaces: Iterable[int] = (),
    *,
    written: Written | None = None,
) -> None:
    """Store facts as one chunk of a feed. `written`: the batch in ClickHouse that has them already."""
    if not len(facts):
        return
    columns = compression.pack(facts) if written is None else b""
    chunk = Chunk(
        feed_id=feed_id,
        level=int(level),
        count=len(facts),
        first_event=moment(int(facts.event.min())),
        last_event=moment(int(facts.event.max())),
        first_seen=moment(int(facts.seen.min())),
        last_seen=moment(int(facts.seen.max())),
        replaces=list(replaces),
        size=len(columns),
        columns=columns,
    )
    session.add(chunk)
    session.flush()
    if written is not None:
        session.add(ChunkBatch(chunk_id=chunk.id, batch=written.batch, about=written.about))
        session.flush()


def record(
    session: Session,
    cache: ChunkCache,
    feed_id: int,
    read: Batch,
    seen: datetime | None,
    *,
    lacks: Collection[str] = (),
    brought_by: str = "",
) -> Difference:
    """Store the new or changed rows of a poll. Within the unit of work nobody else writes to this feed.

    So it is harmless to read the same page twice, in one process or in two at once. `seen`, `lacks` and `brought_by` as
    in `row_changes.difference`.
    """
    if not len(read):
        return row_changes.NO_DIFFERENCE
    feeds.lock(session, feed_id)
    start, end = _span(read)
    before = known_rows(session, cache, feed_id, start, end)
    found = row_changes.difference(before, read, seen, lacks=lacks, brought_by=brought_by)
    add(session, feed_id, found.facts)
    return found


def known_rows(session: Session, cache: ChunkCache, feed_id: int, start: datetime, end: datetime) -> KnownRows:
    """Return the rows of a time range as known now. Older time ranges that were summed have no rows any more."""
    return KnownRows.of(cache.between(session, feed_id, _rows_of(session, feed_id, start, end), start, end))


def rows_between(
    session: Session,
    feed_ids: Sequence[int],
    start: datetime | None,
    end: datetime | None,
    *,
    at_once: int = 8,
    read: Mapping[int, Batch] = MappingProxyType({}),
) -> Iterator[tuple[ChunkInfo, Batch]]:
    """Yield all facts that may be in [start, end), a few chunks at a time, in constant memory.

    `read`: facts of chunks that were read already. Raises ObservationsAway.
    """
    infos = observations.overlapping(session, feed_ids, start, end)
    for position in range(0, len(infos), at_once):
        part = infos[position : position + at_once]
        found = {info.id: read[info.id] for info in part if info.id in read}
        found |= unpacked(session, [info for info in part if info.id not in read])
        for info in part:
            if info.id in found:
                yield info, found[info.id]
