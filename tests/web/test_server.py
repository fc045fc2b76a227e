"""The server as it runs: stopping, restarting, dying under load, and what comes over the wire."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import psutil
import pytest
from local_server import in_processes, start, talk
from metrics_scrape import scrape
from sqlalchemy import select
from web_service import TOKEN, web_service

from bridge.store.journal import Event
from bridge.web import server
from bridge.web.exit_codes import BOOT_ERROR

APP = """
import json, pathlib, time
from bridge.web.asgi import Application
left, place = [], pathlib.Path(__file__).parent
def pages(environ, start):
    path = environ["PATH_INFO"]
    if path == "/stream":
        start("200 OK", [("Content-Type", "text/plain")])
        def lines():
            try:
                while True:
                    time.sleep(0.05)
                    yield b"x"
            finally:
                left.append(1)
        return lines()
    if path == "/break":
        raise RuntimeError("a page that fails")
    if path == "/think":
        (place / "thinking").touch()
        while not (place / "enough").exists():
            time.sleep(0.01)
    if path == "/wait":
        while not environ["bridge.has_left"]():
            time.sleep(0.01)
        (place / "seen").touch()
    if path == "/hang":
        time.sleep(3_600)
    told = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = json.dumps(told | {"left": len(left), "read": environ["wsgi.input"].read().decode("latin-1")}).encode()
    start("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body] if environ["REQUEST_METHOD"] != "HEAD" else []
app = Application(None, pages)
"""


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    with in_processes(tmp_path_factory.mktemp("server"), APP) as (port, _):
        yield port


def get(port, path="/", **headers):
    return httpx.get(f"http://127.0.0.1:{port}{path}", headers=headers, timeout=30)


def until(true, seconds=180):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def the_process_of(server):
    """The one that answers. The server listens before it has started it."""
    until(lambda: psutil.Process(server.pid).children())
    [found] = psutil.Process(server.pid).children()
    return found


def test_a_path_and_a_query_arrive_as_they_were_sent(port):
    raw = b"GET /a%2Fb%ff//c?x=%20&y=\xc3\xa4 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    told = talk(port, raw)
    assert rb'"RAW_URI": "/a%2Fb%ff//c?x=%20&y=\u00c3\u00a4"' in told
    assert rb'"PATH_INFO": "/a/b\u00ff//c"' in told
    assert rb'"QUERY_STRING": "x=%20&y=\u00c3\u00a4"' in told


def test_what_a_proxy_adds_arrives(port):
    found = get(port, **{"X-Forwarded-For": "192.0.2.7, 10.0.0.1", "X-Forwarded-Proto": "https"}).json()
    assert (found["HTTP_X_FORWARDED_FOR"], found["REMOTE_ADDR"]) == ("192.0.2.7, 10.0.0.1", "127.0.0.1")


def test_a_field_that_comes_twice_is_both_and_cookies_stay_cookies(port):
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nA: 1\r\nA: 2\r\nCookie: a=1\r\nCookie: b=2\r\n\r\n"
    told = talk(port, raw)
    assert b'"HTTP_A": "1,2"' in told
    assert b'"HTTP_COOKIE": "a=1; b=2"' in told


def test_head_has_the_length_and_no_body(port):
    told = talk(port, b"HEAD / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    head, _, body = told.partition(b"\r\n\r\n")
    assert b"content-length: " in head.lower()
    assert body == b""


def test_requests_that_follow_without_waiting_are_answered_in_order(port):
    first, last = (f"GET /{n} HTTP/1.1\r\nHost: x\r\n".encode() for n in (1, 2))
    told = talk(port, first + b"\r\n" + last + b"Connection: close\r\n\r\n")
    assert told.count(b"HTTP/1.1 200") == 2
    assert told.index(b'"PATH_INFO": "/1"') < told.index(b'"PATH_INFO": "/2"')


def test_http_1_0_is_answered(port):
    assert talk(port, b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.0 200")


@pytest.mark.parametrize(("field", "status"), [(b"A: " + b"x" * 30_000, 200), (b"A: " + b"x" * 2_000_000, 431)])
def test_a_head_may_be_large_and_not_endless(port, field, status):
    raw = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + field + b"\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        with contextlib.suppress(OSError):
            connection.sendall(raw)
        assert int(connection.recv(65_536).split(b" ", 2)[1]) == status


def test_more_fields_than_anybody_sends_are_refused(port):
    told = talk(port, b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: x\r\n" * 150 + b"\r\n")
    assert told.startswith(b"HTTP/1.1 431")


def test_a_page_that_fails_is_an_error_and_the_next_one_is_answered(port):
    assert get(port, "/break").status_code == 500
    assert get(port).status_code == 200


def test_a_stream_ends_when_its_client_leaves(port):
    before = get(port).json()["left"]
    for _ in range(20):  # more than there are threads
        with socket.create_connection(("127.0.0.1", port), 30) as connection:
            connection.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
            assert connection.recv(100)
    until(lambda: get(port).json()["left"] >= before + 20)


def test_ipv6(tmp_path):
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        pytest.skip("this machine has no IPv6")
    with in_processes(tmp_path, APP, host="::1") as (port, _):
        told = talk(port, b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", host="::1")
        assert b'"REMOTE_ADDR": "::1"' in told


def test_a_request_under_way_is_answered_before_the_server_ends(tmp_path):
    with in_processes(tmp_path, APP) as (port, process), ThreadPoolExecutor() as threads:
        idle = socket.create_connection(("127.0.0.1", port), 180)
        asked = socket.create_connection(("127.0.0.1", port), 180)
        asked.sendall(b"GET /think HTTP/1.1\r\nHost: x\r\n\r\n")
        until((tmp_path / "thinking").exists)
        answer = threads.submit(asked.recv, 65_536)
        process.terminate()
        (tmp_path / "enough").touch()
        assert answer.result(180).startswith(b"HTTP/1.1 200")
        assert process.wait(180) == 0
        idle.close()
        asked.close()


def test_a_stream_does_not_keep_the_server_from_ending(tmp_path):
    with in_processes(tmp_path, APP, grace=1) as (port, process):
        stream = socket.create_connection(("127.0.0.1", port), 30)
        stream.sendall(b"GET /stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stream.recv(100)
        process.terminate()
        process.wait(30)
        stream.close()


def test_a_page_hears_that_its_reader_has_left(tmp_path):
    with in_processes(tmp_path, APP) as (port, _):
        with socket.create_connection(("127.0.0.1", port), 30) as reader:
            reader.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        until((tmp_path / "seen").exists)


def test_a_page_whose_reader_has_left_does_not_keep_the_server_from_ending(tmp_path):
    with in_processes(tmp_path, APP, grace=600) as (port, process):
        reader = socket.create_connection(("127.0.0.1", port), 30)
        reader.sendall(b"GET /hang HTTP/1.1\r\nHost: x\r\n\r\n")
        assert get(port).is_success  # the other one has been begun by now
        reader.close()
        process.terminate()
        assert process.wait(180) == 0


PATIENT = APP + "\nfrom bridge.web import server\nserver.LINGER = 3.0\n"


def test_who_is_connected_when_a_process_is_replaced_is_answered(tmp_path):
    """Also one that has sent nothing yet. Each answer is the last on its connection."""
    with in_processes(tmp_path, PATIENT) as (port, process), contextlib.ExitStack() as held:
        silent = [held.enter_context(socket.create_connection(("127.0.0.1", port), 180)) for _ in range(5)]
        busy = held.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=180)))

        def last():
            busy.request("GET", "/")
            answer = busy.getresponse()
            answer.read()
            return answer.getheader("connection") == "close"

        assert not last()  # connections are taken in turn: the silent ones have been, too
        process.send_signal(signal.SIGHUP)
        until(last)
        for one in silent:
            one.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b"".join(iter(lambda one=one: one.recv(65_536), b""))  # to its end
            assert answer.startswith(b"HTTP/1.1 200")
        assert get(port).is_success


SLOW = """
import pathlib, time
pathlib.Path(PLACE, "loading").touch()
while not pathlib.Path(PLACE, "go on").exists():
    time.sleep(0.01)
"""


@pytest.mark.parametrize("whom", ["the server", "all of the group"])
def test_a_server_whose_process_is_still_loading_ends_at_once(tmp_path, whom):
    (tmp_path / "app.py").write_text(SLOW.replace("PLACE", repr(str(tmp_path))) + APP)
    process = start(tmp_path, grace=600)
    until((tmp_path / "loading").exists)
    ask_to_end = process.terminate if whom == "the server" else lambda: os.killpg(process.pid, signal.SIGTERM)
    ask_to_end()
    assert process.wait(180) == 0


FORK = """
import os, signal
from bridge.web import server
signal.signal(signal.SIGTERM, lambda *_: None)  # what the server does
reader, writer = os.pipe()
with server.no_signal_lost():
    child = os.fork()
    if child == 0:
        os.read(reader, 1)  # asked to end meanwhile
        server.load("json:loads")
        os._exit(0)
os.kill(child, signal.SIGTERM)
os.write(writer, b"x")
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGTERM
os.kill(os.getpid(), signal.SIGTERM)
"""


def test_a_process_that_is_only_just_forked_keeps_a_signal_until_it_reacts_as_itself():
    subprocess.run([sys.executable, "-c", FORK], check=True, timeout=180)


class Reaped:
    """A process that has ended, whose end the system told to another thread: the code comes when that one has run."""

    def __init__(self, sentinel, reads):
        self.sentinel, self.reads = sentinel, reads

    @property
    def exitcode(self):
        self.reads -= 1
        return 0 if self.reads <= 0 else None


def test_a_process_that_has_ended_is_not_taken_for_one_that_refuses_to():
    reading, writing = os.pipe()
    runs, gone = Reaped(reading, reads=100), Reaped(reading, reads=5)
    server.wait_for_exit_code(runs)
    assert runs.reads == 99  # it runs, so nobody waits for its code
    os.close(writing)
    server.wait_for_exit_code(gone)
    assert gone.exitcode == 0
    os.close(reading)


def test_a_process_that_is_killed_is_replaced(tmp_path):
    with in_processes(tmp_path, APP) as (port, process):
        old = the_process_of(process)
        old.kill()

        def answered():
            with contextlib.suppress(httpx.HTTPError):
                return get(port).is_success

        until(answered)
        assert process.poll() is None


@pytest.mark.parametrize(
    ("name", "value"), [("PORT", "eighty"), ("WEB_WORKERS", "0"), ("BRIDGE_WEB_GRACE", "-1"), ("PORT", "65536")]
)
def test_a_variable_that_cannot_be_used_is_named(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(server.OptionError, match=name):
        server.options()


# --- the whole service -----------------------------------------------------------------------------


@pytest.fixture
def service(tmp_path, redis_url):
    """The web process of a starter home: its port, its process and its store."""
    with web_service(tmp_path, redis_url) as made:
        yield made.port, made.process, made.store


def send(port, number):
    """The status of a webhook on a connection of its own; None where it got no answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
    try:
        connection.request("GET", f"/hooks/postback/{TOKEN}?tx=T{number}&offer=1")
        answer = connection.getresponse()
        answer.read()
    except (OSError, http.client.HTTPException):
        return None
    else:
        return answer.status
    finally:
        connection.close()


class Sending:
    """Four senders that do not stop by themselves."""

    def __init__(self, port):
        self.answers, self._port = {}, port
        self._over, self._numbers, self._lock = threading.Event(), iter(range(1_000_000)), threading.Lock()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self):
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for one in self._threads:
            one.join()

    def _run(self):
        while not self._over.is_set():
            with self._lock:
                number = next(self._numbers)
            self.answers[number] = send(self._port, number)

    def taken(self):
        return [number for number, status in list(self.answers.items()) if status == 202]


