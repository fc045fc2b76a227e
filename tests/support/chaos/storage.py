"""Troubles with the database: full, locked at the worst moment, restarted."""

import os
import resource
import signal
import sqlite3
import threading
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg
from postgresql import started
from psycopg import sql

from chaos.load import Load
from chaos.rig import WORKERS, Rig, descendants

WRITERS = ("web", *WORKERS)
LITTLE = 4096  # bytes


def disk_full(seconds: float):
    """No file of ours may grow: what a full disk does to SQLite, without the rights to fill one.

    The limit is put on the running processes, so that they meet it in mid-work and have to live on with it.
    """

    def strike(rig: Rig, _load: Load) -> None:
        parents = [rig.boss.pids()[name] for name in WRITERS]
        pids = [one for parent in parents for one in (parent, *descendants(parent))]
        for pid in pids:
            _limit(pid, LITTLE)
        threading.Timer(seconds, lambda: [_limit(pid, resource.RLIM_INFINITY) for pid in pids]).start()

    return strike


REFUSE = """
CREATE SEQUENCE refused;
CREATE FUNCTION no_space() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM nextval('refused');  -- a sequence is not rolled back: it tells that somebody was refused
  RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
END $$
"""
FULL = sql.SQL("CREATE TRIGGER no_space BEFORE INSERT OR UPDATE ON {} FOR EACH STATEMENT EXECUTE FUNCTION no_space()")


def postgres_full(seconds: float):
    """Each write is refused with the error that PostgreSQL gives when it cannot extend a file.

    Filling its disk needs rights that a test has not, and a limit on its files would stop its log too, which is
    the end of a server (see the round that shuts it down), not the error that a full disk gives first.
    """

    def strike(rig: Rig, _load: Load) -> None:
        with psycopg.connect(rig.database_url.replace("+psycopg", ""), autocommit=True) as admin:
            found = admin.execute("SELECT tablename FROM pg_tables WHERE schemaname = current_schema()").fetchall()
            admin.execute(REFUSE)
            for (name,) in found:
                admin.execute(FULL.format(sql.Identifier(name)))
            rig.until(lambda: admin.execute("SELECT is_called FROM refused").fetchone()[0], "a write is refused")
            time.sleep(seconds)
            admin.execute("DROP FUNCTION no_space CASCADE")
            admin.execute("DROP SEQUENCE refused")

    return strike


def _limit(pid: int, size: int) -> None:
    """The soft limit only, so that it can be lifted again without any rights."""
    with suppress(ProcessLookupError):
        _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard if size == resource.RLIM_INFINITY else size, hard))


@contextmanager
def locked(rig: Rig):
    """Nobody else can write an effect."""
    if rig.database == "sqlite":
        with closing(sqlite3.connect(rig.database_url.removeprefix("sqlite:///"), isolation_level=None)) as other:
            other.execute("PRAGMA busy_timeout=10000")
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")
        return
    with psycopg.connect(rig.database_url.replace("+psycopg", "")) as other:
        other.execute("LOCK TABLE effects IN EXCLUSIVE MODE")
        yield
        other.rollback()


def kill_workers_before_the_commit(operation: str):
    """Integr8's answer has arrived; its outcome cannot be written down, and then both workers die."""

    def strike(rig: Rig, _load: Load) -> None:
        written = rig.applied(operation)
        rig.fault("slow", when="after", seconds=1.5, operation=operation, count=1)
        rig.until(lambda: rig.applied(operation) > written, f"{operation} is applied")
        with locked(rig):
            time.sleep(3)  # the answer comes, and waits for the lock
            rig.kill(*WORKERS)

    return strike


def restart_postgres(rig: Rig, _load: Load) -> None:
    """The server is shut down at once, as for a package upgrade, and comes back after two seconds."""
    with psycopg.connect(rig.database_url.replace("+psycopg", ""), autocommit=True) as admin:
        directory = Path(admin.execute("SHOW data_directory").fetchone()[0])
    server = started(directory)
    pid = server.get_pid()
    os.kill(pid, signal.SIGINT)  # PostgreSQL's fast shutdown
    rig.until(lambda: not Path(f"/proc/{pid}").exists(), "PostgreSQL is down")
    time.sleep(2)
    server.ensure_postgres_running()
