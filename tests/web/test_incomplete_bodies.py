"""Bodies at a real gunicorn: too large, chunked, cut off in the middle. A part is never taken for the whole."""

import contextlib
import socket
import subprocess
import sys
import time

import pytest

from bridge.cli.local.supervisor import free_port

APP = """
from bridge.sources import Unreadable
from bridge.web import request_body
def app(environ, start):
    try:
        status, said = "200 OK", str(len(request_body.read(environ, 1000)))
    except Unreadable as error:
        status, said = f"{error.status} no", error.words
    start(status, [("Content-Type", "text/plain"), ("Content-Length", str(len(said)))])
    return [said.encode()]
"""
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    place = tmp_path_factory.mktemp("bodies")
    (place / "bodyapp.py").write_text(APP)
    chosen = free_port()
    command = [sys.executable, "-m", "gunicorn", "bodyapp:app", "--chdir", str(place), "--bind", f"127.0.0.1:{chosen}"]
    process = subprocess.Popen(
        [*command, "--worker-class", "gthread", "--log-level", "critical", "--no-control-socket"]
    )
    until = time.monotonic() + 60
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", chosen), 1):
            break
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    yield chosen
    process.terminate()
    process.wait(20)


def said(port, *parts, end=True):
    """What the server answers to these bytes; `end` says that no more will come."""
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        for part in parts:
            connection.sendall(part)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65_536):
            answer += piece
            if not end:
                break
    return int(answer.split(b" ", 2)[1]), answer.partition(b"\r\n\r\n")[2].decode()


def chunk(size):
    return f"{size:x}\r\n".encode() + b"x" * size + b"\r\n"


def head(length):
    return f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("size", [0, 1, 999, 1000])
def test_a_body_that_fits_is_read_whole_however_it_is_sent(port, size):
    assert said(port, head(size), b"x" * size) == (200, str(size))
    assert said(port, CHUNKED, chunk(size) if size else b"", b"0\r\n\r\n") == (200, str(size))


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
