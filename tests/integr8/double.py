"""A small real HTTP server that records what it is sent and misbehaves on demand."""

import json
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

SAMPLES = Path(__file__).parents[1] / "samples" / "integr8"


@dataclass(frozen=True)
class Seen:
    verb: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def line(self) -> str:
        return f"{self.verb} {self.path}"


@dataclass(frozen=True)
class Answer:
    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drop: bool = False  # close the connection without a word, after the request was read
    cut: int | None = None  # announce the whole body, send so many bytes of it


def says(value: Any, status: int = 200, **headers: str) -> Answer:
    return Answer(status, json.dumps(value).encode(), {name.replace("_", "-"): text for name, text in headers.items()})


def sample(name: str, status: int = 200, **headers: str) -> Answer:
    kind = "text/html" if name.endswith(".html") else "application/json"
    return Answer(status, (SAMPLES / name).read_bytes(), {"Content-Type": kind, **headers})


Script = Callable[[Seen], Answer | None]


class Integr8:
    """Answers from a queue first, then from `script`, then with the sample that fits the request."""

    def __init__(self) -> None:
        self.seen: list[Seen] = []
        self._queue: deque[Answer] = deque()
        self.script: Script = lambda _: None
        handler = type("Handler", (_Handler,), {"double": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def will(self, *answers: Answer) -> None:
        self._queue.extend(answers)

    @property
    def lines(self) -> list[str]:
        return [seen.line for seen in self.seen]

    def answer(self, seen: Seen) -> Answer:
        self.seen.append(seen)
        if self._queue:
            return self._queue.popleft()
        return self.script(seen) or _usual(seen)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


MANY = r"/(users|offers|publishers|advertisers|events|landing-pages|exports)"
#: The first pattern that fits `VERB path` says which sample is the answer.
USUAL = {
    r"POST .*/download-center/.*": "export_started.json",
    r"GET .*/artifact-url": "url.json",
    r"GET .*/exports/[^/]+": "export_ready.json",
    r"GET .*-table": "conversions_page.json",
    r"POST .*": "created.json",
    rf"GET .*{MANY}": "offers_page.json",
    r"GET .*": "offer.json",
    r".*": "empty.json",
}


def _usual(seen: Seen) -> Answer:
    return sample(next(name for pattern, name in USUAL.items() if re.fullmatch(pattern, seen.line)))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    double: Integr8

    def handle_any(self) -> None:
        parts = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = parse_qs(parts.query, keep_blank_values=True)
        answer = self.double.answer(Seen(self.command, unquote(parts.path), query, headers, body, time.monotonic()))
        time.sleep(answer.delay)
        if answer.drop:
            self._hang_up()
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body[: answer.cut])
        if answer.cut is not None:
            self._hang_up()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any  # noqa: N815 - http.server asks for these

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        pass
