"""Send an answer, or break it on purpose: HTML pages, half bodies, closed connections."""

import socket
import struct
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import orjson
from flask import Response

from bridge.simulator.errors import body
from bridge.simulator.faults import Fault
from bridge.simulator.world import World

ERROR_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center><hr>nginx</body></html>"
TITLES = {429: "429 Too Many Requests", 500: "500 Internal Server Error", 502: "502 Bad Gateway"}


def encode(payload: Any) -> bytes:
    return orjson.dumps(payload, default=float)


def json_answer(payload: Any, status: int = 200) -> Response:
    """Return a JSON answer; a 204 has no body, not even an empty object."""
    if status == 204:
        return Response(status=204)
    return Response(encode(payload), status=status, mimetype="application/json")


def refused(world: World, status: int, words: str, *, field: str | None = None) -> Response:
    return json_answer(body(status, words, field=field, shape=world.options.error_shape), status)


def too_many(world: World, style: str, seconds: float) -> Response:
    """Return a 429 with the wait in seconds, as a date, or without it."""
    answer = refused(world, 429, "too many requests")
    whole = max(1, int(-(-seconds // 1)))
    if style == "seconds":
        answer.headers["Retry-After"] = str(whole)
    elif style == "date":
        answer.headers["Retry-After"] = format_datetime(world.clock.now() + timedelta(seconds=whole), usegmt=True)
    return answer


def faulty(world: World, fault: Fault) -> Response | None:
    """Return the answer that replaces the real one; None for faults that only change it."""
    match fault.kind:
        case "rate_limited":
            return too_many(world, fault["retry_after"], fault["seconds"])
        case "html":
            return html(fault["status"])
        case "status":
            return _status(world, fault)
        case "drop":
            return Cut(b"", 0)
        case _:
            return None


def _status(world: World, fault: Fault) -> Response:
    match fault["body"]:
        case "html":
            return html(fault["status"])
        case "empty":
            return Response(b"", status=fault["status"])
        case _:
            return refused(world, fault["status"], fault["words"])


def html(status: int) -> Response:
    return Response(ERROR_PAGE.format(TITLES.get(status, str(status))), status=status, mimetype="text/html")


def bent(fault: Fault, answer: Response) -> Response:
    """Return the real answer, damaged in transit."""
    if fault.kind == "truncate":
        whole = answer.get_data()
        return Response(whole[: len(whole) // 2 or 1] or b"{", status=answer.status, mimetype="application/json")
    if fault.kind == "cut":
        return Cut(answer.get_data(), answer.status_code)
    return answer


class Cut(Response):
    """Half a body and then a closed connection; with status 0 not even a status line.

    Over a real socket the caller sees the connection close. In-process there is no socket, so it raises the exception
    that httpx would have raised.
    """

    def __init__(self, whole: bytes, status: int) -> None:
        super().__init__(b"", status=status or 500)
        self._whole = whole
        self.silent = status == 0

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        if self.silent:
            raise _disconnect(environ, "Server disconnected without sending a response.")
        length = str(len(self._whole) or 2)
        start_response(self.status, [("Content-Type", "application/json"), ("Content-Length", length)])
        return self._half(environ)

    def _half(self, environ: Any) -> Iterator[bytes]:
        yield self._whole[: len(self._whole) // 2] or b"{"
        raise _disconnect(environ, "peer closed connection without sending complete message body")


def _disconnect(environ: Any, words: str) -> Exception:
    connection = environ.get("werkzeug.socket")
    if connection is None:
        return httpx.RemoteProtocolError(words)
    with suppress(OSError):
        # Linger 0 turns the close into a reset, as a dying process or an impatient balancer would.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.shutdown(socket.SHUT_RDWR)
    return ConnectionResetError(words)
