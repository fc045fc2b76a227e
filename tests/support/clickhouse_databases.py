"""ClickHouse for tests: one engine for each of pytest's workers, a database for each test."""

from dataclasses import replace
from itertools import count

import clickhouse_server
import pytest


@pytest.fixture(scope="session")
def clickhouse_engine():
    """ClickHouse's own engine behind its HTTP interface, one for each of pytest's workers."""
    pytest.importorskip("chdb", reason="chdb is not installed")
    with clickhouse_server.started() as server:
        yield server


@pytest.fixture
def clickhouse(clickhouse_engine):
    """The same, with a database of its own for this test, and mended after it."""
    name = f"test_{next(_databases)}"
    clickhouse_engine.ask(f"CREATE DATABASE {name}")
    yield replace(clickhouse_engine, database=name)
    clickhouse_engine.break_("")
    clickhouse_engine.ask(f"DROP DATABASE {name}")


_databases = count()
