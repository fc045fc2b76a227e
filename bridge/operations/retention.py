"""Retention: delete old rows after so many days, and sum old observations by the hour.

`keep:` in bridge.yaml says how long observations stay; `bridge.reports.retention` sums and deletes them.
"""

from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete
from sqlalchemy.exc import OperationalError

from bridge.observability.bulkhead import Bulkhead
from bridge.reports import clickhouse_moves, retention, segment_directory
from bridge.reports.live_observations import HORIZON
from bridge.services.container import Services
from bridge.store import (
    api_usage,
    backtest_jobs,
    deferred_events,
    entities,
    exports,
    failing_items,
    free_space,
    journal,
    notifications,
    observations,
    one_time_secrets,
    order_marks,
    partitions,
    runs,
    sessions,
    slots,
)
from bridge.store.ledger import Call

log = structlog.get_logger()

KEEP_SHORT = timedelta(days=7)  # runs without findings, slots, jobs, exports
KEEP_EVENTS = timedelta(days=90)  # events, notices, calls
KEEP_ALL = timedelta(days=400)  # runs with findings, changes
KEEP_TRIES = timedelta(days=1)  # to sign in; far longer than any of them counts


def apply_retention(services: Services, now: datetime) -> None:
    """Delete runs without news, then everything older than a year, and secrets that nobody fetched."""
    dropped = _months(services, now)
    with services.store.write() as session:
        runs_before, calls_before = (
            min(before, partitions.oldest_month(session, table) or before)
            for table, before in (("verdicts", now - KEEP_ALL), ("calls", now - KEEP_EVENTS))
        )
        gone = runs.forget(session, dull_before=now - KEEP_SHORT, all_before=runs_before)
        one_time_secrets.forget_expired(session, now)
        notifications.forget(session, now - KEEP_EVENTS)
        order_marks.forget(session, now - KEEP_EVENTS)  # what is older can come out of the journal no more
        events = journal.forget(session, now - KEEP_EVENTS, deferred_events.waiting_ids())
        slots.forget(session, now - KEEP_SHORT)
        backtest_jobs.forget(session, now - KEEP_SHORT)
        api_usage.forget(session, now - KEEP_EVENTS)
        exports.forget(session, now - KEEP_SHORT)
        failing_items.forget(session, now)
        entities.forget_changes(session, now - KEEP_ALL)
        session.execute(delete(Call).where(Call.started_at < calls_before))
        sessions.forget_tries(session, now - KEEP_TRIES)
    keep = services.settings.keep
    days = {name: timedelta(days=keep[name]) for name in ("rows", "observations")}
    files = services.settings.var / segment_directory.OBSERVATIONS
    with services.store.read() as session:  # of chunks that were merged in an earlier round: nobody reads them now
        freed = segment_directory.sweep(files, observations.ids(session), now.timestamp())
    how_long = retention.Keep(
        rows=days["rows"], anything=max(days.values()), dimensions=tuple(services.settings.dimensions)
    )
    kept = _observations(services, how_long, now)
    with services.store.read() as session:
        made = segment_directory.prepare(session, files, now - HORIZON)
    given_back = free_space.give_back(services.store)
    log.info(
        "retention applied",
        runs=gone,
        events=events,
        chunks_merged=kept.merged,
        facts_summed=kept.summed,
        bytes=kept.bytes_after,
        files_made=made,
        bytes_of_files_freed=freed,
        bytes_given_back=given_back,
        months_dropped=dropped,
    )


def _months(services: Services, now: datetime) -> list[str]:
    """On PostgreSQL, create the partitions of the next months, and drop expired months.

    A month is dropped as a whole: until then its rows stay, and none is read for it. If a long read blocks a table, the
    next round continues.
    """
    engine, dropped = services.store.engine, list[str]()
    if engine.dialect.name != "postgresql":
        return dropped
    bulkhead = Bulkhead(services.store, now)
    try:
        with bulkhead.item("service", "partitions", "make"), engine.begin() as connection:
            partitions.prepare(connection, now)
        for table, keep in (("verdicts", KEEP_ALL), ("calls", KEEP_EVENTS)):
            with bulkhead.item("service", f"partitions of {table}", "drop"), engine.begin() as connection:
                dropped += partitions.drop(connection, table, now - keep)
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != partitions.TABLE_IN_USE:
            raise
        log.info("partitions wait: a table is in use")
    return dropped


def _observations(services: Services, how_long: retention.Keep, now: datetime) -> retention.RetentionResult:
    """Run one round over all observations. If ClickHouse does not answer, the next round continues."""
    rows, found = services.observation_rows, retention.RetentionResult()
    with Bulkhead(services.store, now).item("service", "observations", "keep"):
        found = retention.apply(services.store, how_long, now, rows)
        if rows is not None:
            clickhouse_moves.keep_longer(services.store, rows)
            clickhouse_moves.sweep(services.store, rows, now)
    return found
