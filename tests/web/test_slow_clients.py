"""Slow senders at a real gunicorn with few threads: they are cut off, everybody else is served."""

import contextlib
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest

from bridge.cli.local.supervisor import free_port
from bridge.web.slow_clients import Patience

APP = """
import time
def app(environ, start):
    if environ["PATH_INFO"] == "/stream":
        start("200 OK", [("Content-Type", "text/plain")])
        def lines():
            for _ in range(8):
                time.sleep(0.5)
                yield b"x"
        return lines()
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    if environ["PATH_INFO"] == "/think":
        time.sleep(4)
    start("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(str(len(body)))))])
    return [str(len(body)).encode()]
"""
CONFIG = """
from bridge.web import slow_clients
def post_worker_init(worker):
    slow_clients.watch(worker, slow_clients.Patience(head=1.5, body=1.5))
"""
HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    place = tmp_path_factory.mktemp("slow")
    (place / "slowapp.py").write_text(APP)
    (place / "config.py").write_text(CONFIG)
    chosen = free_port()
    command = [sys.executable, "-m", "gunicorn", "slowapp:app", "--config", str(place / "config.py"), "--chdir"]
    command += [str(place), "--bind", f"127.0.0.1:{chosen}", "--worker-class", "gthread", "--threads", "2"]
    process = subprocess.Popen([*command, "--log-level", "warning", "--no-control-socket"])
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


def opened(port, data):
    made = socket.create_connection(("127.0.0.1", port), 20)
    made.sendall(data)
    return made


def served(port, within):
    began = time.monotonic()
    answer = httpx.post(f"http://127.0.0.1:{port}/", content=b"hello", timeout=within)
    assert answer.text == "5"
    return time.monotonic() - began


@pytest.mark.parametrize("begun", [b"POST / HT", HEAD + b"x"], ids=["in the head", "in the body"])
def test_who_stops_half_way_is_cut_off(port, begun):
    slow = [opened(port, begun) for _ in range(2)]
    served(port, within=30)
    for one in slow:
        one.close()


def test_a_byte_now_and_then_does_not_lengthen_it(port):
    over = threading.Event()
    slow = [opened(port, HEAD) for _ in range(2)]

    def drip():
        while not over.wait(0.2):
            for one in slow:
                with contextlib.suppress(OSError):
                    one.sendall(b"x")

    dripping = threading.Thread(target=drip)
    dripping.start()
    served(port, within=30)
    over.set()
    dripping.join()
    for one in slow:
        one.close()


def test_an_answer_may_take_as_long_as_it_wants(port):
    assert httpx.get(f"http://127.0.0.1:{port}/stream", timeout=30).text == "x" * 8


def test_work_after_the_body_may_take_as_long_as_it_wants(port):
    assert httpx.post(f"http://127.0.0.1:{port}/think", content=b"hello", timeout=30).text == "5"


def test_a_connection_is_used_again(port):
    with httpx.Client() as client:
        assert [client.post(f"http://127.0.0.1:{port}/", content=b"a" * n).text for n in (1, 2)] == ["1", "2"]


class Connection:
    """Stands where gunicorn's connection is."""

    def __init__(self):
        self.ours, self.sock = socket.socketpair()

    @property
    def is_cut(self):
        self.ours.setblocking(False)
        try:
            return self.ours.recv(1) == b""
        except BlockingIOError:
            return False

    def close(self):
        self.ours.close()
        self.sock.close()


def reading(patience, number):
    """So many threads that have begun to read; each keeps its place."""
    made = [Connection() for _ in range(number)]
    gate = threading.Barrier(number + 1)
    threads = [threading.Thread(target=lambda one=one: (patience.begin(one), gate.wait(), gate.wait())) for one in made]
    for one in threads:
        one.start()
    gate.wait()
    return made, lambda: (gate.wait(), [one.join() for one in threads], [one.close() for one in made])


@pytest.mark.parametrize(("number", "cut"), [(2, 0), (3, 3)], ids=["few", "most threads"])
def test_while_most_threads_wait_patience_is_short(number, cut):
    patience = Patience(threads=4)
    made, finish = reading(patience, number)
    assert patience.cut_off(time.monotonic() + 2) == cut
    assert [one.is_cut for one in made] == [bool(cut)] * number
    finish()


def test_a_large_body_has_more_time():
    patience = Patience(threads=4)
    one = Connection()
    patience.begin(one)
    patience.has_head(5_000_000)
    assert patience.cut_off(time.monotonic() + 55) == 0
    assert patience.cut_off(time.monotonic() + 61) == 1
    one.close()
