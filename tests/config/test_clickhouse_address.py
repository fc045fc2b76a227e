"""OBSERVATIONS_URL says where ClickHouse is; what is wrong with it is said by `check`, and never with its password."""

import sys

import pytest

from bridge.config import settings
from bridge.config.clickhouse_address import BadAddress, parse
from bridge.config.errors import SettingsError


def test_an_address_is_read_with_all_its_parts():
    found = parse("clickhouses://ann:p%40ss%2F%23@[::1]:9440/network?insert_quorum=auto&max_threads=2")
    assert (found.host, found.port, found.database, found.user) == ("::1", 9440, "network", "ann")
    assert (found.password, found.secure) == ("p@ss/#", True)
    assert found.settings == {"insert_quorum": "auto", "max_threads": "2"}
    assert "p@ss" not in repr(found)


@pytest.mark.parametrize(("scheme", "port"), [("clickhouse", 8123), ("clickhouses", 8443)])
def test_what_is_left_out_is_as_usual(scheme, port):
    found = parse(f"{scheme}://ch.example.com")
    assert (found.host, found.port, found.database, found.user, found.password) == (
        "ch.example.com", port, "default", "default", "",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://ann:hush@ch:8123/db", "is not a clickhouse:// or clickhouses:// address"),
        ("ch:8123", "is not a clickhouse:// or clickhouses:// address"),
        ("clickhouse://ann:hu/sh@ch:8123/db", "must be encoded"),
        ("clickhouse://ann:hush@[ch:8123/db", "brackets that hold no IPv6 address"),
        ("clickhouse://ann:hu#sh@ch:8123/db", "must be encoded"),
        ("clickhouse://ann:hush@ch:99999/db", "not a number from 1 to 65535"),
        ("clickhouse://ann:hush@ch:port/db", "not a number from 1 to 65535"),
        ("clickhouse:///db", "needs a host"),
        ("clickhouse://ann:hush@ch:8123/db/table", "at most a database name"),
    ],
)
def test_a_bad_address_is_refused_with_what_to_write(url, words, tmp_path, monkeypatch):
    with pytest.raises(BadAddress, match=words) as told:
        parse(url)
    assert "hu" not in str(told.value).replace("clickhouse://USER", "")
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    monkeypatch.setenv("OBSERVATIONS_URL", url)
    with pytest.raises(SettingsError) as refused:
        settings.load(tmp_path)
    [line] = refused.value.problems
    assert line.startswith("settings: OBSERVATIONS_URL ")
    assert "write clickhouse://USER:PASSWORD@HOST:8123/DATABASE" in line
    assert "hush" not in line


def test_the_package_that_is_missing_is_named(tmp_path, monkeypatch):
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    monkeypatch.setenv("OBSERVATIONS_URL", "clickhouse://ch/db")
    monkeypatch.setitem(sys.modules, "clickhouse_connect", None)
    with pytest.raises(SettingsError, match=r"pip install 'integr8-bridge\[clickhouse\]'"):
        settings.load(tmp_path)


def test_the_address_may_come_from_a_mounted_file(tmp_path, monkeypatch):
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    (tmp_path / "url").write_text("clickhouse://ann:hush@ch/db\n")
    monkeypatch.setenv("OBSERVATIONS_URL_FILE", str(tmp_path / "url"))
    found = settings.load(tmp_path)
    assert found.clickhouse is not None
    assert found.clickhouse.password == "hush"
    assert "hush" not in repr(found)
