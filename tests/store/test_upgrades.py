"""Forwards from every released version, with data: what it left behind is there and readable afterwards.

`make release-dump` records a version; see tests/support/releases.
"""

import re
import sqlite3
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from releases.life import rows
from sqlalchemy import create_engine, inspect, select, text

from bridge.store import migrate, schema_version
from bridge.store.engine import Base, Store, make_engine
from bridge.version import VERSION

DUMPS = sorted((Path(__file__).parents[1] / "samples" / "databases").glob("*.sql"))
MARKS = {"sqlite": [], "postgresql": [pytest.mark.postgres]}


def database_of(dump):
    return dump.name.split(".")[-2]


def still_written_anew(url, dump):
    """Until the first release its one migration is rewritten; a record of before such a change says nothing."""
    if len(list((schema_version.MIGRATIONS / "versions").glob("0*.py"))) > 1 or not dump.name.startswith(f"{VERSION}."):
        return False
    engine = make_engine(url)
    try:
        return bool(migrate.drift(engine))
    finally:
        engine.dispose()


@pytest.fixture
def old(loaded):
    url, dump = loaded
    if still_written_anew(url, dump):
        pytest.skip(f"{VERSION} is not released and its schema has changed since: run `make release-dump`")
    return url


@pytest.fixture(params=[pytest.param(dump, id=dump.stem, marks=MARKS[database_of(dump)]) for dump in DUMPS])
def loaded(request, tmp_path):
    """The address of a database as that version left it, and the file that it comes from."""
    dump = request.param
    if database_of(dump) == "sqlite":
        path = tmp_path / "old.db"
        with closing(sqlite3.connect(path)) as database:
            database.executescript(dump.read_text())
        return f"sqlite:///{path}", dump
    address = request.getfixturevalue("postgres")()
    with psycopg.connect(address.replace("+psycopg", ""), autocommit=True) as database:
        database.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        database.execute(dump.read_text().encode())
    return address, dump


def counted(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        names = inspect(connection).get_table_names()
        found = {name: connection.scalar(text(f'SELECT count(*) FROM "{name}"')) for name in names}
    engine.dispose()
    return found


@pytest.fixture
def upgraded(old):
    store = Store(make_engine(old))
    migrate.upgrade(store.engine)
    yield store
    store.close()


def test_both_databases_are_recorded_for_each_version():
    versions = {re.sub(r"\.(sqlite|postgresql)\.sql$", "", dump.name) for dump in DUMPS}
    assert {dump.name for dump in DUMPS} == {f"{one}.{kind}.sql" for one in versions for kind in MARKS}


def test_a_recorded_version_has_something_in_every_table(old):
    assert [name for name, number in counted(old).items() if not number] == []


def test_it_comes_to_the_present_schema(upgraded):
    assert (schema_version.pending(upgraded.engine), migrate.drift(upgraded.engine)) == (False, [])


def test_no_row_is_lost_on_the_way(old):
    before = counted(old)
    store = Store(make_engine(old))
    migrate.upgrade(store.engine)
    after = rows(store)
    store.close()
    assert {name: number for name, number in before.items() if number > after.get(name, number)} == {}


def test_everything_in_it_can_be_read(upgraded):
    with upgraded.read() as session:
        for mapper in Base.registry.mappers:
            assert session.scalars(select(mapper.class_)).all() is not None
