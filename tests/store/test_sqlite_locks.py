"""SQLite's write-ahead log stays while any process has the database open, whatever other processes do."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from sqlalchemy import text

from bridge.store.engine import make_engine
from bridge.store.private_files import private_file

#: What any other process does: a command, a worker that ends. Whoever leaves last removes the log.
VISIT = "import sqlite3, sys; db = sqlite3.connect(sys.argv[1]); db.execute('SELECT * FROM t').fetchall(); db.close()"


@pytest.fixture
def open_database(tmp_path):
    """A database that this process has open, on several connections as a web process and a worker have."""
    path = tmp_path / "bridge.db"
    engine = make_engine(f"sqlite:///{path}")
    with engine.execution_options(writing=True).begin() as first:
        first.execute(text("CREATE TABLE t (x INTEGER)"))
    with engine.connect() as one, engine.connect() as other:
        for connection in (one, other):
            connection.execute(text("SELECT * FROM t")).all()
        yield path, engine
    engine.dispose()


def visit(path):
    subprocess.run([sys.executable, "-c", VISIT, path], check=True, timeout=180)


def seen_by_others(path):
    with closing(sqlite3.connect(path)) as database:
        return database.execute("SELECT x FROM t").fetchall()


def test_what_is_committed_after_another_process_has_left_is_there_for_all(open_database):
    path, engine = open_database
    log = path.with_name("bridge.db-wal")
    before = log.stat().st_ino
    visit(path)
    with engine.execution_options(writing=True).begin() as writer:
        writer.execute(text("INSERT INTO t VALUES (1)"))
    visit(path)
    assert log.stat().st_ino == before
    assert seen_by_others(path) == [(1,)]


def test_making_sure_that_a_file_is_private_leaves_its_locks_alone(open_database):
    path, _ = open_database
    log = path.with_name("bridge.db-wal")
    before = log.stat().st_ino
    private_file(path)
    visit(path)
    assert log.stat().st_ino == before
