"""Record when imported rows were seen, so that a backtest does not know the whole past from the day of the import.

A row was seen when its file says, or is taken to have been seen five minutes after it happened.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bridge.reports import segment_file
from bridge.reports.fact_batch import Batch
from bridge.reports.segment_file import Index, Reader
from bridge.reports.segments import Ints
from bridge.reports.stored_segments import StoredSegment
from rules.model.revision import DECLARABLE

REPORT_LAG = timedelta(minutes=5)  # how much later than it happened an imported row is taken to have been seen
READ_AT_ONCE = timedelta(hours=6)  # rows of a longer time range that were seen in one second were read from a file
SEEN_AT_ALL = timedelta(days=7)  # a row that was seen later than this was not seen while it mattered


def seen_when_imported(chunk: Batch) -> Ints:
    """Return when each row was seen: as its file says, or REPORT_LAG after it happened.

    The second holds if a file was read at one time.
    """
    return _seen(chunk.event, chunk.seen, _read_at_once(chunk.event, chunk.seen))


def _read_at_once(event: Ints, seen: Ints) -> Ints:
    """Return the moments at which a file of a long time range was read, in their order."""
    longest = int(READ_AT_ONCE.total_seconds())
    if not len(event) or int(event.max()) - int(event.min()) <= longest:
        return np.zeros(0, dtype=np.int64)
    moments, where = np.unique(seen, return_inverse=True)
    first, last = np.full(len(moments), np.iinfo(np.int64).max), np.full(len(moments), np.iinfo(np.int64).min)
    np.minimum.at(first, where, event)
    np.maximum.at(last, where, event)
    found: Ints = moments[last - first > longest]
    return found


def _seen(event: Ints, seen: Ints, read_at_once: Ints) -> Ints:
    punctual = event + int(REPORT_LAG.total_seconds())
    late = seen - event > int(SEEN_AT_ALL.total_seconds())
    if len(read_at_once):
        late |= np.isin(seen, read_at_once)
    return np.where(late, punctual, np.maximum(seen, event))


class _ImportedReader(Reader):
    """Reads from a file of rows by event time, and says of each when it would have been seen."""

    def __init__(self, index: Index, read_at_once: Ints) -> None:
        super().__init__(index)
        self._read_at_once = read_at_once

    def numbers(self, name: str, blocks: range) -> NDArray[Any]:
        found = super().numbers(name, blocks)
        return found if name != "seen" else _seen(super().numbers("event", blocks), found, self._read_at_once)


def as_imported(stored: StoredSegment, dimensions: Collection[str]) -> StoredSegment:
    """Return the same facts, each with the time at which it would have been seen."""
    blocks = range(len(stored.reader.index.first_event))
    event = stored.read(lambda reader: reader.numbers("event", blocks))
    seen = stored.read(lambda reader: reader.numbers("seen", blocks))
    read_at_once = _read_at_once(event, seen)
    seen = _seen(event, seen, read_at_once)
    said = {}
    for name in stored.said.keys() & set(dimensions).intersection(DECLARABLE):
        codes = stored.read(lambda reader, name=name: reader.codes(name, blocks))  # type: ignore[misc]
        said[name] = int(seen[codes > 0].min())
    newest = np.maximum.reduceat(seen, np.arange(0, len(seen), segment_file.BLOCK))
    first = int(seen.min())

    def reading(index: Index) -> Reader:
        return _ImportedReader(replace(index, last_seen=newest, first_seen=first, said=said), read_at_once)

    return StoredSegment(stored.subjects, reading(stored.reader.index), stored.kept, stored.repair, reading=reading)
