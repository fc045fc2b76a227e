"""Remove an import: its rows disappear, and rows that it changed are restored, for every time that is queried."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import Session

from bridge.reports import chunk_cache, clickhouse_rows, row_changes, row_identity
from bridge.reports.fact_batch import Batch, Labels, join
from bridge.reports.row_changes import KnownRows
from bridge.store import feeds, observations, report_imports
from bridge.store.engine import Store
from bridge.store.observations import Level
from bridge.store.report_imports import ReportImport

AT_ONCE = timedelta(days=1)  # of events per unit of work


class NoSuchImport(LookupError):
    """The import does not exist, or was removed already."""


def remove(store: Store, import_id: int, *, by: str, now: datetime) -> int:
    """Remove the rows of an import. Returns how many facts that took. Safe to repeat after an interruption.

    A row that a report or another import brought too, before or after, stays.
    """
    with store.read() as session:
        found = report_imports.get(session, import_id)
        if found is None or found.removed_at is not None:
            words = "not found, or it was removed before; see `reports imports list`"
            raise NoSuchImport(f"import {import_id}: {words}")
    written = 0
    if found.first_event is not None and found.last_event is not None:
        start = found.first_event.replace(minute=0, second=0)  # sums stand at the beginning of their hour
        while start <= found.last_event:
            with store.read() as session:  # what lies in ClickHouse is read before anybody has to wait for it
                read = _in_clickhouse(session, found, start, start + AT_ONCE)
            with store.write() as session:
                written += _remove_between(session, found, start, start + AT_ONCE, read)
            read.clear()
            start += AT_ONCE
    with store.write() as session:
        _end(session, import_id, by, now)
    return written


def _in_clickhouse(session: Session, one: ReportImport, start: datetime, end: datetime) -> dict[int, Batch]:
    """Return the facts of the feed's chunks in ClickHouse, by chunk."""
    if clickhouse_rows.of(session) is None:
        return {}
    infos = observations.overlapping(session, [one.feed_id], start, end)
    return chunk_cache.unpacked(session, [info for info in infos if info.batch is not None])


def _remove_between(
    session: Session, one: ReportImport, start: datetime, end: datetime, read: Mapping[int, Batch]
) -> int:
    """Remove the rows of a time range. `read`: facts of chunks that were read already."""
    feeds.lock(session, one.feed_id)
    low, high = int(start.timestamp()), int(end.timestamp())
    found: dict[bool, list[Batch]] = {True: [], False: []}
    for info, batch in chunk_cache.rows_between(session, [one.feed_id], start, end, read=read):
        inside = batch.take(np.flatnonzero((batch.event >= low) & (batch.event < high)))
        found[info.level == Level.HOURLY].append(inside)
    rows, sums = join(found[False]), join(found[True])
    inverse = _inverse(rows, one.label)
    others = report_imports.active_labels(session, one.feed_id) - {one.label}
    inverse = join([inverse, _handed_over(rows, inverse, others)])
    chunk_cache.add(session, one.feed_id, inverse)
    hours = sums.take(_brought_by(sums, one.label)).taken_back()
    chunk_cache.add(session, one.feed_id, hours, Level.HOURLY)
    return len(inverse) + len(hours)


def _brought_by(facts: Batch, label: str) -> NDArray[np.intp]:
    column = facts.column("import")
    wanted = column.names.index(label) if label in column.names else -1
    return np.flatnonzero(column.codes == wanted)


def _inverse(facts: Batch, label: str) -> Batch:
    """Return the facts that reverse an import, for rows whose present version came with it."""
    known = KnownRows.of([facts])
    held = known.keys[_brought_by(known.rows, label)]
    own = _brought_by(facts, label)
    keys = row_identity.keys(facts)
    own = own[np.isin(keys[own], held)]
    if not len(own):
        return facts.take(own)
    versions = row_identity.digest(facts.take(own), row_changes.COMPARED_NUMBERS, row_changes.COMPARED_LABELS)
    order = np.lexsort((own, versions, keys[own]))
    key, version = keys[own][order], versions[order]
    starts = np.flatnonzero(np.append(True, (key[1:] != key[:-1]) | (version[1:] != version[:-1])))
    net = np.add.reduceat(facts.weight[own[order]], starts)
    newest = np.append(starts[1:], len(order)) - 1
    chosen = facts.take(own[order][newest[net != 0]])
    sign = np.sign(net[net != 0])
    return chosen.taken_back() if (np.sign(chosen.weight) == sign).all() else _flipped(chosen, sign)


def _handed_over(facts: Batch, inverse: Batch, others: Collection[str]) -> Batch:
    """Return facts that pass rows on to another import, which brought the same rows."""
    column = facts.column("import")
    is_other = np.array([name in others for name in column.names])
    marks = np.flatnonzero((facts.weight == 0) & is_other[column.codes])
    brought = facts.take(marks)
    owners = dict(zip(row_identity.keys(brought).tolist(), brought.column("import").texts(), strict=True))
    texts = [owners.get(key, "") for key in row_identity.keys(inverse).tolist()]
    again = inverse.taken_back().labelled("import", Labels.of(texts))
    return again.take(np.flatnonzero(again.column("import").codes > 0))


def _flipped(chosen: Batch, sign: NDArray[np.int64]) -> Batch:
    """Return facts that oppose a net sum, where the newest fact of a version has the other sign than the sum."""
    against = chosen.taken_back()
    agree = np.flatnonzero(np.sign(chosen.weight) == sign)
    differ = np.flatnonzero(np.sign(chosen.weight) != sign)
    return join([against.take(agree), chosen.take(differ)])


def _end(session: Session, import_id: int, by: str, now: datetime) -> None:
    """Restore the reach of the feed, unless something else moved its marks since."""
    one = report_imports.get(session, import_id)
    assert one is not None, "imports are never deleted"
    feed = feeds.lock(session, one.feed_id)
    if one.since_after is not None and feed.since == one.since_after != one.since_before:
        feed.since = one.since_before
        if one.since_before is None and feed.as_of == one.as_of_after:
            feed.as_of = None
        elif one.since_before is None:
            feed.since = one.as_of_after
    if feed.as_of is not None and feed.as_of == one.as_of_after != one.as_of_before and one.as_of_before is not None:
        feed.as_of = one.as_of_before
    one.removed_at, one.removed_by = now, by
