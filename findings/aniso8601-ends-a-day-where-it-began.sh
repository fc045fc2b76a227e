#!/usr/bin/env bash
# aniso8601 reads 24:00 of a day as 00:00 of the same day: a period that covers a day is empty.
#
# Packages: aniso8601 10.0.1, ciso8601 2.3.3.
#
# Expected: ISO 8601 writes the end of a day as 24:00, the same instant as 00:00 of the next day. ciso8601 reads it so.
# Seen: `parse_datetime("2026-11-29T24:00:00Z")` gives 2026-11-29T00:00:00, 24 hours early, without an error, and
# `parse_interval` of one whole day gives an interval whose two ends are equal.
#
# Why it matters here: advertisers' systems end report periods and caps with T24:00:00. Flask-RESTful and others read
# query parameters with this package; a report asked for a day holds no row, and a cap that ends at midnight ended before
# it began.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check aniso8601==10.0.1 ciso8601==2.3.3
"$folder/venv/bin/python" - <<'PY'
from datetime import timedelta

import aniso8601
import ciso8601

end = "2026-11-29T24:00:00Z"
one, other = aniso8601.parse_datetime(end), ciso8601.parse_datetime(end)
print(f"{end}: {one.isoformat()} by aniso8601, {other.isoformat()} by ciso8601")
assert other - one == timedelta(days=1), "both read the same instant now"

first, last = aniso8601.parse_interval(f"2026-11-29T00:00:00Z/{end}")
print(f"the day of 29 November as an interval: {first.isoformat()} to {last.isoformat()}")
assert first == last, "the interval is not empty any more"
PY
