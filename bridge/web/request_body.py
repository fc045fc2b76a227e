"""Read the whole body of a request in time, or refuse it.

A framework cuts a chunked body at the limit and takes what arrived of a broken one. A body over the limit is read to
its end (up to `MAX_REFUSED_BYTES_READ`) before it is refused, because a proxy that is still sending makes a 502 of our
answer, and senders repeat a 502 for days. Whoever does not send in time is refused, a byte now and then does not
lengthen it, and what all senders together have under way is bounded.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from bridge.sources import Unreadable
from bridge.web.deadlines import within

MAX_REFUSED_BYTES_READ = 64 * 1_048_576  # bytes that are read of a body that is refused anyway
BODY_TIMEOUT = 10.0  # seconds for a body, and one more for each SLOWEST bytes that it announces
SLOWEST = 100_000
UNANNOUNCED_BODY_BYTES = 1_000_000  # bytes of a body that does not say how long it is
MAX_BYTES_OF_ALL_BODIES = 256 * 1_048_576  # bytes of all bodies under way in one process

Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]


@dataclass(slots=True)
class Bodies:
    """Reads the bodies of the requests of one server process (ASGI)."""

    patience: float = BODY_TIMEOUT
    together: int = MAX_BYTES_OF_ALL_BODIES
    held: int = field(default=0, init=False)  # bytes of bodies that are being read

    async def read(self, receive: Receive, announced: int | None, most: int) -> bytes:
        """Return the body of a request; `announced` is its Content-Length, None for a chunked body.

        Raises Unreadable: 413 over `most` bytes, 400 if a part of it did not arrive, 408 if it came too slowly, 503 if
        all bodies in progress are too many bytes.
        """
        if announced == 0:
            return b""
        limit = (
            self.patience
            + (UNANNOUNCED_BODY_BYTES if announced is None else min(announced, most + MAX_REFUSED_BYTES_READ)) / SLOWEST
        )
        try:
            return await within(limit, self._whole(receive, announced, most))
        except TimeoutError:
            raise Unreadable(408, f"the body did not arrive within {limit:.0f} s; send it again") from None

    async def _whole(self, receive: Receive, announced: int | None, most: int) -> bytes:
        pieces: list[bytes] = []
        size = kept = 0
        more = True
        try:
            while more and size <= most + MAX_REFUSED_BYTES_READ:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _broken(announced, size)
                piece = message.get("body", b"")
                size += len(piece)
                more = message.get("more_body", False)
                if size <= most:
                    pieces.append(piece)
                    kept += len(piece)
                    self.held += len(piece)
                    if self.held > self.together:
                        raise Unreadable(503, "too many large bodies at once; send it again later")
        finally:
            self.held -= kept
        if size > most or (announced or 0) > most:
            raise _too_large(most)
        if announced is not None and size < announced:
            raise _broken(announced, size)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def of_wsgi(environ: Mapping[str, Any]) -> tuple[Receive, int | None]:
    """Return the body of a WSGI request for `Bodies.read`, with its announced length. Its stream is read at once."""
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    announced = announcement(environ.get("CONTENT_LENGTH") or "0", chunked=chunked)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": environ["wsgi.input"].read(-1 if announced is None else announced)}

    return receive, announced


def announcement(length: str, *, chunked: bool) -> int | None:
    """Return the Content-Length; None for a chunked body."""
    if chunked:
        return None
    if not (length.isascii() and length.isdecimal()) or len(length) > 18:
        raise Unreadable(400, "Content-Length is not a number of bytes", "header Content-Length")
    return int(length)


def _too_large(most: int) -> Unreadable:
    return Unreadable(413, f"the body has more than {most} bytes; send less")


def _broken(announced: int | None, size: int) -> Unreadable:
    if announced is None:
        return Unreadable(400, "the body did not arrive whole; send it again")
    return Unreadable(400, f"only {size} of the {announced} bytes of the body arrived; send it again")
