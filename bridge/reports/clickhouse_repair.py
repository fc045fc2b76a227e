"""Batches of rows that ClickHouse has lost: find them, and make their time range one that was never read.

While a chunk names rows that are not there, nothing that needs them is decided. A repair takes such chunks away, with
every other fact of their time range, since a fact may correct one that is lost. Then the feed counts as complete from
the end of that range on, and the range before is read from Integr8 anew, as any earlier time is. Until that is done a
window which reaches back that far is no_decision, so no rule ever counts with rows missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bridge.reports import chunk_cache, clickhouse_moves
from bridge.reports.clickhouse_rows import ClickHouseRows
from bridge.reports.fact_batch import Batch
from bridge.store import feeds, observations
from bridge.store.engine import Store
from bridge.store.feeds import Feed
from bridge.store.observations import ChunkInfo

SECOND = timedelta(seconds=1)  # event times are whole seconds


@dataclass(frozen=True, slots=True)
class Lost:
    """The losses of one feed: chunks of which ClickHouse lacks rows, or has more than were written."""

    feed: Feed
    chunks: tuple[ChunkInfo, ...]
    rows: int  # that are missing
    all_there_were: bool  # no batch of the feed is whole

    @property
    def start(self) -> datetime:
        return min(one.first_event for one in self.chunks)

    @property
    def end(self) -> datetime:
        """The first moment after the range."""
        return max(one.last_event for one in self.chunks) + SECOND


def find(store: Store, rows: ClickHouseRows) -> list[Lost]:
    """Return the feeds that have lost batches. Raises ObservationsAway if ClickHouse does not answer."""
    with store.read() as session:
        every = [(feed, _there(observations.overlapping(session, [feed.id]))) for feed in feeds.everything(session)]
    found = []
    for feed, infos in every:
        if not infos:
            continue
        counts = rows.counts(chunk_cache.place_of(feed), [one.batch for one in infos if one.batch is not None])
        lost = tuple(one for one in infos if counts.get(one.batch or 0, 0) != one.count)
        if lost:
            missing = sum(max(one.count - counts.get(one.batch or 0, 0), 0) for one in lost)
            found.append(Lost(feed, lost, missing, all_there_were=len(lost) == len(infos)))
    return found


def _there(infos: Sequence[ChunkInfo]) -> list[ChunkInfo]:
    return [one for one in infos if one.batch is not None]


def forget(store: Store, rows: ClickHouseRows, lost: Lost, now: datetime) -> datetime | None:
    """Remove the lost chunks and what else is known of their time range; returns from when the feed is complete.

    If it is interrupted, it starts again: the lost chunks go last, in one transaction with the mark of the feed. Raises
    ObservationsAway.
    """
    ranges = [(one.first_event, one.last_event + SECOND) for one in lost.chunks]
    gone = {one.id for one in lost.chunks}

    def outside(facts: Batch) -> Batch:
        return facts.take(np.flatnonzero(~_within(facts, ranges)))

    while others := _others(store, lost.feed, ranges, gone):
        for info in others:
            to = None if info.batch is None else rows
            clickhouse_moves.replace(store, lost.feed, [info], info.level, now, to=to, make=outside)
            gone.add(info.id)
    with store.write() as session:
        feed = feeds.lock(session, lost.feed.id)
        observations.remove(session, [one.id for one in lost.chunks], now)
        if feed.since is not None:
            feed.since = max(feed.since, min(lost.end, feed.as_of or lost.end))
        return feed.since


def _within(facts: Batch, ranges: Sequence[tuple[datetime, datetime]]) -> NDArray[np.bool_]:
    found = np.zeros(len(facts), dtype=np.bool_)
    for start, end in ranges:
        found |= (facts.event >= int(start.timestamp())) & (facts.event < int(end.timestamp()))
    return found


def _others(store: Store, feed: Feed, ranges: Sequence[tuple[datetime, datetime]], done: set[int]) -> list[ChunkInfo]:
    """Return chunks that may hold facts of these ranges, and have not been examined."""
    with store.read() as session:
        found = {
            one.id: one for start, end in ranges for one in observations.overlapping(session, [feed.id], start, end)
        }
    return [one for one in found.values() if one.id not in done]
