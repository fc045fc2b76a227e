"""The simulator as a process: a threaded server that keeps connections open and stops when told to."""

import io
import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any, Self

from flask import Flask
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler

from bridge.simulator.world import World

TICK_SECONDS = 0.2  # seconds between checks for due postbacks and live traffic
IDLE_SECONDS = 60.0  # for which a connection without a request is kept open


class Handler(WSGIRequestHandler):
    """An HTTP/1.1 handler that keeps connections open. It logs no line per request.

    Werkzeug's own closes each connection after one request, because it cannot know what of a body was left unread.
    This one reads each body whole before the application runs.
    """

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for headers and body; unbuffered, Nagle and delayed acks cost 40 ms
    timeout = IDLE_SECONDS
    server: "Server"

    def handle(self) -> None:
        with self.server.connections.open(self.connection):
            super().handle()

    def run_wsgi(self) -> None:
        if self.headers.get("Expect", "").lower().strip() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            self.wfile.flush()
        self.environ = environ = self.make_environ()
        environ["wsgi.input"] = io.BytesIO(self._body(environ))
        environ["wsgi.input_terminated"] = True
        try:
            self._answer(environ)
        except OSError:  # the client has left, or a fault of the world cut the connection
            self.close_connection = True

    def _body(self, environ: dict[str, Any]) -> bytes:
        if environ.get("wsgi.input_terminated"):  # chunked
            return bytes(environ["wsgi.input"].read())
        return self.rfile.read(int(environ.get("CONTENT_LENGTH") or 0))

    def _answer(self, environ: dict[str, Any]) -> None:
        """Send what the application returns. An answer that says its length goes out piece by piece, others whole."""
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: Any = None) -> Any:
            head[:] = [int(status.partition(" ")[0]), headers]
            return self.wfile.write

        parts = self.server.app(environ, start_response)
        try:
            pieces = iter(parts)
            first = next(pieces, b"")
            status, headers = head
            has_length = any(name.lower() == "content-length" for name, _ in headers)
            if not has_length:
                first = b"".join((first, *pieces))
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            if not has_length and status not in {204, 304}:
                self.send_header("Content-Length", str(len(first)))
            self.end_headers()
            self.wfile.write(first)
            self.wfile.flush()  # what is there is sent, also where a fault cuts the rest
            for piece in pieces:
                self.wfile.write(piece)
                self.wfile.flush()
        finally:
            close = getattr(parts, "close", None)
            if close is not None:
                close()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        pass


class Connections:
    """The open connections of a server, so that none outlives it."""

    def __init__(self) -> None:
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()

    @contextmanager
    def open(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def close(self) -> None:
        with self._lock:
            for connection in self._open:
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


class Server(ThreadedWSGIServer):
    """One thread for each connection."""

    def __init__(self, host: str, port: int, app: Flask, handler: type[Handler]) -> None:
        super().__init__(host, port, app, handler)
        self.connections = Connections()


class Service:
    """A running simulator: `with Service(app) as service: ... service.url`."""

    def __init__(self, app: Flask, *, host: str = "127.0.0.1", port: int = 0) -> None:
        logging.getLogger("werkzeug").setLevel(logging.ERROR)
        self.world: World = app.extensions["world"]
        self.server = Server(host, port, app, Handler)
        self.url = f"http://{host}:{self.server.server_port}"
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True),
            threading.Thread(target=self._tick, daemon=True),
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self.server.shutdown()
        for thread in self._threads:
            thread.join()
        self.server.server_close()
        self.server.connections.close()
        self.world.close()

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self.world.tick()


def serve(app: Flask, *, host: str, port: int, port_file: Path | None, announce: Any = print) -> None:
    """Serve until SIGTERM or SIGINT. The complete port file appears when connections are accepted."""
    stop = threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    with Service(app, host=host, port=port) as service:
        if port_file is not None:
            draft = port_file.with_name(f"{port_file.name}.{os.getpid()}")
            draft.write_text(f"{service.server.server_port}\n")
            draft.replace(port_file)
        announce(f"Integr8 simulator on {service.url} (control plane {service.url}/_sim/)")
        stop.wait()
