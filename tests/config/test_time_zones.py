"""The newer time-zone rules are used, in every process, before any zone is made."""

import os
import subprocess
import sys
from datetime import date

import pytest

from bridge.config.time_zones import IN_USE, Rules, of_machine, of_package, use_the_newer

ASK = """
import bridge, zoneinfo
from datetime import datetime
print(bridge.TIME_ZONES.version, datetime(2027, 1, 1, tzinfo=zoneinfo.ZoneInfo("Africa/Casablanca")).utcoffset())
"""


def test_the_package_is_used_where_the_machine_is_behind(tmp_path):
    (tmp_path / "tzdata.zi").write_text("# version 2020a\n")
    assert of_machine([str(tmp_path / "missing"), str(tmp_path)]) == "2020a"
    assert (of_package() or "") > "2020a"


def test_a_process_reads_the_newer_rules():
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONTZPATH"}
    asked = [sys.executable, "-c", ASK]
    out = subprocess.run(asked, capture_output=True, text=True, env=environment, check=True).stdout
    version = out.split()[0]
    assert version == max(of_package() or "", version)


def test_what_the_user_has_chosen_stays(monkeypatch):
    monkeypatch.setenv("PYTHONTZPATH", "/usr/share/zoneinfo")
    assert use_the_newer().origin == "the machine"


def test_files_that_do_not_say_their_version_are_older_than_the_package(tmp_path):
    assert of_machine([str(tmp_path)]) == ""
    assert of_machine([]) is None


@pytest.mark.parametrize(("version", "old"), [("2025b", True), ("2026f", False), ("2024a", True), (None, False)])
def test_rules_older_than_a_year_are_told(version, old):
    assert Rules(version, "the machine").is_old(date(2026, 11, 29)) is old


def test_the_rules_in_use_are_known():
    assert IN_USE.version is not None
