"""Cut off clients that send too slowly, so that none of them holds a thread of the web process.

gunicorn waits without end for the rest of a request that has begun, and has sixteen threads. So there is a time for
the head of a request and one for its body, larger for a larger body; a byte now and then does not lengthen it. How
long an answer takes is nobody's business here: event streams live for hours.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog

log = structlog.get_logger()

HEAD = 10.0  # seconds for the head of a request
BODY = 10.0  # seconds for its body, and one more for each SLOWEST bytes that it announces
SLOWEST = 100_000
UNKNOWN = 1_000_000  # bytes of a body that does not say how long it is
PRESSED = 1.0  # seconds for either, while most threads wait for senders: then others are kept out
LOOK = 0.5  # seconds between two looks at who is late

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """One thread that reads a request: from where, and until when it does so."""

    connection: Any  # gunicorn's; its socket may be wrapped while it is read
    since: float  # time.monotonic()
    until: float


class Patience(threading.Thread):
    """Knows which threads read a request, and ends those that take too long."""

    def __init__(self, *, head: float = HEAD, body: float = BODY, threads: int = 16) -> None:
        super().__init__(name="patience", daemon=True)
        self._head, self._body, self._most = head, body, max(threads * 3 // 4, 1)
        self._waiting: dict[int, Waiting] = {}
        self._lock = threading.Lock()

    def begin(self, connection: Any) -> None:
        """Note that this thread begins to read a request."""
        now = time.monotonic()
        with self._lock:
            self._waiting[threading.get_ident()] = Waiting(connection, now, now + self._head)

    def has_head(self, length: int) -> None:
        """Note that it has the head, and that so many bytes are to follow."""
        now = time.monotonic()
        with self._lock:
            before = self._waiting.pop(threading.get_ident(), None)
            if before is not None and length:
                until = now + self._body + length / SLOWEST
                self._waiting[threading.get_ident()] = Waiting(before.connection, now, until)

    def end(self) -> None:
        """Note that it has the whole request, or has done with it."""
        with self._lock:
            self._waiting.pop(threading.get_ident(), None)

    def run(self) -> None:
        while True:
            time.sleep(LOOK)
            self.cut_off(time.monotonic())

    def cut_off(self, now: float) -> int:
        """End the connections of those that are late. The thread that reads gets an end of data."""
        with self._lock:
            pressed = len(self._waiting) >= self._most
            late = [ident for ident, one in self._waiting.items() if _is_late(one, now, pressed=pressed)]
            for ident in late:
                _shut(self._waiting.pop(ident).connection)
        if late:
            log.warning("slow senders cut off", requests=len(late))
        return len(late)


def _is_late(one: Waiting, now: float, *, pressed: bool) -> bool:
    return one.until <= now or (pressed and now - one.since >= PRESSED)


def _shut(connection: Any) -> None:
    try:
        connection.sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # it is gone already


class Watched:
    """The body of a request, which says when it has been read."""

    def __init__(self, body: Any, length: int, done: Callable[[], None]) -> None:
        self._body = body
        self._left = length
        self._done = done

    def _seen(self, data: bytes) -> bytes:
        self._left -= len(data)
        if not data or self._left <= 0:
            self._done()
        return data

    def read(self, size: int = -1) -> bytes:
        return self._seen(self._body.read(size) if size >= 0 else self._body.read())

    def readline(self, size: int = -1) -> bytes:
        return self._seen(self._body.readline(size) if size >= 0 else self._body.readline())

    def readlines(self, hint: int = -1) -> list[bytes]:
        lines: list[bytes] = self._body.readlines(hint)
        self._seen(b"".join(lines))
        return lines

    def __iter__(self) -> "Watched":
        return self

    def __next__(self) -> bytes:
        line = self.readline()
        if not line:
            raise StopIteration
        return line


def watch(worker: Any, patience: Patience | None = None) -> None:
    """Put a worker of gunicorn (`gthread`) under watch, once it has loaded the application."""
    watcher = patience or Patience(threads=worker.cfg.threads)
    handle, application = worker.handle, worker.wsgi

    def patient(connection: Any) -> Any:
        watcher.begin(connection)
        try:
            return handle(connection)
        finally:
            watcher.end()

    worker.handle = patient
    worker.wsgi = watching(application, watcher)
    watcher.start()


def watching(application: Wsgi, patience: Patience) -> Wsgi:
    """The application, with a body that says when it has been read."""

    def watched(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        length = _announced(environ)
        patience.has_head(length)
        if length:
            environ["wsgi.input"] = Watched(environ["wsgi.input"], length, patience.end)
        return application(environ, start)

    return watched


def _announced(environ: Environ) -> int:
    text = environ.get("CONTENT_LENGTH") or ""
    if text.isdecimal():
        return int(text)
    return UNKNOWN if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower() else 0
