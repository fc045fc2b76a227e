"""Partitions by month, on PostgreSQL: verdicts, calls, and which calls were made for which effect.

Rows lie by their number, not by their time: each month has a block of BLOCK numbers, and with a new month the numbers
jump to its block. So every key that was unique stays unique over all months, and foreign keys stay foreign keys. The
last partition takes every number above the prepared months, the first one what is older than the partitions: there is
no number without a place. A month is dropped when all that lies in it has had its time.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise

from sqlalchemy import Connection, func, select, text
from sqlalchemy.orm import Session

BLOCK = 1_000_000_000  # numbers of a month; what is beyond them lies in the next month's block
MONTHS_AHEAD = 2  # months that are prepared beyond the present one
#: Seconds to wait for a table that somebody reads: others wait behind us, so the next round tries again. PostgreSQL's
#: own cleaning gives way after one second.
LOCK_SECONDS = 2.0
FIRST, LATER = "first", "later"  # ends of the names of the two partitions that are no month's
ADVISORY_LOCK = 8427153
TABLE_IN_USE = "55P03"  # what PostgreSQL answers when it waited for a lock for too long


@dataclass(frozen=True, slots=True)
class Family:
    """Tables whose months begin and end with the same ids.

    Tables with foreign keys come before the ones they refer to.
    """

    name: str  # of the table whose sequence gives the numbers
    tables: tuple[tuple[str, str], ...]  # table, column with the number
    newest: str  # when the newest row of a partition was written; the partition is put in for {}


FAMILIES = (
    Family(
        "verdicts",
        (("verdicts", "id"),),
        "SELECT started_at FROM runs WHERE id = (SELECT max(run_id) FROM {})",
    ),
    Family(
        "calls",
        (("effect_calls", "call_id"), ("calls", "id")),
        "SELECT max(started_at) FROM {}",
    ),
)
TABLES = frozenset(table for family in FAMILIES for table, _ in family.tables)


@dataclass(frozen=True, slots=True)
class Partition:
    """One partition of the database."""

    table: str
    name: str
    low: int | None  # its first number; None: from the beginning
    bytes: int

    @property
    def end(self) -> str:
        return self.name.removeprefix(f"{self.table}_")

    @property
    def month(self) -> datetime | None:
        """The start of its month; None for the two without a month."""
        return None if self.end in {FIRST, LATER} else datetime.strptime(self.end, "%Y%m").replace(tzinfo=UTC)


def partitions(connection: Connection, table: str) -> list[Partition]:
    """Return the partitions of a table in the order of their ids; none without partitions, as on SQLite."""
    if connection.dialect.name != "postgresql":
        return []
    rows = connection.execute(text(_PARTITIONS), {"table": table})
    found = [Partition(table, row.name, None if row.low is None else int(row.low), row.bytes) for row in rows]
    return sorted(found, key=lambda one: -1 if one.low is None else one.low)


_PARTITIONS = """
SELECT part.relname AS name, pg_total_relation_size(part.oid) AS bytes,
       substring(pg_get_expr(part.relpartbound, part.oid) FROM 'FROM \\(''(-?[0-9]+)''\\)') AS low
