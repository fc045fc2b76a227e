"""Poll reports page by page. A crash at any page loses nothing and counts nothing twice.

A slot reads one fixed time range, newest rows first. What has been read and the cursor of the next page are
committed together; whoever takes the slot over goes on from there. Rows are compared with what is known
inside that unit of work, so a page that comes twice, on purpose or not, changes nothing. Rows that slip in
below the cursor, and rows whose status changes, are found by the trailing rescan.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from bridge.integr8.errors import ApiError, BudgetError, BudgetExhausted, RateLimited
from bridge.reports import chunk_cache, report_rows, row_identity
from bridge.reports.chunk_cache import ChunkCache
from bridge.reports.fact_batch import Batch, join
from bridge.reports.row_changes import KnownRows
from bridge.store import feeds, slots
from bridge.store.engine import Store
from bridge.store.feeds import Feed, FeedKey
from bridge.store.lease import LeaseLost, settle
from bridge.store.slots import Slot, SlotState

KIND = "feed"  # of the due slots
OVERLAP = timedelta(minutes=10)  # read again behind the mark: rows may become visible out of order
COMMIT_PAGES = 20  # pages per unit of work: one chunk, one cursor
MAX_PAGES = 100  # per call; the rest is done by the next one, so that no task runs for long
LEASE = timedelta(minutes=3)  # a commit's worth of pages under the lowest budget
BUDGET_SHARE = 0.2  # of the account's calls that rescans may use
STALLED_AFTER = 3  # intervals without progress


class Purpose(StrEnum):
    """The reason for a read: the newest rows, a trailing time range again, or one suspicious time range."""

    HEAD = "head"
    RESCAN = "rescan"
    BACKFILL = "heal"  # the stored word


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPlan:
    """The schedule and limits of one feed."""

    key: FeedKey
    every: timedelta = timedelta(minutes=5)
    rescan_every: timedelta = timedelta(hours=1)
    rescan_back: timedelta = timedelta(hours=72)  # status changes do not come to the top again
    history: timedelta = timedelta(days=7)  # how far the first reading goes back
    dimensions: tuple[str, ...] = ()  # kept of each row beside what is always kept
    per_second: float = 5.0  # the account's rate limit: a rescan that would use too much of it comes less often


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[dict[str, Any]]
    cursor: str | None  # where the next, older page begins; None after the last


class Pages(Protocol):
    """The source of pages. `start` and `end` are aware; newest rows first; at most `size` of them."""

    def page(self, key: FeedKey, start: datetime, end: datetime, after: str | None) -> Page: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a slot. It is kept as JSON in the feed's row."""

    start: datetime
    end: datetime
    slot: int | None = None
    cursor: str | None = None
    pages: int = 0
    rows: int = 0
    new: int = 0
    changed: int = 0
    refused: int = 0

    def dump(self) -> dict[str, Any]:
        return {
            name: value.isoformat() if isinstance(value := getattr(self, name), datetime) else value
            for name in self.__slots__
        }

    @classmethod
    def load(cls, stored: dict[str, Any]) -> "Progress":
        moments = {name: datetime.fromisoformat(stored[name]).astimezone(UTC) for name in ("start", "end")}
        return cls(**stored | moments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PollResult:
    """The result of one call. `done`: the slot is finished; `wait`: continue after this time."""

    done: bool
    progress: Progress
    wait: timedelta | None = None
    problem: str | None = None


def slot_key(key: FeedKey, purpose: Purpose) -> str:
    return f"feed:{key.account}:{key.integration}:{key.kind}:{purpose}"


def parse_key(text: str) -> tuple[FeedKey, Purpose]:
    _, account, integration, kind, purpose = text.split(":")
    return FeedKey(account=account, integration=integration, kind=feeds.Kind(kind)), Purpose(purpose)


# --- due slots -------------------------------------------------------------------------------------


def due_slots(session: Session, now: datetime, plans: Iterable[FeedPlan]) -> int:
    """Open the slots that have become due; returns how many wait to be read.

    One at a time per feed and purpose: after a dead hour the next poll covers the gap, and nothing piles up.
    """
    waiting = 0
    for plan in plans:
        feed = feeds.ensure(session, plan.key)
        waiting += _open(session, slot_key(plan.key, Purpose.HEAD), plan.every, now)
        if feed.rescanned_at is not None:
            every, last = rescan_interval(plan, feed), feed.rescanned_at
            waiting += _open(session, slot_key(plan.key, Purpose.RESCAN), every, now, last)
        waiting += _is_waiting(session, slot_key(plan.key, Purpose.BACKFILL))
    return waiting


def _open(session: Session, key: str, every: timedelta, now: datetime, last: datetime | None = None) -> bool:
    if _is_waiting(session, key):
        return True
    seconds = every.total_seconds()
    at = datetime.fromtimestamp(now.timestamp() // seconds * seconds, UTC)
    lasts = [moment for moment in (last, slots.last(session, key, now)) if moment is not None and moment <= now]
    if lasts and at <= max(lasts):
        return False
    slots.open_slots(session, [(KIND, key, at)])
    return True


def _is_waiting(session: Session, key: str) -> bool:
    return session.scalar(select(Slot.id).where(Slot.key == key, Slot.state == SlotState.DUE).limit(1)) is not None


def rescan_interval(plan: FeedPlan, feed: Feed) -> timedelta:
    """Return an interval that shows status changes soon and leaves enough calls for pauses."""
    affordable = timedelta(seconds=feed.rescan_pages / (plan.per_second * BUDGET_SHARE))
    return max(plan.rescan_every, affordable)


def open_backfill(session: Session, key: FeedKey, start: datetime, end: datetime, now: datetime) -> None:
    """Open a slot for one time range, because postbacks say that something is missing there."""
    feed = feeds.lock(session, feeds.ensure(session, key).id)
    if not _is_waiting(session, slot_key(key, Purpose.BACKFILL)):
        feed.scans = {**feed.scans, Purpose.BACKFILL: Progress(start=start, end=end).dump()}
        slots.open_slots(session, [(KIND, slot_key(key, Purpose.BACKFILL), now)])


def stalled(session: Session, now: datetime, plans: Iterable[FeedPlan]) -> list[tuple[FeedKey, datetime | None]]:
    """Return feeds that have fallen behind since the last check, each once per stall, with their mark."""
    found: list[tuple[FeedKey, datetime | None]] = []
    for plan in plans:
        feed = feeds.find(session, plan.key)
        if feed is None or feed.as_of is None or feed.alerted_at is not None:
            continue
        if now - feed.as_of > max(plan.every * STALLED_AFTER, timedelta(minutes=15)):
            feed.alerted_at = now
            found.append((plan.key, feed.as_of))
    return found


# --- reading ---------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Scan:
    """One call's work on one slot."""

    plan: FeedPlan
    slot: Slot
    feed: Feed
    purpose: Purpose
    progress: Progress
    seen_before: KnownRows | None  # rows behind the mark, to notice where known ground begins
    read: list[Batch] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def poll_once(
    store: Store,
    source: Pages,
    plan: FeedPlan,
    slot: Slot,
    now: datetime,
    *,
    cache: ChunkCache | None = None,
    max_pages: int = MAX_PAGES,
) -> PollResult:
    """Continue a claimed slot for up to `max_pages` pages.

    Raises LeaseLost when another worker has taken the slot over. A failure of Integr8 is not an exception but a result
    with `problem` and `wait`: what was read so far is kept.
    """
    cache = ChunkCache() if cache is None else cache
    scan = _begin(store, cache, plan, slot, now)
    for number in range(1, max_pages + 1):
        try:
            page = source.page(plan.key, scan.progress.start, scan.progress.end, scan.progress.cursor)
        except (ApiError, BudgetError) as error:
            return _pause(store, cache, scan, now, error)
        last = _take(scan, page, now)
        if last:
            return _finish(store, cache, scan, now)
        if number % COMMIT_PAGES == 0:
            _fetch_ahead(store, cache, scan)
            with store.write() as session:
                _commit(session, cache, scan, now, until=now + LEASE)
    _fetch_ahead(store, cache, scan)
    with store.write() as session:
        _commit(session, cache, scan, now, until=None)
    return PollResult(done=False, progress=scan.progress, wait=timedelta(0))


def _begin(store: Store, cache: ChunkCache, plan: FeedPlan, slot: Slot, now: datetime) -> _Scan:
    purpose = parse_key(slot.key)[1]
    with store.write() as session:
        feed = feeds.ensure(session, plan.key)
        progress = _standing(feed, purpose, slot) or _time_range(plan, feed, purpose, now)
    before = None
    if purpose is Purpose.HEAD and feed.as_of is not None:
        with store.read() as session:
            before = chunk_cache.known_rows(session, cache, feed.id, progress.start, feed.as_of)
    return _Scan(plan, slot, feed, purpose, replace(progress, slot=slot.id), before)


def _standing(feed: Feed, purpose: Purpose, slot: Slot) -> Progress | None:
    """Return where this slot was left, by us or by a dead worker."""
    stored = feed.scans.get(purpose)
    progress = Progress.load(stored) if stored else None
    return progress if progress and progress.slot in {None, slot.id} else None


def _time_range(plan: FeedPlan, feed: Feed, purpose: Purpose, now: datetime) -> Progress:
    end = now.replace(microsecond=0)
    if purpose is Purpose.HEAD:
        start = min(feed.as_of, end) - OVERLAP if feed.as_of else end - plan.history
    else:
        start = max(end - plan.rescan_back, feed.since or end - plan.rescan_back)
    return Progress(start=start, end=end)


def _take(scan: _Scan, page: Page, now: datetime) -> bool:
    """Add a page; returns True if it was the last one needed."""
    reading = report_rows.read(scan.plan.key.kind, page.rows, now, more=scan.plan.dimensions)
    scan.read.append(reading.batch)
    scan.refused.extend(reading.refused)
    moved = page.cursor != scan.progress.cursor  # a server that repeats itself would keep us here for ever
    scan.progress = replace(
        scan.progress,
        cursor=page.cursor or scan.progress.cursor,
        pages=scan.progress.pages + 1,
        rows=scan.progress.rows + len(page.rows),
        refused=scan.progress.refused + len(reading.refused),
    )
    return page.cursor is None or not moved or _overlap_reached(scan, reading.batch)


def _overlap_reached(scan: _Scan, batch: Batch) -> bool:
    """Return whether the whole page is behind the mark and holds nothing new. Everything older was read before."""
    if scan.seen_before is None or scan.feed.as_of is None or not len(batch):
        return False
    if int(batch.event.max()) >= scan.feed.as_of.timestamp():
        return False
    _, there = scan.seen_before.find(row_identity.keys(batch))
    return bool(np.all(there))


def _fetch_ahead(store: Store, cache: ChunkCache, scan: _Scan) -> None:
    """Read known rows from ClickHouse before a unit of work, which should not wait for it."""
    scan.read[:] = [join(scan.read)]
    chunk_cache.fetch_ahead(store, cache, scan.plan.key, scan.read[0])


def _commit(session: Session, cache: ChunkCache, scan: _Scan, now: datetime, *, until: datetime | None) -> None:
    """Write facts and cursor in one unit of work, if the slot is still ours."""
    read = join(scan.read)
    found = chunk_cache.record(session, cache, scan.feed.id, read, now)
    scan.progress = replace(
        scan.progress, new=scan.progress.new + found.new, changed=scan.progress.changed + found.changed
    )
    _hold(session, scan.slot, until)
    feed = feeds.lock(session, scan.feed.id)
    feed.scans = {**feed.scans, scan.purpose: scan.progress.dump()}
    scan.read.clear()


def _hold(session: Session, slot: Slot, until: datetime | None) -> None:
    """Keep the slot until then; None gives it back unfinished."""
    done = session.execute(
        update(Slot)
        .where(Slot.id == slot.id, Slot.fence == slot.fence)
        .values(claimed_until=until)
        .execution_options(synchronize_session=False)
    )
    if done.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(f"slots {slot.id}: fence {slot.fence} is no longer ours")


def _finish(store: Store, cache: ChunkCache, scan: _Scan, now: datetime) -> PollResult:
    _fetch_ahead(store, cache, scan)
    with store.write() as session:
        feed = feeds.lock(session, scan.feed.id)
        _commit(session, cache, scan, now, until=None)
        if scan.purpose is Purpose.HEAD:
            feeds.advance(session, feed, since=scan.progress.start, as_of=scan.progress.end, at=now)
            feed.rescanned_at = feed.rescanned_at or scan.progress.end  # the first reading has just seen it all
        if scan.purpose is Purpose.RESCAN:
            feed.rescanned_at, feed.rescan_pages = scan.slot.at, scan.progress.pages
        if scan.purpose is Purpose.BACKFILL and feed.since and scan.progress.start < feed.since <= scan.progress.end:
            feeds.cover(session, feed, since=scan.progress.start, as_of=scan.progress.end, at=now)
        feed.scans = {name: kept for name, kept in feed.scans.items() if name != scan.purpose}
        feed.refused_rows += scan.progress.refused
        feed.problem = scan.refused[0] if scan.refused else None
        if not settle(session, scan.slot, state=SlotState.DONE, ended_at=now):
            raise LeaseLost(f"slot {scan.slot.key} was taken over by another worker")
    return PollResult(done=True, progress=scan.progress)


def _pause(store: Store, cache: ChunkCache, scan: _Scan, now: datetime, error: ApiError | BudgetError) -> PollResult:
    """Keep what was read and release the slot for a while, so that no other worker meets the same failure."""
    wait = _patience(error, scan.slot.attempts)
    _fetch_ahead(store, cache, scan)
    with store.write() as session:
        feed = feeds.lock(session, scan.feed.id)
        _commit(session, cache, scan, now, until=now + wait)
        if not isinstance(error, BudgetError):
            feed.problem = str(error)
    return PollResult(done=False, progress=scan.progress, wait=wait, problem=str(error))


def _patience(error: ApiError | BudgetError, attempts: int) -> timedelta:
    if isinstance(error, BudgetExhausted):
        return timedelta(seconds=max(error.wait, 1))
    if isinstance(error, RateLimited) and error.retry_after:
        return timedelta(seconds=error.retry_after)
    return timedelta(seconds=min(300, 5 * 2 ** min(attempts, 6)))
