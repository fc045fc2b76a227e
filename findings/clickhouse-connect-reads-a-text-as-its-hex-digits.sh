#!/usr/bin/env bash
# clickhouse-connect gives the hex digits of a text that is no UTF-8, and no sign that it did.
#
# Package: clickhouse-connect 1.12.0 with chdb 4.4.0 (ClickHouse's engine 26.9, in the process).
# A String of ClickHouse holds any bytes. One would expect an error for a value that is no UTF-8, or bytes, or a
# replacement character. Seen: each such value comes back as a str of its hex digits, in the same column as values that
# were decoded, and the type of the column says nothing. `b"caf\xe9"` (Latin-1, from an old tracker) is "636166e9", which
# is also what the text "636166e9" comes back as: two sub ids have become one, and a filter made of what was read finds
# the wrong one. With query_formats={"String": "bytes"} both come back as they are.
# Why it matters here: sub ids and names come from senders as they are. Grouped by such a column, the traffic of two
# publishers is shown under one name, and a rule pauses both or neither.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check clickhouse-connect==1.12.0 chdb==4.4.0 2> "$work/pip.log" ||
  { cat "$work/pip.log" >&2; exit 1; }
"$work/venv/bin/python" - <<'PYTHON'
import clickhouse_connect

client = clickhouse_connect.get_client(interface="chdb")
client.command("CREATE TABLE clicks (sub_id String, payout Int64) ENGINE = MergeTree ORDER BY payout")
latin, hexed = "caf\u00e9".encode("latin-1"), b"636166e9"
client.insert("clicks", [[latin, 1], [hexed, 2], ["caf\u00e9".encode(), 4]], column_names=["sub_id", "payout"])
query = "SELECT sub_id, sum(payout) FROM clicks GROUP BY sub_id ORDER BY 2"

read = client.query(query).result_rows
print("as texts:", read)
print("different in ClickHouse:", client.query("SELECT uniqExact(sub_id) FROM clicks").first_item)
asked = client.query("SELECT sum(payout) FROM clicks WHERE sub_id = {one:String}", parameters={"one": read[0][0]})
print("asked for what was read first, whose payout is 1:", asked.first_row)
plain = client.query(query, query_formats={"String": "bytes"}).result_rows
print("as bytes:", plain)

assert [text for text, _ in read] == ["636166e9", "636166e9", "caf\u00e9"], read
assert asked.first_row == (2,), asked.first_row
assert [text for text, _ in plain] == [latin, hexed, "caf\u00e9".encode()], plain
print("two sub ids are one text, and the filter found the other one")
PYTHON
