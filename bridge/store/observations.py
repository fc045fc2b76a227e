"""Observations: facts about rows of Integr8's reports, kept as compressed columns, many to a database row.

A chunk is never changed. Compaction replaces several by one in a single transaction and says which
(`replaces`), so that a process that has loaded the old ones knows that it has the new one too.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, delete, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime


class Level(IntEnum):
    """How much detail a chunk has left."""

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
    columns: Mapped[bytes] = mapped_column(LargeBinary, deferred=True)


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

    @property
    def mark(self) -> str:
        """Tells this chunk from any other, also from one that took its number after an older copy was put back."""
        times = (self.first_event, self.last_event, self.first_seen, self.last_seen)
        parts = (self.id, self.feed_id, int(self.level), self.count, self.size)
        return " ".join([*map(str, parts), *(str(int(time.timestamp())) for time in times)])


def overlapping(
    session: Session, feed_ids: Iterable[int], start: datetime | None = None, end: datetime | None = None
) -> list[ChunkInfo]:
    """Chunks that may hold facts with an event time in [start, end), in the order they were written."""
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
)


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
    )


def state_of(session: Session, feed_ids: Iterable[int]) -> tuple[int, int]:
    """Differs whenever a chunk of these feeds was added or removed."""
    query = select(func.count(), func.coalesce(func.max(Chunk.id), 0)).where(Chunk.feed_id.in_(list(feed_ids)))
    count, newest = session.execute(query).one()
    return int(count), int(newest)


def ids(session: Session) -> set[int]:
    """Of all chunks that there are."""
    return set(session.scalars(select(Chunk.id)))


def columns(session: Session, chunk_ids: Iterable[int]) -> dict[int, bytes]:
    """The packed columns of some chunks; one that was replaced meanwhile is left out."""
    found = session.execute(select(Chunk.id, Chunk.columns).where(Chunk.id.in_(list(chunk_ids))))
    return {row.id: row.columns for row in found}


def remove(session: Session, chunk_ids: Sequence[int]) -> None:
    session.execute(delete(Chunk).where(Chunk.id.in_(chunk_ids)).execution_options(synchronize_session=False))


@dataclass(frozen=True, slots=True)
class Volume:
    """What one feed takes up."""

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
