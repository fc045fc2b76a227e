"""Report rows from a file, in constant memory: the way to back-fill history beyond what paging can bring."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from pathlib import Path

from bridge.reports import chunk_cache, rows
from bridge.reports.chunk_cache import Shelf, moment
from bridge.store import feeds
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey

FAR = 10**12  # seconds; later than any row
AT_ONCE = 20_000  # rows per unit of work: one chunk


Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did.

    `refused` holds the first sentences about rows that could not be read. `apart` is set when time between the
    file and what the feed has read is missing: (the file's stretch, the feed's stretch), each as (begin, end).
    """

    rows: int = 0
    new: int = 0
    changed: int = 0
    refused: tuple[str, ...] = ()
    apart: tuple[Stretch, Stretch] | None = None


def import_file(
    store: Store,
    key: FeedKey,
    path: Path,
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """Read a CSV whose header names Integr8's columns. Safe to run again: what is known already is not counted twice.

    `start` and `end`: what the file covers; from its first to its last row otherwise. Only a file that was read to
    its end, and that meets what the feed has read, makes the feed reach further back.

    Raises csv.Error or UnicodeDecodeError for a file that is no CSV; what was read before that is kept.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        source = csv.DictReader(file, strict=True)
        return import_rows(store, key, source, now=now, start=start, end=end, progress=progress)


def import_rows(
    store: Store,
    key: FeedKey,
    source: Iterable[Mapping[str, str]],
    *,
    now: datetime,
    start: datetime | None = None,
    end: datetime | None = None,
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """The same from rows that are read somewhere else."""
    shelf, total = Shelf(), Imported()
    first, last = FAR, -1
    for part in _parts(iter(source)):
        reading = rows.read(key.kind, part, now)
        with store.write() as session:
            feed = feeds.ensure(session, key)
            found = chunk_cache.record(session, shelf, feed.id, reading.batch, now)
        if len(reading.batch):
            first, last = min(first, int(reading.batch.event.min())), max(last, int(reading.batch.event.max()))
        total = Imported(
            total.rows + len(part),
            total.new + found.new,
            total.changed + found.changed,
            (*total.refused, *reading.refused)[:10],
        )
        progress(total)
    if last < 0:
        return total
    stretch = (start or moment(first), min(end or moment(last + 1), now))  # nothing is known of times to come
    return replace(total, apart=_join(store, key, stretch, now))


def _join(store: Store, key: FeedKey, stretch: Stretch, now: datetime) -> tuple[Stretch, Stretch] | None:
    with store.write() as session:
        feed = feeds.lock(session, feeds.ensure(session, key).id)
        if feeds.cover(session, feed, since=stretch[0], as_of=stretch[1], at=now):
            return None
        assert feed.since is not None, "a feed that was never read is covered by any stretch"
        assert feed.as_of is not None, "a feed has both marks or none"
        return stretch, (feed.since, feed.as_of)


def _parts(source: Iterator[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    while part := list(islice(source, AT_ONCE)):
        yield part
