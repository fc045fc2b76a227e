#!/usr/bin/env bash
# The same number makes an id of 2026 or of 1970: the unit depends on whether it is written 1795939200 or 1795939200.0.
#
# Package: python-ulid 4.1.0.
#
# Expected: `ULID.from_timestamp` has one unit, and seconds stay seconds with and without a decimal point.
# Seen: a float is read as seconds, an int as milliseconds. 1795939200 seconds give 1970-01-21, no error. The id is
# valid; it only sorts before everything else.
#
# Why it matters here: postbacks and trackers write seconds since 1970, some with a fraction and some without. An id that
# is made from the click's time puts whole seconds 56 years back: cursors jump over them, retention by id deletes them in
# its first run, and deduplication by "ids of the last days" never looks there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check python-ulid==4.1.0
"$folder/venv/bin/python" - <<'PY'
import json

from ulid import ULID

body = json.loads('{"first": 1795939200.0, "second": 1795939200, "third": 1795939201.5}')
ids = {name: ULID.from_timestamp(seconds) for name, seconds in body.items()}
for name, made in ids.items():
    print(f"{name:7}{body[name]!r:14}{made}  {made.datetime.isoformat()}")
order = sorted(ids, key=lambda name: str(ids[name]))
print("sorted by id:", order)
assert body["first"] == body["second"]
assert ids["first"].datetime.year == 2026
assert ids["second"].datetime.year == 1970, "an int is read as seconds now"
assert order == ["second", "first", "third"]
PY
