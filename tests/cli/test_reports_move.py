"""`reports move` takes observations to ClickHouse and back, and says what stands in its way."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner

from bridge.cli import cli
from bridge.cli.session import Session
from bridge.reports import chunk_cache, report_rows
from bridge.store import feeds
from bridge.store.feeds import FeedKey, Kind

CLICKS = [
    {"real_tx_id": f"01CLCK{number:020d}", "request_time": "2026-03-02 10:00:00", "offer_id": "1"}
    for number in range(30)
]


@pytest.fixture
def home(tmp_path, sqlite_url, monkeypatch):
    """A home with thirty clicks."""
    made = tmp_path / "home"
    made.mkdir()
    (made / "bridge.yaml").write_text("accounts: {}\n")
    monkeypatch.setenv("BRIDGE_HOME", str(made))
    monkeypatch.setenv("DATABASE_URL", sqlite_url)
    session = Session()
    with session.write() as database:
        feed = feeds.ensure(database, FeedKey(kind=Kind.CLICKS))
        chunk_cache.add(
            database, feed.id, report_rows.read(Kind.CLICKS, CLICKS, datetime(2026, 3, 2, 11, tzinfo=UTC)).batch
        )
    session.close()
    return made


def run(*arguments):
    return CliRunner().invoke(cli, ["reports", "move", *arguments], obj=Session())


def test_there_and_back(home, clickhouse, monkeypatch):
    monkeypatch.setenv("OBSERVATIONS_URL", clickhouse.url)
    assert run("clickhouse").stdout == "30 of 30 facts lie in ClickHouse\n"
    assert clickhouse.ask("SELECT count(), uniqExact(transaction) FROM bridge_observations") == "30\t30\n"
    assert json.loads(run("clickhouse", "--json").stdout) == {"to": "clickhouse", "facts": 30, "of": 30}
    assert run("database").stdout == "30 of 30 facts lie in the database\n"


def test_without_an_address_it_says_what_is_missing(home):
    done = run("clickhouse")
    assert done.exit_code == 1
    assert "OBSERVATIONS_URL is not set" in done.output


def test_where_clickhouse_is_away_it_says_so_and_how_to_go_on(home, clickhouse, monkeypatch):
    monkeypatch.setenv("OBSERVATIONS_URL", clickhouse.url)
    clickhouse.break_("fail")
    done = run("clickhouse")
    assert done.exit_code == 1
    assert "the same command continues" in done.output
    assert "Traceback" not in done.output