FROM pg_inherits JOIN pg_class part ON part.oid = inhrelid
WHERE inhparent = to_regclass(:table)
"""


def prepare(connection: Connection, now: datetime | None = None) -> list[str]:
    """Create the partitions of this month and of the next ones, and move the ids to this month's range.

    `now` defaults to the database's time. Returns the names of the new ones. Call it in a separate transaction: it
    locks the tables for an instant.
    """
    if connection.dialect.name != "postgresql":
        return []
    _alone(connection)
    now = now or connection.scalars(select(func.now())).one()
    made = []
    for family in FAMILIES:
        made += _prepare_family(connection, family, now)
        _jump(connection, family, now)
    return made


def _alone(connection: Connection) -> None:
    connection.execute(text(f"SET LOCAL lock_timeout = '{round(LOCK_SECONDS * 1000)}ms'"))
    connection.execute(text(f"SELECT pg_advisory_xact_lock({ADVISORY_LOCK})"))


def _prepare_family(connection: Connection, family: Family, now: datetime) -> list[str]:
    main = partitions(connection, family.name)
    known = {one.month for one in main if one.month is not None}
    latest = max(known, default=None)
    missing = [month for month in _months(now) if latest is None or month > latest]
    later = next((one for one in main if one.end == LATER), None)
    if not missing or later is None or later.low is None:
        return []
    for table, _ in reversed(family.tables):  # as those who write do: a call, then what it was made for
        connection.execute(text(f"LOCK TABLE ONLY {table} IN ACCESS EXCLUSIVE MODE"))
    if any(_holds_rows(connection, f"{table}_{LATER}") for table, _ in family.tables):
        return []  # doctor says so
    for table, _ in family.tables:
        connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {table}_{LATER}"))
        connection.execute(text(f"DROP TABLE {table}_{LATER}"))
    made = []
    for table, _ in reversed(family.tables):
        made += list(_make(connection, table, later.low, missing))
    return made


def _make(connection: Connection, table: str, low: int, months: Sequence[datetime]) -> Iterator[str]:
    """Yield the statements for a partition for each of these months, and for the one for everything later."""
    for number, month in enumerate(months):
        name, start = f"{table}_{month:%Y%m}", low + number * BLOCK
        values = f"FOR VALUES FROM ({start}) TO ({start + BLOCK})"
        connection.execute(text(f"CREATE TABLE {name} PARTITION OF {table} {values}"))
        yield name
    values = f"FOR VALUES FROM ({low + len(months) * BLOCK}) TO (MAXVALUE)"
    connection.execute(text(f"CREATE TABLE {table}_{LATER} PARTITION OF {table} {values}"))


def _holds_rows(connection: Connection, table: str) -> bool:
    return connection.scalar(text(f"SELECT EXISTS (SELECT 1 FROM {table})")) is True  # noqa: S608 - names of ours


def _months(now: datetime) -> list[datetime]:
    return [_month_after(now, number) for number in range(MONTHS_AHEAD + 1)]


def _month_after(now: datetime, number: int) -> datetime:
    """Return the start of the month that many months after a moment, in UTC."""
    moment = now.astimezone(UTC)
    months = moment.year * 12 + moment.month - 1 + number
    return datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC)


def _jump(connection: Connection, family: Family, now: datetime) -> None:
    """Move the id sequence to this month's range. Ids only ever rise."""
    month = _month_after(now, 0)
    start = next((one.low for one in partitions(connection, family.name) if one.month == month), None)
    if start is None:
        return
    sequence = connection.scalar(text("SELECT pg_get_serial_sequence(:table, 'id')"), {"table": family.name})
    if sequence is not None:
        connection.execute(
            text(f"SELECT setval('{sequence}', :start, false) FROM {sequence} WHERE last_value < :start"),  # noqa: S608
            {"start": start},
        )


def oldest_month(session: Session, table: str) -> datetime | None:
    """Return the start of the oldest existing month; None if nothing is partitioned by months.

    Later rows are deleted with their month and not row by row.
    """
    return min((one.month for one in partitions(session.connection(), table) if one.month is not None), default=None)


def drop(connection: Connection, name: str, before: datetime) -> list[str]:
    """Drop the months of a family in which everything was written before a moment. Returns the partitions.

    Call it in a separate transaction, as with `prepare`.
    """
    if connection.dialect.name != "postgresql":
        return []
    _alone(connection)
    family = next(one for one in FAMILIES if one.name == name)
    found, old = partitions(connection, name), []
    for part, after in pairwise(found):
        over = after.month is not None and after.month <= before  # younger rows lie in a later month
        if not over or not _all_before(connection, family, part, before):
            break
        old.append(part)
    for part in old:
        for table, _ in family.tables:
            connection.execute(text(f"ALTER TABLE {table} DETACH PARTITION {table}_{part.end}"))
            connection.execute(text(f"DROP TABLE {table}_{part.end}"))
    return [f"{table}_{part.end}" for part in old for table, _ in family.tables]


def _all_before(connection: Connection, family: Family, part: Partition, before: datetime) -> bool:
    newest: datetime | None = connection.scalar(text(family.newest.format(part.name)))
    return newest is None or newest < before


@dataclass(frozen=True, slots=True)
class State:
    """The storage of a table: with or without partitions."""

    table: str
    months: tuple[datetime, ...]
    bytes: int
    beyond: bool  # rows lie above all prepared months: no further one can be made


def states(connection: Connection) -> list[State]:
    """Return each partitioned table; none on SQLite."""
    found = []
    for table in sorted(TABLES):
        parts = partitions(connection, table)
        if parts:
            months = tuple(one.month for one in parts if one.month is not None)
            beyond = any(one.end == LATER and _holds_rows(connection, one.name) for one in parts)
            found.append(State(table, months, sum(one.bytes for one in parts), beyond))
    return found


def month_of(now: datetime) -> datetime:
    """Return the start of the month of a moment."""
    return _month_after(now, 0)
