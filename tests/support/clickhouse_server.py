"""ClickHouse for tests: its own engine (chdb) behind as much of its HTTP interface as clickhouse-connect uses.

One process has one engine, which wants threads of its own and cannot be forked: so it is started beside the tests. A
test that breaks the connection, or writes from several processes, meets a real socket and the real client.
"""

import base64
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit
from urllib.request import Request, urlopen

USER, PASSWORD = "bridge", "a p@ss/word: of tests"
AUTHENTICATION_FAILED = 516
FOR_INSERTS = "max_partitions_per_insert_block = 0"  # as the client asks; other settings are not looked at
#: What a test may ask for instead of an answer: the next insert is done and not answered, or every question fails.
FAULTS = ("", "lose the answer of an insert", "fail", "hang up")


@dataclass
class Server:
    """One that runs."""

    port: int
    process: int
    database: str = "default"

    @property
    def url(self) -> str:
        return f"clickhouse://{USER}:{quote(PASSWORD, safe='')}@127.0.0.1:{self.port}/{self.database}"

    def peak_mb(self) -> int:
        """The most memory that the engine has had so far."""
        status = Path(f"/proc/{self.process}/status").read_text().split()
        return int(status[status.index("VmHWM:") + 1]) // 1024

    def break_(self, fault: str) -> None:
        """From now on; "" mends it."""
        assert fault in FAULTS
        urlopen(Request(f"http://127.0.0.1:{self.port}/fault", data=fault.encode())).close()

    def ask(self, query: str) -> str:
        """The answer to a question, as lines."""
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        place = f"http://127.0.0.1:{self.port}/?database={self.database}"
        with urlopen(Request(place, data=query.encode(), headers={"Authorization": f"Basic {token}"})) as answer:
            return answer.read().decode()


@contextmanager
def started() -> Iterator[Server]:
    """A server of its own, without any data."""
    command = [sys.executable, __file__]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.strip().isdecimal(), f"the server did not start: {line!r}"
        yield Server(int(line), process.pid)
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it ends when nobody is there any more, so also when the tests are killed
        assert process.stdout is not None
        process.stdout.close()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class Engine:
    """chdb, one question at a time."""

    def __init__(self, directory: Path) -> None:
        from chdb import session

        self._directory = directory
        self._session = session.Session(str(directory / "data"))
        self._lock = threading.Lock()
        self._numbers = iter(range(10**9))

    def ask(self, query: str, body: bytes, database: str) -> bytes:
        with self._lock:
            self._session.query(f"USE {database}")
            if not body:
                return bytes(self._session.query(query, "TabSeparated").bytes() or b"")
            file = self._directory / f"{next(self._numbers)}.native"
            file.write_bytes(body)
            try:
                self._session.query(f"{query} SELECT * FROM file('{file}', 'Native') SETTINGS {FOR_INSERTS}")
            finally:
                file.unlink()
            return b""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # an answer leaves as one piece,
    disable_nagle_algorithm = True  # at once
    engine: Engine
    fault = ""

    def do_GET(self) -> None:
        self._answer(200, b"Ok.\n")

    def do_POST(self) -> None:
        body = self._body()
        if self.path == "/fault":
            Handler.fault = body.decode()
            self._answer(200, b"")
            return
        token = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {token}":
            text = f"Code: {AUTHENTICATION_FAILED}. DB::Exception: {USER}: Authentication failed: password is incorrect"
            self._answer(403, text.encode(), AUTHENTICATION_FAILED)
            return
        if Handler.fault == "hang up":
            self.close_connection = True
            self.connection.close()
            return
        if Handler.fault == "fail":
            self._answer(500, b"Code: 241. DB::Exception: Memory limit (total) exceeded", 241)
            return
        asked = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        head, _, data = (
            body.partition(b" FORMAT Native\n") if body.lstrip()[:6].upper() == b"INSERT" else (body, b"", b"")
        )
        query = asked.get("query") or head.decode()
        try:
            found = self.engine.ask(query, data, asked.get("database") or "default")
        except Exception as error:  # noqa: BLE001 - whatever the engine says is the answer
            self._answer(500, str(error).encode(), 1)
            return
        if Handler.fault == "lose the answer of an insert" and data:
            Handler.fault = ""
            self.close_connection = True
            self.connection.close()
            return
        self._answer(200, found)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            parts = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                parts.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            body = b"".join(parts)
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        encoding = self.headers.get("Content-Encoding", "")
        if encoding == "lz4":
            import lz4.frame

            whole = b""
            while body:  # a frame for each block of rows
                frame = lz4.frame.LZ4FrameDecompressor()
                whole += frame.decompress(body)
                body = frame.unused_data or b""
            return whole
        if encoding == "zstd":
            from backports import zstd

            return zstd.decompress(body)
        assert not encoding, encoding
        return body

    def _answer(self, status: int, body: bytes, code: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-ClickHouse-Timezone", "UTC")
        if code:
            self.send_header("X-ClickHouse-Exception-Code", str(code))
        self.end_headers()
        self.wfile.write(body)
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """Quiet."""


def main() -> None:
    with tempfile.TemporaryDirectory() as directory:
        Handler.engine = Engine(Path(directory))
        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        sys.stdout.write(f"{server.server_address[1]}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.shutdown()


if __name__ == "__main__":
    main()
