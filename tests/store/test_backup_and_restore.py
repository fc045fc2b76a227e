"""Copies of the database: made while it is used, checked, never over something else, put back when it is at rest."""

import sqlite3
import uuid
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import make_url, text

from bridge.store import audit_log, backups, migrate, partitions
from bridge.store.backups import CopyError
from bridge.store.engine import Store, make_engine

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def written(database_url):
    """A database that holds something, with nobody connected to it."""
    store = Store(make_engine(database_url))
    with store.write() as session:
        audit_log.note(session, who="ann", what="test", about="copies", now=NOW)
    store.close()
    return database_url


@pytest.fixture
def empty(request, database_url, tmp_path):
    if database_url.startswith("sqlite"):
        return f"sqlite:///{tmp_path / 'new' / 'bridge.db'}"
    return request.getfixturevalue("postgres")()


def people(url):
    store = Store(make_engine(url))
    try:
        with store.read() as session:
            return list(session.execute(text("SELECT who FROM audit")).scalars())
    finally:
        store.close()


def back_up(url, tmp_path, name="copy"):
    return backups.back_up(url, tmp_path / name).file


def test_a_copy_brings_everything_into_a_new_database(written, empty, tmp_path):
    backups.restore(empty, back_up(written, tmp_path), now=NOW)
    assert people(empty) == ["ann"]


def test_a_copy_is_made_while_somebody_writes(written, tmp_path):
    store = Store(make_engine(written))
    with store.write() as session:
        audit_log.note(session, who="not yet", what="test", about="copies", now=NOW)
        session.flush()
        assert back_up(written, tmp_path).stat().st_size > 0
    store.close()


def test_a_copy_never_replaces_a_file(written, tmp_path):
    (tmp_path / "copy").write_text("something else")
    with pytest.raises(CopyError, match="exists already"):
        back_up(written, tmp_path)
    assert (tmp_path / "copy").read_text() == "something else"


def test_a_copy_replaces_a_file_when_told_to(written, empty, tmp_path):
    (tmp_path / "copy").write_text("something else")
    backups.back_up(written, tmp_path / "copy", overwrite=True)
    backups.restore(empty, tmp_path / "copy", now=NOW)
    assert people(empty) == ["ann"]


def test_a_copy_is_for_its_owner_only(written, tmp_path):
    assert back_up(written, tmp_path).stat().st_mode & 0o777 == 0o600


def test_nothing_half_made_is_left_behind(written, tmp_path):
    with pytest.raises(CopyError, match="directory not found"):
        backups.back_up(written, tmp_path / "missing" / "copy")
    back_up(written, tmp_path)
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


def test_a_database_with_data_is_not_replaced_unasked(written, tmp_path):
    copy = back_up(written, tmp_path)
    with pytest.raises(CopyError, match="holds data"):
        backups.restore(written, copy, now=NOW)


def test_a_database_in_use_is_never_replaced(written, tmp_path):
    copy = back_up(written, tmp_path)
    store = Store(make_engine(written))
    with store.read() as session:
        session.execute(text("SELECT 1"))
        with pytest.raises(CopyError, match="stop web, worker and beat"):
            backups.restore(written, copy, now=NOW, overwrite=True)
    store.close()


def test_replacing_brings_back_what_was_there_when_the_copy_was_made(written, tmp_path):
    copy = back_up(written, tmp_path)
    store = Store(make_engine(written))
    with store.write() as session:
        audit_log.note(session, who="later", what="test", about="copies", now=NOW)
    store.close()
    backups.restore(written, copy, now=NOW, overwrite=True)
    assert people(written) == ["ann"]


@pytest.mark.postgres
def test_months_come_back_over_a_database_that_has_others(postgres, tmp_path):
    url = postgres()
    call = "INSERT INTO calls (account, operation, targets, started_at) VALUES ('a', 'o', 1, now()) RETURNING id"

    def months(*, prepare=None):
        engine = make_engine(url)
        with engine.begin() as connection:
            if prepare is not None:
                partitions.prepare(connection, prepare)
            found = [one.name for one in partitions.partitions(connection, "calls")]
            number = connection.scalar(text(call))
        engine.dispose()
        return found, number

    before, number = months()
    copy = back_up(url, tmp_path)
    assert len(months(prepare=datetime.now(UTC) + timedelta(days=100))[0]) > len(before)
    backups.restore(url, copy, now=NOW, overwrite=True)
    assert months() == (before, number + 1)


