#!/usr/bin/env bash
# clickhouse-connect sends an insert a second time when its connection ends without an answer, and reports success.
#
# Package: clickhouse-connect 1.12.0; chdb 4.4.0 (ClickHouse's engine) stands behind a small HTTP server here.
# The option `query_retries` is 0 in this script, and an insert is no query: one would expect an error, after which the
# caller finds out what is in the table. Seen: where a proxy that is being replaced closes the connection after ClickHouse
# has done the insert, the client sends the same rows again by itself. A MergeTree without replicas does not compare
# blocks: three conversions are six. insert() returns and says that three rows were written.
# Why it matters here: payouts are doubled by each restart of a load balancer, and nothing in the logs says so.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check clickhouse-connect==1.12.0 chdb==4.4.0 2> "$work/pip.log" ||
  { cat "$work/pip.log" >&2; exit 1; }
cd "$work"
"$work/venv/bin/python" - <<'PYTHON'
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import clickhouse_connect
from chdb import session

engine = session.Session("data")
inserts = []


class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])) if "Content-Length" in self.headers else self.chunks()
        head, form, rows = body.partition(b" FORMAT Native\n")
        if head.lstrip().upper().startswith(b"INSERT"):
            Path("rows.native").write_bytes(rows)
            engine.query(f"{head.decode()} SELECT * FROM file('{Path('rows.native').resolve()}', 'Native')")
            inserts.append(len(rows))
            if len(inserts) == 1:
                return  # the rows are in the table; the connection ends here
            answer = b""
        else:
            answer = engine.query(body.decode(), "TabSeparated").bytes() or b""
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def chunks(self):
        parts = []
        while size := int(self.rfile.readline(), 16):
            parts.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(parts)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
client = clickhouse_connect.get_client(
    host="127.0.0.1", port=server.server_address[1], compress=False, query_retries=0, autogenerate_session_id=False
)
client.command("CREATE TABLE conversions (id Int64, payout Int64) ENGINE = MergeTree ORDER BY id")
told = client.insert("conversions", [[1, 250], [2, 250], [3, 250]], column_names=["id", "payout"])
count, payout = client.query("SELECT count(), sum(payout) FROM conversions").first_row
print(f"insert() returned {type(told).__name__}, no error; the rows were sent {len(inserts)} times")
print(f"3 conversions, payout 750, are now {count} conversions, payout {payout}")
assert (len(inserts), count, payout) == (2, 6, 1500), (inserts, count, payout)
PYTHON
