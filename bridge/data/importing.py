"""Report rows from a file, in constant memory: the way to back-fill history beyond what paging can bring."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path

from bridge.data import observed, rows
from bridge.data.observed import Shelf, moment
from bridge.store import feeds
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey

AT_ONCE = 20_000  # rows per unit of work: one chunk


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did. `refused` holds the first sentences about rows that could not be read."""

    rows: int = 0
    new: int = 0
    changed: int = 0
    refused: tuple[str, ...] = ()


def import_file(
    store: Store, key: FeedKey, path: Path, *, now: datetime, progress: Callable[[Imported], None] = lambda _: None
) -> Imported:
    """Read a CSV whose header names Integr8's columns. Safe to run again: what is known already is not counted twice.

    Raises csv.Error or UnicodeDecodeError for a file that is no CSV; what was read before that is kept.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        return import_rows(store, key, csv.DictReader(file, strict=True), now=now, progress=progress)


def import_rows(
    store: Store,
    key: FeedKey,
    source: Iterable[Mapping[str, str]],
    *,
    now: datetime,
    progress: Callable[[Imported], None] = lambda _: None,
) -> Imported:
    """The same from rows that are read somewhere else."""
    shelf, total = Shelf(), Imported()
    for part in _parts(iter(source)):
        reading = rows.read(key.kind, part, now)
        with store.write() as session:
            feed = feeds.ensure(session, key)
            found = observed.record(session, shelf, feed.id, reading.batch, now)
            if len(reading.batch):
                first, last = int(reading.batch.event.min()), int(reading.batch.event.max()) + 1
                feeds.cover(session, feed, since=moment(first), as_of=moment(last), at=now)
        total = Imported(
            total.rows + len(part),
            total.new + found.new,
            total.changed + found.changed,
            (*total.refused, *reading.refused)[:10],
        )
        progress(total)
    return total


def _parts(source: Iterator[Mapping[str, str]]) -> Iterator[list[Mapping[str, str]]]:
    while part := list(islice(source, AT_ONCE)):
        yield part
