"""Store observations as chunks and read them back. Unpacked chunks are cached."""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from bridge.reports import changes, compression
from bridge.reports.batch import Batch
from bridge.reports.changes import Difference, KnownRows
from bridge.store import feeds, observations
from bridge.store.observations import Chunk, ChunkInfo, Level

CACHED_FACTS = 2_000_000  # about 150 MB: the trailing days of conversions of a large network
SECOND = timedelta(seconds=1)


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


class ChunkCache:
    """Chunks that were unpacked lately. They never change, so there is nothing to invalidate."""

    def __init__(self, facts: int = CACHED_FACTS) -> None:
        self._limit = facts
        self._held = 0
        self._batches: OrderedDict[int, Batch] = OrderedDict()

    def get(self, session: Session, infos: Sequence[ChunkInfo]) -> list[Batch]:
        """The facts of these chunks, in their order; more than fits are read but not kept."""
        missing = [info.id for info in infos if info.id not in self._batches]
        read = {chunk_id: compression.unpack(data) for chunk_id, data in observations.columns(session, missing).items()}
        found = []
        for info in infos:
            batch = read[info.id] if info.id in read else self._batches.get(info.id)
            if batch is not None:
                self._keep(info.id, batch)
                found.append(batch)
        return found

    def _keep(self, chunk_id: int, batch: Batch) -> None:
        if chunk_id not in self._batches:
            self._held += len(batch)
        self._batches[chunk_id] = batch
        self._batches.move_to_end(chunk_id)
        while self._held > self._limit and len(self._batches) > 1:
            _, gone = self._batches.popitem(last=False)
            self._held -= len(gone)


def add(session: Session, feed_id: int, facts: Batch, level: Level = Level.ROWS, replaces: Iterable[int] = ()) -> None:
    """Put facts down as one chunk of a feed."""
    if not len(facts):
        return
    columns = compression.pack(facts)
    session.add(
        Chunk(
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
    )
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
    """Add what is new or different in a reading. Within the unit of work nobody else writes to this feed.

    That makes reading the same page twice, in one process or in two at once, harmless. `seen`, `lacks` and
    `brought_by` as in `changes.difference`.
    """
    if not len(read):
        return changes.NO_DIFFERENCE
    feeds.lock(session, feed_id)
    start, end = moment(int(read.event.min())), moment(int(read.event.max())) + SECOND
    before = known_rows(session, cache, feed_id, start, end)
    found = changes.difference(before, read, seen, lacks=lacks, brought_by=brought_by)
    add(session, feed_id, found.facts)
    return found


def known_rows(session: Session, cache: ChunkCache, feed_id: int, start: datetime, end: datetime) -> KnownRows:
    """The rows of a time range as they are known now. Older time ranges that were summed up have no rows any more."""
    infos = [info for info in observations.overlapping(session, [feed_id], start, end) if info.level < Level.HOURLY]
    return KnownRows.of(cache.get(session, infos))


def rows_between(
    session: Session, feed_ids: Sequence[int], start: datetime | None, end: datetime | None, *, at_once: int = 8
) -> Iterator[tuple[ChunkInfo, Batch]]:
    """All facts that may lie in [start, end), a few chunks at a time: in constant memory."""
    infos = observations.overlapping(session, feed_ids, start, end)
    for position in range(0, len(infos), at_once):
        part = infos[position : position + at_once]
        data = observations.columns(session, [info.id for info in part])
        for info in part:
            if info.id in data:
                yield info, compression.unpack(data[info.id])
