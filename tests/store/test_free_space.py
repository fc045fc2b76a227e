"""What was deleted from SQLite's file is given back to the disk, but for some room that the next rows take."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import text

from bridge.store import free_space
from bridge.store.engine import Store, make_engine

ROWS = 3_000


@pytest.fixture
def filled(tmp_path) -> tuple[Store, Path]:
    file = tmp_path / "some.db"
    store = Store(make_engine(f"sqlite:///{file}"))
    with store.write() as session:
        session.execute(text("CREATE TABLE big (id INTEGER PRIMARY KEY, body BLOB)"))
        session.execute(text("INSERT INTO big (body) VALUES (randomblob(5000))"), [{}] * ROWS)
    return store, file


def size_of(store: Store, file: Path) -> int:
    with store.engine.connect() as connection:
        connection.connection.driver_connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    return file.stat().st_size


def test_the_file_becomes_shorter_and_keeps_every_row_that_is_left(filled):
    store, file = filled
    with store.write() as session:
        before = session.execute(text("SELECT id, body FROM big WHERE id % 5 = 0")).all()
        session.execute(text("DELETE FROM big WHERE id % 5 <> 0"))
    whole = size_of(store, file)
    given = free_space.give_back(store)
    assert given > whole * 0.4
    assert whole - given * 1.1 < size_of(store, file) <= whole - given  # the map of pages becomes shorter, too
    with store.read() as session:
        assert session.execute(text("SELECT id, body FROM big")).all() == before
        assert session.execute(text("PRAGMA integrity_check")).scalar() == "ok"
    assert free_space.give_back(store) == 0


def test_a_little_free_space_stays_for_the_next_rows(filled):
    store, _ = filled
    with store.write() as session:
        session.execute(text("DELETE FROM big WHERE id < 200"))
    assert free_space.give_back(store) == 0


def test_a_file_from_before_takes_new_rows_in_and_stays_as_long(tmp_path):
    old = tmp_path / "old.db"
    with sqlite3.connect(old) as connection:
        connection.execute("CREATE TABLE big (id INTEGER PRIMARY KEY, body BLOB)")
        connection.executemany("INSERT INTO big (body) VALUES (randomblob(5000))", [()] * ROWS)
    again = Store(make_engine(f"sqlite:///{old}"))
    with again.write() as session:
        session.execute(text("DELETE FROM big"))
    assert free_space.give_back(again) == 0


def test_a_new_connection_writes_nothing_into_a_file_that_is_there(filled):
    """Who only reads waits for nobody: another connection holds the lock of writers all the while."""
    _store, file = filled
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    other = Store(make_engine(f"sqlite:///{file}"))
    with other.read() as session:
        assert session.execute(text("SELECT count(*) FROM big")).scalar() == ROWS
        assert session.execute(text("PRAGMA auto_vacuum")).scalar() == 2
    writer.execute("ROLLBACK")
    writer.close()
    other.close()
