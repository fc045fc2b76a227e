"""The database: column types that mean one thing on both databases, and units of work.

SQLite serves one machine, PostgreSQL any number. The differences end in this module: on SQLite every write
transaction begins with BEGIN IMMEDIATE, because a transaction that reads first and writes later can be
refused at any moment (SQLITE_BUSY_SNAPSHOT) and no time-out helps against that.
"""

import random
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    Dialect,
    Engine,
    Insert,
    Integer,
    MetaData,
    TypeDecorator,
    create_engine,
    event,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.orm import DeclarativeBase, Session, sessionmaker
from sqlalchemy.pool import ConnectionPoolEntry

from bridge.store import json_text
from bridge.store.private_files import private_file

THRESHOLD = "prepare_threshold"  # of psycopg; no option of the server's own addresses
BUSY_SECONDS = 20  # how long SQLite waits for another writer; the failure catalogue locks it for 60
SYNCHRONOUS = {True: "FULL", False: "NORMAL"}  # of SQLite: how a durable commit waits for the disk, and any other
SQLITE_RETRY_SECONDS = (0.0005, 0.0015)  # seconds between two questions whether SQLite can be written to
MICRO = 1_000_000

NAMES = {
    "ix": "ix_%(column_0_N_label)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """The base of every table. Constraint names are fixed, so that migrations can refer to them."""

    metadata = MetaData(naming_convention=NAMES)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment in UTC, in and out; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone; the store keeps aware UTC only")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if dialect.name == "sqlite" else value.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An exact amount in major units, stored as whole micro-units: sums in SQL stay exact on both databases."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002 - SQLAlchemy's signature
        if value is None:
            return None
        micros = value * MICRO
        if micros != micros.to_integral_value():
            raise ValueError(f"{value} has more than six decimals; round it where its meaning is known")
        return int(micros)

    def process_result_value(self, value: int | None, dialect: Dialect) -> Decimal | None:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else Decimal(value) / MICRO


#: An auto-incrementing key. SQLite only counts up by itself in a column of type INTEGER.
Key = BigInteger().with_variant(Integer, "sqlite")
Json = JSON().with_variant(JSONB, "postgresql")


def make_engine(url: str, *, pool_size: int = 5, busy_seconds: float = BUSY_SECONDS) -> Engine:
    """Return an engine for `sqlite:///path` or `postgresql+psycopg://...`. Create it after a fork, never before.

    `?prepare_threshold=none` switches prepared statements off: behind PgBouncer's transaction pooling the next
    transaction may meet a server that does not know them.
    """
    options: dict[str, Any] = {"json_serializer": json_text.dumps, "json_deserializer": json_text.loads}
    if url.startswith("sqlite"):
        engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False}, **options)
        event.listen(engine, "do_connect", _keep_private)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", partial(_begin_sqlite, busy_seconds=busy_seconds))
        return engine
    address, given = server_address(url)
    engine = create_engine(
        address, connect_args=given, pool_size=pool_size, max_overflow=pool_size, pool_pre_ping=True, **options
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


def server_address(url: str) -> tuple[URL, dict[str, Any]]:
    """Return a PostgreSQL address without the options of the driver, and those options. Raises ValueError."""
    address = make_url(url)
    given = address.query.get(THRESHOLD)
    if given is None:
        return address, {}
    text = str(given).lower()
    if text != "none" and not text.isdecimal():
        raise ValueError(f"DATABASE_URL: {THRESHOLD} is {given!r}; write none, or a whole number")
    return address.difference_update_query([THRESHOLD]), {THRESHOLD: None if text == "none" else int(text)}


def _keep_private(_dialect: Any, _record: Any, arguments: Sequence[Any], _named: Any) -> None:
    """Make the file readable only by its owner before SQLite opens it. SQLite gives its side files the same mode."""
    path = str(arguments[0]) if arguments else ":memory:"
    if not path.startswith((":memory:", "file:")):
        with suppress(OSError):  # SQLite's own error is about the same, and is the one that people know
            private_file(Path(path))


def needs_no_prepared_statements(connection: Connection) -> bool:
    """Return whether a pooler such as PgBouncer is in between while statements are prepared.

    A pooler returns its own number to its clients instead of the server's process number.
    """
    driver: Any = connection.connection.driver_connection
    told = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
    return told != driver.info.backend_pid and driver.prepare_threshold is not None


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself: _begin_sqlite does
    if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
        # It counts only for a file in which there is nothing yet. In any other it would write into the file at each
        # connection: whoever only reads would wait for who writes, and fail where nobody can write.
        connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
    for pragma in ("journal_mode=WAL", f"synchronous={SYNCHRONOUS[True]}", "foreign_keys=ON", "temp_store=MEMORY"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection, busy_seconds: float) -> None:
    """Begin a writing transaction, trying every millisecond. SQLite's own wait sleeps longer each time, up to 0.1 s."""
    driver: Any = connection.connection.driver_connection
    if not connection.get_execution_options().get("writing", False):
        _be_patient(connection, driver, busy_seconds)
        driver.execute("BEGIN")
        return
    until = time.monotonic() + busy_seconds
    _wait_for_the_disk(connection, driver)
    _be_patient(connection, driver, 0)  # it stays: who has its turn to write waits for nobody
    while _is_busy(driver) and time.monotonic() < until:
        time.sleep(random.uniform(*SQLITE_RETRY_SECONDS))  # noqa: S311 - so that two writers do not ask in step
    if not driver.in_transaction:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # once more, for the error


def _be_patient(connection: Connection, driver: sqlite3.Connection, seconds: float) -> None:
    """Set how long SQLite itself waits for another connection. Each statement of a writer blocks all others."""
    if connection.info.get("patience") != seconds:
        driver.execute(f"PRAGMA busy_timeout={seconds * 1000:.0f}")
        connection.info["patience"] = seconds


def _wait_for_the_disk(connection: Connection, driver: sqlite3.Connection) -> None:
    """Set whether the next commit waits for the disk. A file in WAL mode is consistent either way."""
    wanted = connection.get_execution_options().get("durable", True)
    if connection.info.get("durable", True) is not wanted:
        driver.execute(f"PRAGMA synchronous={SYNCHRONOUS[wanted]}")
        connection.info["durable"] = wanted


def _begin_postgresql(connection: Connection) -> None:
    if not connection.get_execution_options().get("durable", True):
        connection.exec_driver_sql("SET LOCAL synchronous_commit TO off")


def _is_busy(driver: sqlite3.Connection) -> bool:
    """Return whether to try again; False if the transaction has begun, or waiting would not help."""
    try:
        driver.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
    return False


def insert_new(session: Session, model: type[Base]) -> Insert:
    """Return an INSERT that skips rows whose unique key exists already, on either database."""
    return _insert_new(session.get_bind().dialect.name, model)


@cache
def _insert_new(dialect: str, model: type[Base]) -> Insert:
    make = sqlite.insert if dialect == "sqlite" else postgresql.insert
    return make(model).on_conflict_do_nothing()


def _one_view(engine: Engine) -> dict[str, str]:
    """Return options with which all statements of a reading transaction see one state; SQLite's always do."""
    return {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}


class _Session(Session):
    """A session that looks once for the connection of its transaction; SQLAlchemy does so for each statement."""

    _known: tuple[object, Connection] | None = None

    def connection(
        self, bind_arguments: dict[str, Any] | None = None, execution_options: Mapping[str, Any] | None = None
    ) -> Connection:
        if bind_arguments or execution_options:
            return super().connection(bind_arguments, execution_options)
        known, transaction = self._known, self._transaction
        if known is not None and known[0] is transaction:
            return known[1]
        found = super().connection()
        self._known = (self._transaction, found)
        return found


class Store:
    """Units of work over one engine. No network call belongs inside a writing one.

    `info` is given to each session: it locates rows that the database names but does not hold.
    """

    def __init__(self, engine: Engine, info: Mapping[str, Any] | None = None) -> None:
        self.engine = engine
        self.info = dict(info or {})
        sessions = partial(sessionmaker, class_=_Session, expire_on_commit=False, info=self.info)
        self._reading = sessions(engine.execution_options(**_one_view(engine)), autoflush=False)
        self._plain = engine.execution_options(writing=True)
        self._writing = {durable: sessions(self._plain.execution_options(durable=durable)) for durable in (True, False)}

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open one consistent view. Changes of the objects are not written."""
        with self._reading() as session:
            yield session

    @contextmanager
    def write_plainly(self) -> Iterator[Connection]:
        """Open a transaction as `write` does, without objects: half of its cost."""
        with self._plain.begin() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Session]:
        """Open a transaction: committed when the block ends, rolled back when it raises.

        `durable` False: the commit does not wait for the disk, so a power cut may undo it, until the next durable
        commit, which puts everything before it on disk. For leases, which then only end earlier.
        """
        with self._writing[durable].begin() as session:
            yield session

    def close(self) -> None:
        self.engine.dispose()