def kept(store):
    with store.read() as session:
        return {dict(query)["tx"] for query in session.scalars(select(Event.query))}


@pytest.mark.slow
@pytest.mark.journey
def test_a_restart_under_load_refuses_nobody_and_keeps_what_was_answered(service):
    port, process, store = service
    old = the_process_of(process)
    with Sending(port) as sending:
        until(lambda: len(sending.taken()) > 20)
        process.send_signal(signal.SIGHUP)
        until(lambda: not old.is_running() or old.status() == psutil.STATUS_ZOMBIE)
        before = len(sending.taken())
        until(lambda: len(sending.taken()) > before + 20)
    assert set(sending.answers.values()) == {202}
    assert kept(store) == {f"T{number}" for number in sending.answers}


@pytest.mark.journey
@pytest.mark.parametrize("kill", [False, True], ids=["asked to end", "killed"])
def test_what_was_answered_is_kept_however_the_server_ends(service, kill):
    port, process, store = service
    worker = the_process_of(process)
    with Sending(port) as sending:
        until(lambda: len(sending.taken()) > 20)
        if kill:
            process.kill()
            worker.kill()
        else:
            process.terminate()
        process.wait(60)
    assert {f"T{number}" for number in sending.taken()} <= kept(store)


def test_a_server_whose_settings_cannot_be_used_ends_however_long_a_start_takes(tmp_path):
    """On a busy machine a process takes long to find out: it is started once, and not for ever."""
    (tmp_path / "app.py").write_text(f"import time\ntime.sleep(6)\nraise SystemExit({BOOT_ERROR})\n")
    process = start(tmp_path)
    try:
        assert process.wait(timeout=240) == 1
    finally:
        process.kill()


