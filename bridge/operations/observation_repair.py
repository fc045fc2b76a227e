"""Repair what ClickHouse has lost: by reading it from Integr8 again."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bridge.operations.errors import OperationError, Refused, Unanswered
from bridge.operations.report_backfill import MAX_DAYS
from bridge.reports import clickhouse_repair, polling
from bridge.reports.clickhouse_repair import Lost
from bridge.services.container import Services
from bridge.store import audit_log
from bridge.store.feeds import FeedKey, Kind
from bridge.store.observations_away import ObservationsAway

READ_KINDS = (Kind.CLICKS, Kind.CONVERSIONS, Kind.IMPRESSIONS)  # that Integr8 can be asked for again
ALL_LOST = (
    "ClickHouse has nothing whole of {}: OBSERVATIONS_URL may name another server or database, or a back-up is to be "
    "put back. If the rows are lost for good, say --all"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """The lost rows of one feed, and what is read again. `older`: there are earlier rows, which a file can bring."""

    feed: str
    batches: int
    rows: int
    start: datetime
    end: datetime
    reading_from: datetime | None = None
    older: bool = False


def lost_rows(services: Services) -> list[Lost]:
    """Return the feeds whose rows ClickHouse has lost. Raises OperationError."""
    rows = services.observation_rows
    if rows is None:
        raise OperationError("OBSERVATIONS_URL is not set; it says where ClickHouse is")
    try:
        return clickhouse_repair.find(services.store, rows)
    except ObservationsAway as error:
        raise Unanswered(f"{error}; nothing was changed") from error


def described(one: Lost) -> Repair:
    """Describe what a repair would do."""
    name = f"{one.feed.account}/{one.feed.integration}/{one.feed.kind}"
    return Repair(feed=name, batches=len(one.chunks), rows=one.rows, start=one.start, end=one.end)


def repair(services: Services, *, everything: bool = False, who: str, now: datetime) -> list[Repair]:
    """Forget lost rows and let the workers read their time range again. Raises OperationError.

    `everything`: also of feeds without a single complete batch.
    """
    found = lost_rows(services)
    whole = [described(one).feed for one in found if one.all_there_were]
    if whole and not everything:
        raise Refused(ALL_LOST.format(", ".join(whole)))
    done = [_repaired(services, one, who, now) for one in found]
    if any(one.reading_from is not None for one in done):
        services.queue.wake("reports.poll")
    return done


def _repaired(services: Services, one: Lost, who: str, now: datetime) -> Repair:
    rows, feed = services.observation_rows, one.feed
    assert rows is not None, "what is lost was found there"
    try:
        since = clickhouse_repair.forget(services.store, rows, one, now)
    except ObservationsAway as error:
        raise Unanswered(f"{error}; the same command goes on from there") from error
    told = described(one)
    earliest = now.replace(microsecond=0) - timedelta(days=MAX_DAYS)
    before = feed.since or one.start  # what the feed had before
    start: datetime | None = max(before, earliest)
    account = services.settings.accounts.get(feed.account)
    readable = account is not None and feed.integration in account.integrations and feed.kind in READ_KINDS
    with services.store.write() as session:
        if readable and since is not None and start is not None and start < since:
            key = FeedKey(account=feed.account, integration=feed.integration, kind=Kind(feed.kind))
            polling.open_backfill(session, key, start, since, now)
        else:
            start = None
        detail = {"feed": told.feed, "batches": told.batches, "rows": told.rows}
        audit_log.note(session, who=who, what="repair rows", about=told.feed, now=now, detail=detail)
    return replace(told, reading_from=start, older=start is None or one.start < start)
