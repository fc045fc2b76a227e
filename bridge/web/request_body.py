"""Read the body of a request whole, or refuse it: never a part of it.

werkzeug cuts a chunked body at the limit and takes what arrived of a broken one. A body over the limit is read to
its end (up to `MOST_READ`) before it is refused, because a proxy that is still sending makes a 502 of our answer, and
senders repeat a 502 for days.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.sources import Unreadable

PIECE = 65_536
MOST_READ = 64 * 1_048_576  # bytes that are read of a body that is refused anyway


def read(environ: Mapping[str, Any], most: int) -> bytes:
    """The body of a WSGI request. Raises Unreadable: 413 over `most` bytes, 400 where a part of it did not arrive."""
    announced = _announced(environ)
    pieces, size = [], 0
    for piece in _pieces(environ, announced):
        size += len(piece)
        if size <= most:
            pieces.append(piece)
        if size > most + MOST_READ:
            break
    if size > most or (announced or 0) > most:
        raise Unreadable(413, f"the body has more than {most} bytes; send less")
    if announced is not None and size < announced:
        raise Unreadable(400, f"only {size} of the {announced} bytes of the body arrived; send it again")
    return b"".join(pieces)


def discard(environ: Mapping[str, Any]) -> None:
    """Read what nobody wants, so that the sender gets to see the answer."""
    try:
        read(environ, 0)
    except Unreadable:
        return


def _announced(environ: Mapping[str, Any]) -> int | None:
    """What Content-Length says; None for a chunked body."""
    if "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower():
        return None
    text = environ.get("CONTENT_LENGTH") or "0"
    if not (text.isascii() and text.isdecimal()) or len(text) > 18:
        raise Unreadable(400, "Content-Length is not a number of bytes", "header Content-Length")
    return int(text)


def _pieces(environ: Mapping[str, Any], announced: int | None) -> Iterator[bytes]:
    """What arrives. Where the connection breaks or a chunk is malformed, each server raises an error of its own."""
    stream, left = environ["wsgi.input"], announced
    while left is None or left > 0:
        try:
            piece = stream.read(PIECE if left is None else min(PIECE, left))
        except Exception as error:
            raise Unreadable(400, "the body did not arrive whole; send it again") from error
        if not piece:
            return
        left = None if left is None else left - len(piece)
        yield piece