@pytest.mark.journey
def test_a_web_process_ends_when_the_server_that_started_it_is_gone(service):
    _, process, _ = service
    worker = the_process_of(process)
    process.kill()
    worker.wait(120)


@pytest.mark.journey
def test_webhooks_over_the_wire(service):
    port, _, store = service
    address = f"http://127.0.0.1:{port}"
    with httpx.Client(timeout=120) as client:
        answer = client.get(f"{address}//hooks/postback//{TOKEN}", params={"tx": "a\u00e4", "offer": "1"})
        assert (answer.status_code, answer.json()["duplicate"]) == (202, False)
        again = client.get(f"{address}/hooks/postback/{TOKEN}", params={"tx": "a\u00e4", "offer": "1"})
        assert again.json()["duplicate"]
        assert client.head(f"{address}/hooks/postback/{TOKEN}").status_code == 204
        assert client.post(f"{address}/hooks/postback/{TOKEN}", content=b"x" * 9_000_000).status_code == 413
        assert client.post(f"{address}/hooks/nobody", content=b"x" * 900_000).status_code == 404
        assert client.get(f"{address}/hooks/postback/wrong").status_code == 401
        assert client.get(f"{address}/api/v1/no-such").status_code == 404
    half = b"POST /hooks/postback/%s HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\ntx=half&offer=1" % TOKEN.encode()
    assert talk(port, half, end=True).startswith(b"HTTP/1.1 400")
    assert kept(store) == {"a\u00e4"}
    assert scrape(address)["bridge_webhooks_total"] >= 7
