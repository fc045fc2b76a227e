"""Fetch an earlier time range of reports from Integr8 page by page in the workers, and show the progress."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.operations.errors import NotThere, Refused
from bridge.reports import polling
from bridge.reports.polling import Progress, Purpose
from bridge.services.container import Services
from bridge.store import audit_log, feeds
from bridge.store.feeds import FeedKey, Kind

MAX_DAYS = 95
READ_KINDS = (Kind.CLICKS, Kind.CONVERSIONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A time range that is being read. `since`: the start of the feed's complete data; `rows`: read so far."""

    account: str
    integration: str
    kind: str
    start: datetime | None = None
    end: datetime | None = None
    rows: int = 0
    pages: int = 0
    since: datetime | None = None
    problem: str | None = None

    @property
    def is_open(self) -> bool:
        return self.start is not None


def fetch(services: Services, days: int, *, account: str = "main", who: str, now: datetime) -> list[Backfill]:
    """Let workers read the days before the known ones, for clicks and conversions. Raises NotThere, Refused."""
    if not 1 <= days <= MAX_DAYS:
        raise Refused(f"choose 1 to {MAX_DAYS} days; import a file for more")
    found = services.settings.accounts.get(account)
    if found is None:
        raise NotThere(f"account {account}: not in bridge.yaml")
    asked = 0
    with services.store.write() as session:
        for integration in found.integrations:
            for kind in READ_KINDS:
                key = FeedKey(account=account, integration=integration, kind=kind)
                feed = feeds.ensure(session, key)
                start = now.replace(microsecond=0) - timedelta(days=days)
                end = feed.since or now.replace(microsecond=0)
                if start < end and Purpose.BACKFILL not in feed.scans:
                    polling.open_backfill(session, key, start, end, now)
                    asked += 1
        if asked:
            detail = {"days": days, "feeds": asked}
            audit_log.note(session, who=who, what="fetch reports", about=account, now=now, detail=detail)
    if not asked:
        raise Refused(f"the last {days} days are already read, or are being read")
    services.queue.wake("reports.poll")
    return backfills(services)


def backfills(services: Services) -> list[Backfill]:
    """Return how far each feed of clicks and conversions reaches, and what is being read before it."""
    with services.store.read() as session:
        return [_of(feed) for feed in feeds.everything(session) if feed.kind in READ_KINDS]


def _of(feed: feeds.Feed) -> Backfill:
    stored = feed.scans.get(Purpose.BACKFILL)
    known = Backfill(account=feed.account, integration=feed.integration, kind=str(feed.kind), since=feed.since)
    if not stored:
        return known
    at = Progress.load(stored)
    return replace(known, start=at.start, end=at.end, rows=at.rows, pages=at.pages, problem=feed.problem)
