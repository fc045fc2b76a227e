"""Retention of observations: merge chunks, sum old rows per hour, delete very old ones.

Merging changes nothing that can be asked. Summing per hour keeps every metric and the dimensions that rules use;
single rows, transaction ids and dimensions that bridge.yaml does not name are given up, and a window edge inside such
an hour is moved to its beginning. It happens only to days that no rescan reaches any more.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bridge.reports.clickhouse_moves import replace
from bridge.reports.clickhouse_rows import ClickHouseRows
from bridge.reports.fact_batch import UNKNOWN_DELAY, Batch, Labels
from bridge.reports.report_rows import MORE_SPELLINGS
from bridge.store import feeds, observations
from bridge.store.engine import Store
from bridge.store.feeds import Feed
from bridge.store.observations import ChunkInfo, Level
from bridge.store.observations_away import ObservationsAway
from rules.model.revision import ALWAYS_KEPT

MERGED_FACTS = 250_000  # in one chunk: about 5 MB
SMALL = MERGED_FACTS // 4
MERGE_FROM = 24  # small chunks; fewer cost nothing
YOUNG = timedelta(hours=1)
HOUR = 3600
KEPT_DIMENSIONS = (*ALWAYS_KEPT, "event", "currency", "import")


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The retention of each form of an observation."""

    rows: timedelta = timedelta(days=95)  # then sums per hour
    anything: timedelta = timedelta(days=800)
    dimensions: tuple[str, ...] = ()  # of bridge.yaml: sums per hour have them, too

    def __post_init__(self) -> None:
        if self.rows < timedelta(days=7) or self.anything < self.rows:
            raise ValueError("rows must be kept for 7 days at least, because status changes come late")


@dataclass(frozen=True, slots=True, kw_only=True)
class RetentionResult:
    """The result of one round over all feeds."""

    merged: int = 0  # chunks that became fewer
    summed: int = 0  # facts that became sums
    dropped: int = 0  # chunks that were removed
    bytes_before: int = 0
    bytes_after: int = 0


def apply(store: Store, keep: Keep, now: datetime, rows: ClickHouseRows | None = None) -> RetentionResult:
    """Run one round. Each step has its own unit of work, so that readers and polls wait little.

    `rows`: where observations are kept, if not in the database. Raises ObservationsAway when everything that does not
    need ClickHouse is done.
    """
    with store.read() as session:
        every = list(feeds.everything(session))
    before = _size(store)
    merged = summed = 0
    dropped = sum(_drop(store, feed, now - keep.anything, now) for feed in every)
    away: ObservationsAway | None = None
    for feed in every:
        try:
            summed += _sum_up(store, feed, keep, now, rows)
            merged += _merge(store, feed, now, rows)
        except ObservationsAway as error:
            away = error
    if away is not None:
        raise away
    return RetentionResult(merged=merged, summed=summed, dropped=dropped, bytes_before=before, bytes_after=_size(store))


def _size(store: Store) -> int:
    with store.read() as session:
        return sum(volume.size for volume in observations.volumes(session))


def _drop(store: Store, feed: Feed, before: datetime, now: datetime) -> int:
    with store.write() as session:
        feeds.forget_marks(session, feed.id, before)  # a replay needs them as far back as there is anything to replay
        old = [info for info in observations.overlapping(session, [feed.id], None, before) if info.last_event < before]
        if old:
            observations.remove(session, [info.id for info in old], now)
            locked = feeds.lock(session, feed.id)
            last = max(info.last_event for info in old)
            locked.since = max(locked.since or last, last)
    return len(old)


def _merge(store: Store, feed: Feed, now: datetime, rows: ClickHouseRows | None) -> int:
    """Merge runs of small chunks in the order in which they were written; large ones go to where rows are."""
    with store.read() as session:
        infos = observations.overlapping(session, [feed.id])
    if rows is not None:  # what has just come is compared with what comes next: it stays near for an hour
        infos = [info for info in infos if info.last_seen < now - YOUNG]
    small = [info for info in infos if _is_small(info)]
    parts = [part for part in _runs(small) if len(small) >= MERGE_FROM]
    merged = sum(replace(store, feed, part, Level.MERGED, now, to=rows) for part in parts)
    if rows is not None:
        large = [info for info in infos if not _is_small(info) and info.batch is None]
        merged += sum(replace(store, feed, [info], info.level, now, to=rows) for info in large)
    return merged


