"""Record Integr8's postbacks as observations, and compare them with the reports.

Postbacks are fast and lossy, reports slow and true. So they are a feed beside the reports: `LiveFacts` takes
the report up to its as-of mark and the postbacks for what lies behind it, never both over the same time range.
Once the report has reached a time range, both are counted per hour and offer; where the report has more, postbacks
were lost (which heals by itself, the report is what counts); where the postbacks have more, the report is
read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from bridge.reports import chunk_cache, polling, report_rows
from bridge.reports.chunk_cache import ChunkCache, moment
from bridge.reports.fact_batch import Batch
from bridge.reports.report_rows import ReportRows
from bridge.sources.postback import PostbackFacts
from bridge.store import feeds
from bridge.store.engine import Store
from bridge.store.feeds import FeedKey, Kind

HOUR = 3600
SETTLED = timedelta(minutes=15)  # postbacks may be delayed; counting starts this long behind the report's mark
HEAL_AT_ONCE = 24  # hours that one comparison may ask to be read again

CONVERSION_TYPES = frozenset({"conversion", "event"})


def record(
    session: Session,
    cache: ChunkCache,
    key: FeedKey,
    facts: Sequence[PostbackFacts],
    received: datetime,
    *,
    dimensions: tuple[str, ...] = (),
) -> int:
    """Record conversions and events of postbacks; returns how many were new or different.

    `key` names the account and the integration; its kind is POSTBACKS. `dimensions` are kept in addition to the
    standard ones.
    """
    reading = _read(facts, received, dimensions)
    if reading is None:
        return 0
    feed = feeds.ensure(session, key)
    found = chunk_cache.record(session, cache, feed.id, reading.batch, received)
    feed.refused_rows += len(reading.refused)
    feed.since = feed.since or received
    feed.as_of = max(feed.as_of or received, received)
    return found.new + found.changed


def fetch_ahead(
    store: Store,
    cache: ChunkCache,
    key: FeedKey,
    facts: Sequence[PostbackFacts],
    received: datetime,
    *,
    dimensions: tuple[str, ...] = (),
) -> None:
    """Read known conversions from ClickHouse before `record`, outside its unit of work."""
    reading = _read(facts, received, dimensions)
    if reading is not None:
        chunk_cache.fetch_ahead(store, cache, key, reading.batch)


def _read(facts: Sequence[PostbackFacts], received: datetime, dimensions: tuple[str, ...]) -> ReportRows | None:
    told = [_row(one, received) for one in facts if one.kind in CONVERSION_TYPES]
    return report_rows.read(Kind.POSTBACKS, told, received, more=dimensions) if told else None


def _row(facts: PostbackFacts, received: datetime) -> dict[str, Any]:
    return {
        "transaction_id": facts.transaction_id,
        "conversion_time": facts.conversion_time or received,
        "click_time": facts.click_time,
        "offer_id": facts.offer,
        "publisher_id": facts.publisher,
        "advertiser_id": facts.advertiser,
        "geo_country": facts.country,
        "event_name": facts.event_name,
        "event_id": facts.event_id,
        "status": facts.status,
        "rejection_reason": facts.rejection_reason,
        "payout": facts.payout,
        "revenue": facts.revenue,
        "currency": facts.currency,
        "external_transaction_id": facts.external_transaction_id,
        **facts.more,
        **facts.sub_ids,
    }


# --- held against the reports ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HourOfOffer:
    """The counts of both sides for one offer in one hour."""

    hour: datetime
    offer: str
    reports: int
    postbacks: int

    @property
    def lost(self) -> int:
        """Conversions without a postback."""
        return max(self.reports - self.postbacks, 0)

    @property
    def unreported(self) -> int:
        """Postbacks whose conversion is missing in the report."""
        return max(self.postbacks - self.reports, 0)


@dataclass(frozen=True, slots=True)
class Agreement:
    """A time range that both sides cover, hour by hour and offer by offer, only with activity."""

    start: datetime
    end: datetime
    rows: tuple[HourOfOffer, ...]

    @property
    def reports(self) -> int:
        return sum(row.reports for row in self.rows)

    @property
    def postbacks(self) -> int:
        return sum(row.postbacks for row in self.rows)

    @property
    def differing(self) -> tuple[HourOfOffer, ...]:
        return tuple(row for row in self.rows if row.reports != row.postbacks)

    @property
    def suspicious(self) -> tuple[datetime, ...]:
        """Hours in which a report lacks something."""
        return tuple(sorted({row.hour for row in self.rows if row.unreported}))


def compare(session: Session, account: str, integration: str, start: datetime, end: datetime) -> Agreement | None:
    """Count both sides over whole hours of [start, end) that both cover; None if one of them was never read."""
    sides = [
        feeds.find(session, FeedKey(account=account, integration=integration, kind=kind))
        for kind in (Kind.CONVERSIONS, Kind.POSTBACKS)
    ]
    report, told = sides
    if report is None or told is None or not report.as_of or not report.since or not told.since:
        return None
    first = _hour(max(start, report.since, told.since) + timedelta(seconds=HOUR - 1))
    last = max(first, _hour(min(end, report.as_of - SETTLED)))
    counts = [_counts(session, feed.id, first, last) for feed in (report, told)]
    rows_found = tuple(
        HourOfOffer(hour=moment(hour), offer=offer, reports=counts[0].get((hour, offer), 0), postbacks=count)
        for (hour, offer), count in sorted({**dict.fromkeys(counts[0], 0), **counts[1]}.items())
    )
    return Agreement(first, last, tuple(row for row in rows_found if row.reports or row.postbacks))


def _hour(at: datetime) -> datetime:
    return at.replace(minute=0, second=0, microsecond=0)


def _counts(session: Session, feed_id: int, start: datetime, end: datetime) -> Mapping[tuple[int, str], int]:
    """Count rows per (hour, offer), in constant memory."""
    low, high = int(start.timestamp()), int(end.timestamp())
    found: dict[tuple[int, str], int] = {}
    for _, batch in chunk_cache.rows_between(session, [feed_id], start, end):
        inside = batch.take(np.flatnonzero((batch.event >= low) & (batch.event < high)))
        for key, count in _grouped(inside).items():
            found[key] = found.get(key, 0) + count
    return found


def _grouped(batch: Batch) -> dict[tuple[int, str], int]:
    offers = batch.column("offer")
    if not len(batch):
        return {}
    mixed = batch.event // HOUR * len(offers.names) + offers.codes
    different, where = np.unique(mixed, return_inverse=True)
    counts = np.zeros(len(different), dtype=np.int64)
    np.add.at(counts, where, batch.weight)
    return {
        (int(key) // len(offers.names) * HOUR, offers.names[int(key) % len(offers.names)]): int(count)
        for key, count in zip(different, counts, strict=True)
    }


def backfill(session: Session, account: str, integration: str, found: Agreement, now: datetime) -> int:
    """Request the report again for hours in which postbacks have more. Returns how many hours that are."""
    hours = found.suspicious[-HEAL_AT_ONCE:]
    if hours:
        key = FeedKey(account=account, integration=integration, kind=Kind.CONVERSIONS)
        polling.open_backfill(session, key, hours[0], hours[-1] + timedelta(seconds=HOUR), now)
    return len(hours)
