#!/usr/bin/env bash
# The package named uuid7 makes version 7 ids whose time, read as RFC 9562 says, lies in the year 2203.
#
# Packages: uuid7 0.1.0 (module uuid_extensions), uuid6 2025.0.1.
#
# Expected: an id that says "version 7" carries milliseconds since 1970 in its first 48 bits, as RFC 9562 has it, so that
# any reader gets the time back and ids of two programs sort together.
# Seen: uuid7 follows an early draft (36 bits of seconds, then fractions). The version nibble is 7, the RFC's reader gets
# a date about 176 years ahead, and every such id sorts behind every id of the RFC's layout, whichever is older.
#
# Why it matters here: delivery ids and click ids are UUIDs of version 7 more and more often. Whoever reads the time out of
# one (age of a delivery, partition of a table, "newest first") is wrong for senders that use this package, and a cursor
# that has seen one of them never moves on to an id of the RFC's layout.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -qq --disable-pip-version-check uuid7==0.1.0 uuid6==2025.0.1
"$folder/venv/bin/python" - <<'PY'
import time
from datetime import UTC, datetime

import uuid6
import uuid_extensions


def moment(identifier):
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, UTC)


first = uuid_extensions.uuid7()
time.sleep(0.05)
later = uuid6.uuid7()
now = datetime.now(UTC)
for name, made in (("uuid7, first", first), ("uuid6, later", later)):
    print(f"{name:14}{made}  version {made.version}  {moment(made).isoformat(timespec='seconds')}")
assert first.version == later.version == 7
assert abs((moment(later) - now).total_seconds()) < 60
years = (moment(first) - now).days / 365.25
print(f"the first one claims to be {years:.0f} years ahead; newest first puts it on top: {max(first, later) == first}")
assert years > 100, "the package uses the RFC's layout now"
assert first > later
PY