def _is_small(info: ChunkInfo) -> bool:
    return info.level < Level.HOURLY and info.count < SMALL


def _runs(infos: Sequence[ChunkInfo]) -> Iterable[list[ChunkInfo]]:
    run: list[ChunkInfo] = []
    for info in infos:
        if run and sum(one.count for one in run) + info.count > MERGED_FACTS:
            yield run
            run = []
        run.append(info)
    if len(run) > 1:
        yield run


def _sum_up(store: Store, feed: Feed, keep: Keep, now: datetime, rows: ClickHouseRows | None) -> int:
    """Sum whole older days: one chunk of sums each. A chunk that reaches into younger days waits for them."""
    before = now - keep.rows
    with store.read() as session:
        infos = observations.overlapping(session, [feed.id], None, before)
    old = [info for info in infos if info.level < Level.HOURLY and info.last_event < before]
    summed = 0
    for part in _runs_of_any(old):
        if replace(store, feed, part, Level.HOURLY, now, to=rows, make=lambda facts: hourly(facts, keep.dimensions)):
            summed += sum(info.count for info in part)
    return summed


def _runs_of_any(infos: Sequence[ChunkInfo]) -> Iterable[list[ChunkInfo]]:
    run: list[ChunkInfo] = []
    for info in infos:
        run.append(info)
        if sum(one.count for one in run) >= MERGED_FACTS:
            yield run
            run = []
    if run:
        yield run


def hourly(facts: Batch, declared: Collection[str] = ()) -> Batch:
    """Return sums per hour, status and dimensions. Rows that happened and were retracted within an hour vanish.

    `declared`: the dimensions that rules may use in addition to the standard ones. The others would prevent sums: a sub
    id may be another one in each row.
    """
    more = {name for name in facts.labels if name in MORE_SPELLINGS or name in declared}
    if "rejection_reason" in declared and "reason" in facts.labels:
        more.add("reason")  # facts call it by the shorter word
    dimensions = (*KEPT_DIMENSIONS, *sorted(more.difference(KEPT_DIMENSIONS)))
    event = facts.event // HOUR * HOUR
    columns: list[NDArray[np.int64]] = [event, facts.status.astype(np.int64)]
    columns += [facts.column(name).codes.astype(np.int64) for name in dimensions]
    order = np.lexsort(columns)
    stacked = np.stack([column[order] for column in columns])
    first = np.append(True, (stacked[:, 1:] != stacked[:, :-1]).any(axis=0)) if len(order) else np.zeros(0, dtype=bool)
    starts = np.flatnonzero(first)
    picked = order[starts]

    def total(values: NDArray[np.int64]) -> NDArray[np.int64]:
        return np.add.reduceat(values[order], starts) if len(starts) else values[:0]

    weight, payout, revenue = (total(each.astype(np.int64)) for each in (facts.weight, facts.payout, facts.revenue))
    seen = np.maximum.reduceat(facts.seen[order], starts) if len(starts) else facts.seen[:0]
    kept = np.flatnonzero((weight != 0) | (payout != 0) | (revenue != 0))
    zeros = np.zeros(len(kept), dtype=np.uint64)
    return Batch(
        event=event[picked][kept],
        seen=seen[kept],
        high=zeros,
        low=zeros,
        nth=np.zeros(len(kept), dtype=np.uint8),
        status=facts.status[picked][kept],
        weight=weight[kept].astype(np.int32),
        payout=payout[kept],
        revenue=revenue[kept],
        delay=np.full(len(kept), UNKNOWN_DELAY, dtype=np.int32),
        labels={name: _label(facts, name, picked[kept]) for name in dimensions},
    )


def _label(facts: Batch, name: str, rows: NDArray[np.intp]) -> Labels:
    return facts.column(name).take(rows)
