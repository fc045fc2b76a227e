"""Observations: facts about rows of Integr8's reports, kept as compressed columns, many to a database row.

The columns of a chunk lie in its row, or as rows of one batch in ClickHouse. The row says which, so that it alone
decides what is counted. A chunk is never changed. Compaction replaces several by one in a single transaction and says
which (`replaces`), so that a process that has loaded the old ones knows that it has the new one too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime

MAX_BATCHES = 1_000  # that are removed in ClickHouse by one statement


class Level(IntEnum):
    """The level of detail in a chunk."""

    ROWS = 0  # as they were read
    MERGED = 1  # the same facts, many readings in one chunk
    HOURLY = 2  # sums per hour and dimensions; single rows can no longer be told apart


class Chunk(Base):
    __tablename__ = "observation_chunks"
    __table_args__ = (Index("ix_observation_chunks_feed_id_last_event", "feed_id", "last_event"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    feed_id: Mapped[int] = mapped_column(ForeignKey("feeds.id", ondelete="CASCADE"))
    level: Mapped[int]
    count: Mapped[int]  # facts inside
    first_event: Mapped[datetime] = mapped_column(UtcDateTime)
    last_event: Mapped[datetime] = mapped_column(UtcDateTime)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    replaces: Mapped[list[int]] = mapped_column(Json, default=list)
    size: Mapped[int]  # bytes of `columns`
    columns: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)  # empty where a batch has them


class ChunkBatch(Base):
    """The place of a chunk's rows in ClickHouse. A separate table, because rows with `columns` are slow to read."""

    __tablename__ = "chunk_batches"

    chunk_id: Mapped[int] = mapped_column(ForeignKey("observation_chunks.id", ondelete="CASCADE"), primary_key=True)
    batch: Mapped[int] = mapped_column(BigInteger, unique=True)
    about: Mapped[dict[str, Any]] = mapped_column(Json)  # what it holds; see bridge.reports.clickhouse_rows


class UnusedBatch(Base):
    """A batch of rows in ClickHouse that no chunk names, or not yet: it is removed there after a while."""

    __tablename__ = "unused_batches"

    batch: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


@dataclass(frozen=True, slots=True)
class ChunkInfo:
    """A chunk without its columns."""

    id: int
    feed_id: int
    level: Level
    count: int
    first_event: datetime
    last_event: datetime
    first_seen: datetime
    last_seen: datetime
    replaces: tuple[int, ...]
    size: int
    batch: int | None = None  # of rows in ClickHouse; None: the columns lie in the database
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def mark(self) -> str:
        """A mark that distinguishes this chunk from any other, even one that reused its number after a restore."""
        times = (self.first_event, self.last_event, self.first_seen, self.last_seen)
        parts = (self.id, self.feed_id, int(self.level), self.count, self.size)
        batch = () if self.batch is None else (str(self.batch),)
        return " ".join([*map(str, parts), *(str(int(time.timestamp())) for time in times), *batch])


def overlapping(
    session: Session, feed_ids: Iterable[int], start: datetime | None = None, end: datetime | None = None
) -> list[ChunkInfo]:
    """Return chunks that may hold facts with an event time in [start, end), in the order they were written."""
    query = _INFO.where(Chunk.feed_id.in_(list(feed_ids)))
    if start is not None:
        query = query.where(Chunk.last_event >= start)
    if end is not None:
        query = query.where(Chunk.first_event < end)
    return [_info(row) for row in session.execute(query.order_by(Chunk.last_seen, Chunk.id))]


def info(session: Session, chunk_id: int) -> ChunkInfo | None:
    row = session.execute(_INFO.where(Chunk.id == chunk_id)).one_or_none()
    return None if row is None else _info(row)


_INFO = select(
    Chunk.id,
    Chunk.feed_id,
    Chunk.level,
    Chunk.count.label("facts"),
    Chunk.first_event,
    Chunk.last_event,
    Chunk.first_seen,
    Chunk.last_seen,
    Chunk.replaces,
    Chunk.size,
    ChunkBatch.batch,
    ChunkBatch.about,
).outerjoin(ChunkBatch, ChunkBatch.chunk_id == Chunk.id)


def _info(row: Any) -> ChunkInfo:
    return ChunkInfo(
        row.id,
        row.feed_id,
        Level(row.level),
        row.facts,
        row.first_event,
        row.last_event,
        row.first_seen,
        row.last_seen,
        tuple(row.replaces),
        row.size,
        row.batch,
        row.about or {},
    )


