"""Bodies at the real server: too large, chunked, cut off in the middle. A part is never taken for the whole."""

import asyncio

import pytest
from local_server import in_processes, talk
from own_loop import run

from bridge.sources import Unreadable
from bridge.web.request_body import Bodies

APP = """
from bridge.sources import Unreadable
from bridge.web.asgi import _announced, _answer
from bridge.web.problems import Document
from bridge.web.request_body import Bodies
from bridge.sources import Headers
bodies = Bodies()
async def app(scope, receive, send):
    headers = Headers((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"])
    try:
        status, said = 200, str(len(await bodies.read(receive, _announced(headers), 1000)))
    except Unreadable as error:
        status, said = error.status, error.words
    await _answer(send, Document(status, (("Content-Type", "text/plain"),), said.encode()))
"""
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with in_processes(tmp_path_factory.mktemp("bodies"), APP) as (port, _):
        yield port


def said(port, *parts, end=True):
    """The status and the words of the answer to these bytes."""
    answer = talk(port, *parts, end=end)
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2].decode()


def chunk(size):
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def head(length):
    return f"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_body_that_fits_is_read_whole_however_it_is_sent(port, size):
    assert said(port, head(size), b"x" * size, end=False) == (200, str(size))
    assert said(port, CHUNKED, chunk(size) if size else b"", b"0\r\n\r\n", end=False) == (200, str(size))


@pytest.mark.parametrize("size", [1001, 70_000, 3_000_000])
def test_a_body_over_the_limit_is_refused_after_it_was_read(port, size):
    assert said(port, head(size), b"x" * size, end=False)[0] == 413
    assert said(port, CHUNKED, chunk(size), b"0\r\n\r\n", end=False)[0] == 413


def test_half_a_body_is_refused(port):
    status, words = said(port, head(200), b'{"amount": 123')
    assert (status, words) == (400, "only 14 of the 200 bytes of the body arrived; send it again")


@pytest.mark.parametrize("broken", [b"5\r\nxx", b"5\r\nxxxxx\r\n", b"zz\r\n", b"5\r\nxxxxxyy0\r\n\r\n"])
def test_a_chunked_body_that_breaks_off_is_refused(port, broken):
    assert said(port, CHUNKED, broken)[0] == 400


def test_who_waits_to_be_asked_for_the_body_is_asked(port):
    answer = talk(port, head(3).replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"), b"abc")
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200")


@pytest.mark.parametrize("lengths", [(3, 4), (3, -1), ("3x",)])
def test_a_length_that_is_none_is_refused(port, lengths):
    lines = "".join(f"Content-Length: {one}\r\n" for one in lengths)
    assert said(port, f"POST / HTTP/1.1\r\nHost: x\r\n{lines}\r\nabcd".encode())[0] == 400


def messages(*pieces):
    """What a server gives, piece by piece; an endless sender when there are no more."""
    waiting = list(pieces)

    async def receive():
        if not waiting:
            await asyncio.Event().wait()
        return waiting.pop(0)

    return receive


def part(data, more=True):
    return {"type": "http.request", "body": data, "more_body": more}


def test_what_all_senders_have_under_way_is_bounded_and_forgotten():
    bodies = Bodies(together=10, patience=0.01)
    with pytest.raises(Unreadable) as refused:
        run(lambda: bodies.read(messages(part(b"x" * 6), part(b"x" * 6)), 12, 100))
    assert (refused.value.status, bodies.held) == (503, 0)
    with pytest.raises(Unreadable) as late:
        run(lambda: bodies.read(messages(part(b"x" * 6)), 12, 100))
    assert (late.value.status, bodies.held) == (408, 0)
    assert run(lambda: bodies.read(messages(part(b"x" * 5), part(b"x" * 5, more=False)), 10, 100)) == b"x" * 10


def test_an_endless_body_is_not_read_to_its_end():
    async def receive():
        return part(b"x" * 1_048_576)

    with pytest.raises(Unreadable) as refused:
        run(lambda: Bodies().read(receive, None, 1000))
    assert refused.value.status == 413
