#!/usr/bin/env bash
# A time that goes into Polars in UTC and comes out in a local zone is another instant, an hour away.
#
# Packages: polars 2.1.0, duckdb 2.0.1, tzdata 2026.6 (the tables of version 2026f).
#
# Expected: a conversion between zones changes how an instant is written, never the instant; and whatever tables a library
# carries, value and label come from the same ones.
# Seen: Polars converts by tables of its own, built in when it was compiled, which lack the changes of 2026: Vancouver and
# Edmonton keep summer time all year, Morocco is on UTC. The Python value that it hands out carries a ZoneInfo, which
# knows them. 07:30 UTC becomes "23:30-07:00", which is 06:30 UTC. No newer `tzdata` helps. DuckDB 2.0.1, which also has
# tables of its own, agrees with Python.
#
# Why it matters here: an account in one of these zones gets each click an hour early in every export, and "yesterday"
# starts an hour off: spend near midnight lands on the wrong day's budget. Convert in Python, or keep UTC in Polars.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check polars==2.1.0 duckdb==2.0.1 tzdata==2026.6
"$folder/venv/bin/python" - <<'PY'
import zoneinfo

zoneinfo.reset_tzpath(())  # the tables of the package alone, not those of the operating system

from datetime import UTC, datetime, timedelta

import duckdb
import polars

CLICK = datetime(2026, 12, 1, 7, 30, tzinfo=UTC)
connection = duckdb.connect()
moved = {}
for zone in ("America/Vancouver", "America/Edmonton", "Africa/Casablanca", "America/New_York"):
    handed_out = polars.Series([CLICK]).dt.convert_time_zone(zone)[0]
    by_python = CLICK.astimezone(zoneinfo.ZoneInfo(zone))
    by_duckdb = connection.execute("SELECT timezone(?, ?::TIMESTAMPTZ)", [zone, CLICK]).fetchone()[0]
    moved[zone] = handed_out.astimezone(UTC) - CLICK
    print(f"{zone:18} Python {by_python}, DuckDB {by_duckdb}, Polars {handed_out}: moved by {moved[zone] / timedelta(hours=1):+.0f} h")
    assert by_duckdb == by_python.replace(tzinfo=None)
assert moved["America/New_York"] == timedelta(0)
assert moved["America/Vancouver"] == moved["America/Edmonton"] == timedelta(hours=-1), "the built-in tables are newer now"
assert moved["Africa/Casablanca"] == timedelta(hours=1)

vancouver = polars.Series([CLICK]).dt.convert_time_zone("America/Vancouver")
by_polars = vancouver.dt.date()[0].isoformat()
by_python = CLICK.astimezone(zoneinfo.ZoneInfo("America/Vancouver")).date().isoformat()
print(f"the day of this click in Vancouver: {by_polars} by Polars, {by_python} by Python")
assert (by_polars, by_python) == ("2026-11-30", "2026-12-01")
PY