def state_of(session: Session, feed_ids: Iterable[int]) -> tuple[int, int]:
    """Return a value that changes when a chunk of these feeds is added or removed."""
    query = select(func.count(), func.coalesce(func.max(Chunk.id), 0)).where(Chunk.feed_id.in_(list(feed_ids)))
    count, newest = session.execute(query).one()
    return int(count), int(newest)


def first_seen(session: Session, feed_id: int) -> datetime | None:
    """Return when the first of all stored facts of a feed was seen."""
    found: datetime | None = session.scalar(select(func.min(Chunk.first_seen)).where(Chunk.feed_id == feed_id))
    return found


def ids(session: Session) -> set[int]:
    """Return the ids of all existing chunks."""
    return set(session.scalars(select(Chunk.id)))


def columns(session: Session, chunk_ids: Iterable[int]) -> dict[int, bytes]:
    """Return the packed columns of some chunks; one that was replaced meanwhile, or is in ClickHouse, is left out."""
    found = session.execute(select(Chunk.id, Chunk.columns).where(Chunk.id.in_(list(chunk_ids))))
    return {row.id: row.columns for row in found if row.columns}


def several(session: Session, chunk_ids: Iterable[int]) -> list[ChunkInfo]:
    """Return these chunks, without those that were replaced meanwhile, in the given order."""
    wanted = list(chunk_ids)
    found = {row.id: _info(row) for row in session.execute(_INFO.where(Chunk.id.in_(wanted)))}
    return [found[one] for one in wanted if one in found]


def remove(session: Session, chunk_ids: Sequence[int], now: datetime) -> None:
    """Remove chunks. Their batches in ClickHouse are unused from now on."""
    batches = session.scalars(select(ChunkBatch.batch).where(ChunkBatch.chunk_id.in_(chunk_ids))).all()
    session.add_all(UnusedBatch(batch=batch, since=now) for batch in batches)
    session.execute(delete(ChunkBatch).where(ChunkBatch.chunk_id.in_(chunk_ids)))
    session.execute(delete(Chunk).where(Chunk.id.in_(chunk_ids)).execution_options(synchronize_session=False))


def begin_batch(session: Session, batch: int, now: datetime) -> None:
    """Record that rows are about to be written under this number, so that an interrupted write is found again."""
    session.add(UnusedBatch(batch=batch, since=now))


def use_batch(session: Session, batch: int) -> bool:
    """Note that a chunk names the batch.

    Returns False if the batch was given up meanwhile, so that its rows may be gone.
    """
    done = session.execute(delete(UnusedBatch).where(UnusedBatch.batch == batch))
    return bool(done.rowcount == 1)  # type: ignore[attr-defined]


def unused_batches(session: Session, before: datetime) -> list[int]:
    """Return batches that were unused since then."""
    return list(session.scalars(select(UnusedBatch.batch).where(UnusedBatch.since < before).limit(MAX_BATCHES)))


def forget_batches(session: Session, batches: Sequence[int]) -> None:
    """Forget batches whose rows are gone."""
    session.execute(delete(UnusedBatch).where(UnusedBatch.batch.in_(batches)))


@dataclass(frozen=True, slots=True)
class Place:
    """The numbers of chunks and facts in the database and in ClickHouse."""

    in_clickhouse: bool
    chunks: int
    facts: int


def places(session: Session) -> list[Place]:
    """Return the places of the observations, if there are any."""
    there = ChunkBatch.batch.is_not(None)
    query = select(there, func.count(), func.sum(Chunk.count)).select_from(Chunk)
    query = query.outerjoin(ChunkBatch, ChunkBatch.chunk_id == Chunk.id)
    rows = session.execute(query.group_by(there).order_by(there))
    return [Place(bool(found), int(chunks), int(facts)) for found, chunks, facts in rows]


def some_in_clickhouse(session: Session) -> bool:
    return session.scalar(select(ChunkBatch.chunk_id).limit(1)) is not None


@dataclass(frozen=True, slots=True)
class Volume:
    """The size of one feed."""

    feed_id: int
    level: Level
    chunks: int
    facts: int
    size: int


def volumes(session: Session) -> list[Volume]:
    found = session.execute(
        select(Chunk.feed_id, Chunk.level, func.count(), func.sum(Chunk.count), func.sum(Chunk.size))
        .group_by(Chunk.feed_id, Chunk.level)
        .order_by(Chunk.feed_id, Chunk.level)
    )
    return [
        Volume(feed_id, Level(level), int(chunks), int(facts), int(size))
        for feed_id, level, chunks, facts, size in found
    ]
