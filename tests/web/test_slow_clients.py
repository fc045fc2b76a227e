"""Slow senders at the real server: they are cut off, hold no thread, and everybody else is served."""

import asyncio
import contextlib
import socket
import threading

import httpx
import pytest
from local_server import in_processes

from bridge.sources import Unreadable
from bridge.web.request_body import Bodies

APP = """
import time
from bridge.web.asgi import Application
from bridge.web.request_body import Bodies
def pages(environ, start):
    if environ["PATH_INFO"] == "/stream":
        start("200 OK", [("Content-Type", "text/plain")])
        def lines():
            for _ in range(4):
                time.sleep(0.4)  # altogether longer than a body may take
                yield b"x"
        return lines()
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == "/think":
        time.sleep(1.6)  # longer than a body may take
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(str(len(body)))))])
    return [str(len(body)).encode()]
app = Application(None, pages, Bodies(patience=1.5))
"""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with in_processes(tmp_path_factory.mktemp("slow"), APP, idle=1.5) as (port, _):
        yield port


def opened(port, data):
    made = socket.create_connection(("127.0.0.1", port), 30)
    made.sendall(data)
    return made


def served(port):
    assert httpx.post(f"http://127.0.0.1:{port}/", content=b"hello", timeout=30).text == "5"


def end_of(connection):
    """What comes until the server closes."""
    answer = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65_536):
            answer += piece
    connection.close()
    return answer


def test_who_stops_half_way_is_cut_off_and_holds_up_nobody(port):
    slow = [opened(port, begun) for begun in (b"", b"POST / HT", HEAD + b"x") for _ in range(100)]
    served(port)
    answers = [end_of(one) for one in slow]
    assert answers[:200] == [b""] * 200
    assert {one.split(b" ", 2)[1] for one in answers[200:]} == {b"408"}


def test_a_byte_now_and_then_does_not_lengthen_it(port):
    over = threading.Event()
    slow = [opened(port, HEAD) for _ in range(20)]

    def drip():
        while not over.wait(0.2):
            for one in slow:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    assert b" 408 " in end_of(slow[0])
    over.set()
    dripping.join()
    for one in slow:
        one.close()
    served(port)


def test_a_large_body_has_more_time():
    """A megabyte has ten seconds more than a byte: the same pause is accepted in one and cuts off the other."""

    def read(size):
        async def receive():
            await asyncio.sleep(0.2)
            return {"type": "http.request", "body": b"x" * size, "more_body": False}

        return asyncio.run(Bodies(patience=0.05).read(receive, size, 2_000_000))

    assert len(read(1_000_000)) == 1_000_000
    with pytest.raises(Unreadable) as caught:
        read(100)
    assert caught.value.status == 408


def test_an_answer_may_take_as_long_as_it_wants(port):
    assert httpx.get(f"http://127.0.0.1:{port}/stream", timeout=30).text == "x" * 4


def test_work_after_the_body_may_take_as_long_as_it_wants(port):
    assert httpx.post(f"http://127.0.0.1:{port}/think", content=b"hello", timeout=30).text == "5"


def test_a_connection_is_used_again(port):
    with httpx.Client() as client:
        assert [client.post(f"http://127.0.0.1:{port}/", content=b"a" * n).text for n in (1, 2)] == ["1", "2"]