def test_a_restored_database_has_the_present_schema(written, empty, tmp_path):
    backups.restore(empty, back_up(written, tmp_path), now=NOW)
    engine = make_engine(empty)
    migrate.upgrade(engine)
    assert migrate.drift(engine) == []
    engine.dispose()


@pytest.mark.postgres
def test_a_user_who_may_only_use_the_schema_copies_and_restores(postgres, tmp_path):
    """A database of a provider: the owner is somebody else, and the service's user may make tables and nothing more."""
    name = f"bridge_{uuid.uuid4().hex[:8]}"
    urls = [postgres(), postgres()]
    for url in urls:
        engine = make_engine(url)
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as owner:
            if url == urls[0]:
                owner.execute(text(f"CREATE ROLE {name} LOGIN PASSWORD 'a-password'"))
            owner.execute(text("DROP SCHEMA public CASCADE"))
            owner.execute(text("CREATE SCHEMA public"))
            owner.execute(text(f"GRANT USAGE, CREATE ON SCHEMA public TO {name}"))
            assert not owner.scalar(text(f"SELECT has_database_privilege('{name}', current_database(), 'CREATE')"))
        engine.dispose()
    theirs = [
        make_url(url).set(username=name, password="a-password").render_as_string(hide_password=False) for url in urls
    ]
    store = Store(make_engine(theirs[0]))
    migrate.upgrade(store.engine)
    with store.write() as session:
        audit_log.note(session, who="ann", what="test", about="copies", now=NOW)
    store.close()
    copy = back_up(theirs[0], tmp_path)
    backups.restore(theirs[1], copy, now=NOW)
    backups.restore(theirs[1], copy, now=NOW, overwrite=True)
    assert people(theirs[1]) == ["ann"]


@pytest.mark.parametrize("damage", ["cut short", "not a copy at all"])
def test_a_damaged_copy_changes_nothing(written, tmp_path, damage):
    copy = back_up(written, tmp_path)
    copy.write_bytes(copy.read_bytes()[:30_000] if damage == "cut short" else b"hello" * 1000)
    with pytest.raises(CopyError):
        backups.restore(written, copy, now=NOW, overwrite=True)
    assert people(written) == ["ann"]


def test_a_copy_of_a_newer_version_is_refused(sqlite_url, tmp_path):
    copy = back_up(sqlite_url, tmp_path)
    with closing(sqlite3.connect(copy)) as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
        newer.commit()
    with pytest.raises(CopyError, match="newer version"):
        backups.restore(f"sqlite:///{tmp_path / 'new.db'}", copy, now=NOW)


def test_what_is_replaced_is_kept_beside_it(sqlite_url, tmp_path):
    copy = back_up(sqlite_url, tmp_path)
    done = backups.restore(sqlite_url, copy, now=NOW, overwrite=True)
    assert done.aside == tmp_path / "bridge.db.replaced-20260302T120000"
    assert done.aside.is_file()


def test_a_row_without_its_other_half_is_damage(sqlite_url, tmp_path):
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as careless:
        careless.execute("INSERT INTO effect_calls VALUES (1, 1)")
        careless.commit()
    with pytest.raises(CopyError, match="damaged"):
        back_up(sqlite_url, tmp_path)


def test_without_postgresqls_programs_it_says_what_to_type(tmp_path):
    with pytest.raises(CopyError, match="pg_dump --format=custom"):
        backups.program("pg_dump", 18, [tmp_path])


def test_programs_that_are_older_than_the_server_are_passed_over(tmp_path):
    old, new = (tmp_path / version for version in ("15", "18"))
    for place in (old, new):
        place.mkdir()
        (place / "pg_dump").write_text(f"#!/bin/sh\necho 'pg_dump (PostgreSQL) {place.name}.6 (Debian)'\n")
        (place / "pg_dump").chmod(0o700)
    assert backups.program("pg_dump", 18, [old, new]) == str(new / "pg_dump")
    with pytest.raises(CopyError, match=r"is of 15\); install postgresql-client-18"):
        backups.program("pg_dump", 18, [old])


def test_a_password_is_in_no_list_of_processes():
    address, environment = backups._libpq("postgresql+psycopg://ann:very-secret@db/bridge?sslmode=require")
    assert "very-secret" not in address
    assert environment["PGPASSWORD"] == "very-secret"
