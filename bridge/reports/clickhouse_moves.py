"""Move observations into ClickHouse and back, and remove unused rows there.

Each step is: write the rows under a new number, make sure that they are there, then let the row of a chunk name them,
in one transaction that also takes away what it replaces. Where that breaks off, the number stands among the unused
ones, and its rows are removed a day later. So no row is lost or counted twice, whoever is killed, and two may move at
the same time.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bridge.reports import chunk_cache, clickhouse_rows
from bridge.reports.clickhouse_rows import ClickHouseRows, Written
from bridge.reports.fact_batch import Batch, join
from bridge.store import feeds, observations
from bridge.store.engine import Store
from bridge.store.feeds import Feed
from bridge.store.observations import ChunkBatch, ChunkInfo, Level
from bridge.store.observations_away import ObservationsAway

UNUSED_FOR = timedelta(days=1)  # a process may still ask for a batch that was replaced since it looked last


@dataclass(frozen=True, slots=True)
class Moved:
    """The progress of a move: facts that are at the destination, of all facts."""

    facts: int
    of: int


def replace(
    store: Store,
    feed: Feed,
    part: Sequence[ChunkInfo],
    level: Level,
    now: datetime,
    *,
    to: ClickHouseRows | None,
    make: Callable[[Batch], Batch] = lambda facts: facts,
) -> int:
    """Replace several chunks by one, in ClickHouse or (`to` None) in the database; returns how many were replaced.

    It replaces nothing if one of them has been replaced meanwhile. Raises ObservationsAway.
    """
    with store.read() as session:
        found = chunk_cache.unpacked(session, part)
    if len(found) != len(part):
        return 0
    made = make(join([found[info.id] for info in part]))
    written = None if to is None or not len(made) else _written(store, to, feed, made, now)
    with store.write() as session:
        feeds.lock(session, feed.id)
        if [info.mark for info in observations.several(session, [one.id for one in part])] != [
            one.mark for one in part
        ]:
            return 0
        if written is not None and not observations.use_batch(session, written.batch):
            raise ObservationsAway("writing to ClickHouse took too long")
        chunk_cache.add(session, feed.id, made, level, [info.id for info in part], written=written)
        # Afterwards, so that none of their numbers is given again.
        observations.remove(session, [info.id for info in part], now)
    return len(part)


def _written(store: Store, rows: ClickHouseRows, feed: Feed, facts: Batch, now: datetime) -> Written:
    batch = clickhouse_rows.new_number()
    with store.write() as session:
        observations.begin_batch(session, batch, now)
    return rows.write(chunk_cache.place_of(feed), batch, facts)


def move(
    store: Store,
    now: datetime,
    *,
    to: ClickHouseRows | None,
    progress: Callable[[Moved], None] = lambda _: None,
) -> Moved:
    """Move all chunks that are not there yet; `to` None: into the database. An interrupted move continues.

    Chunks that are replaced meanwhile are left to the next call. Raises ObservationsAway.
    """
    with store.read() as session:
        every = list(feeds.everything(session))
        waiting = [(feed, _elsewhere(observations.overlapping(session, [feed.id]), to)) for feed in every]
        facts = sum(place.facts for place in observations.places(session))
    done = facts - sum(info.count for _, infos in waiting for info in infos)
    progress(Moved(done, facts))
    for feed, infos in waiting:
        for info in infos:
            if replace(store, feed, [info], info.level, now, to=to):
                done += info.count
                progress(Moved(done, facts))
    return Moved(done, facts)


def _elsewhere(infos: Sequence[ChunkInfo], to: ClickHouseRows | None) -> list[ChunkInfo]:
    return [info for info in infos if (info.batch is None) == (to is not None)]


def sweep(store: Store, rows: ClickHouseRows, now: datetime) -> int:
    """Remove the rows of batches that were unused for a day; returns how many batches. Raises ObservationsAway."""
    with store.write() as session:  # first, so that no chunk can name them any more
        batches = observations.unused_batches(session, now - UNUSED_FOR)
        observations.forget_batches(session, batches)
    try:
        rows.remove(batches)
    except ObservationsAway:
        with store.write() as session:
            for batch in batches:
                observations.begin_batch(session, batch, now - UNUSED_FOR)
        raise
    return len(batches)


def keep_longer(store: Store, rows: ClickHouseRows) -> int:
    """Extend the life of rows to the present setting; returns for how many chunks. Raises ObservationsAway."""
    with store.read() as session:
        infos = observations.overlapping(session, [feed.id for feed in feeds.everything(session)])
    found = rows.keep_longer([info for info in infos if info.batch is not None])
    with store.write() as session:
        for number, about in found:
            kept = session.get(ChunkBatch, number)
            if kept is not None:
                kept.about = about
    return len(found)
