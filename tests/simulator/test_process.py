"""`python -m bridge.simulator`: a port file, real sockets, a clean stop."""

import json
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest
from click.testing import CliRunner

from bridge.cli.simulator import simulator
from bridge.simulator import World, create_app
from bridge.simulator.server import Service

DEADLINE = 20.0


@pytest.fixture
def service():
    world = World(seed=3)
    with Service(create_app(world)) as running:
        yield running


@pytest.fixture
def http(service):
    with httpx.Client(base_url=service.url, headers={"API-KEY": service.world.api_key}, trust_env=False) as client:
        yield client


def until(check):
    """Poll with a deadline."""
    end = time.monotonic() + DEADLINE
    while not (found := check()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.02)
    return found


@pytest.mark.journey
def test_it_starts_says_its_port_and_stops_when_told(tmp_path):
    port_file = tmp_path / "port"
    command = [sys.executable, "-m", "bridge.simulator", "--port-file", str(port_file), "--seed", "5"]
    with subprocess.Popen([*command, "--scenario", "collapse", "--with", "bad=3"], stdout=subprocess.PIPE) as process:
        try:
            until(port_file.exists)
            url = f"http://127.0.0.1:{int(port_file.read_text())}"
            state = httpx.get(f"{url}/_sim/state", trust_env=False).json()
        finally:
            process.send_signal(signal.SIGTERM)
        code = process.wait(DEADLINE)
    assert (len(state["offers"]), code) == (13, 0)


@pytest.mark.parametrize("arguments", [["--with", "bad"], ["--set", "nothing=1"], ["--scenario", "x"]])
def test_wrong_usage_is_told(arguments):
    assert CliRunner().invoke(simulator, arguments).exit_code == 2


def test_a_dropped_connection_is_one_over_a_real_socket(http, service):
    service.world.faults.add({"kind": "drop", "when": "after", "count": 1})
    with pytest.raises(httpx.TransportError):
        http.post("/api/v2/publishers", json={"name": "Acme"})
    assert len(list(service.world.directory.publishers.living())) == 1


def test_half_a_body_is_noticed_over_a_real_socket(http, service):
    service.world.publisher("Acme")
    service.world.faults.add({"kind": "cut", "count": 1})
    with pytest.raises(httpx.TransportError):
        http.get("/api/v2/publishers")


def test_a_slow_answer_holds_up_nobody_else(http, service):
    service.world.faults.add({"kind": "slow", "seconds": 1.5, "operation": "publishers.list", "count": 1})
    with (
        ThreadPoolExecutor() as pool,
        httpx.Client(base_url=service.url, headers=http.headers, trust_env=False) as other,
    ):
        slow = pool.submit(http.get, "/api/v2/publishers")
        until(lambda: any(entry.faults for entry in service.world.log.entries))
        quick = other.get("/api/v2/advertisers").status_code
        assert (quick, slow.done()) == (200, False)
        assert slow.result().status_code == 200


@contextmanager
def talking(service):
    """One connection, and what http.client says of it."""
    with closing(HTTPConnection("127.0.0.1", service.server.server_port, timeout=DEADLINE)) as connection:
        connection.connect()
        own = connection.sock.getsockname()

        def ask(method, path, body=None, **headers):
            connection.request(method, path, body, {"API-KEY": service.world.api_key, **headers})
            answer = connection.getresponse()
            said = answer.status, json.loads(answer.read() or "{}")
            assert connection.sock is not None, "the server closed the connection"
            assert connection.sock.getsockname() == own
            return said

        yield ask


def test_one_connection_serves_many_requests(service):
    with talking(service) as ask:
        assert [ask("GET", "/api/v2/publishers")[0] for _ in range(20)] == [200] * 20


@pytest.mark.parametrize("path", ["/api/v2/nothing", "/api/v2/publishers/none"])
@pytest.mark.parametrize("length", [2, 200_000])
def test_a_body_that_nobody_reads_is_no_request(service, path, length):
    with talking(service) as ask:
        assert ask("POST", path, b"x" * length)[0] >= 400
        assert ask("GET", "/api/v2/publishers")[0] == 200


def test_a_body_in_chunks_is_read_to_its_end(service):
    with talking(service) as ask:
        parts = iter([b'{"na', b'me": "Acme"}'])
        assert ask("POST", "/api/v2/publishers", parts, **{"Content-Type": "application/json"})[0] < 300
        assert ask("GET", "/api/v2/publishers")[0] == 200
    (made,) = service.world.directory.publishers.living()
    assert made.fields["name"] == "Acme"


def test_an_answer_without_a_body_ends_where_it_should(service):
    with talking(service) as ask:
        assert ask("HEAD", "/api/v2/publishers")[0] < 500
        assert ask("GET", "/api/v2/publishers")[0] == 200


def test_no_connection_outlives_the_server():
    world = World(seed=3)
    with Service(create_app(world)) as running, talking(running) as ask:
        assert ask("GET", "/api/v2/publishers")[0] == 200
        running.server.connections.close()
        with pytest.raises((ConnectionError, HTTPException)):
            ask("GET", "/api/v2/publishers")


def test_threads_together_lose_no_write(http, service):
    def create(number):
        return http.post("/api/v2/publishers", json={"name": f"P{number}"}).json()["created_item_id"]

    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(create, range(60)))
    assert len(set(keys)) == len(service.world.directory.publishers.all()) == 60


def test_a_running_service_fires_postbacks_by_itself(http, service):
    heard = []

    class Ear(BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.path)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Ear) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            service.world.offer("Shoes")
            url = f"http://127.0.0.1:{server.server_port}/?o={{offer_id}}"
            http.post("/_sim/postbacks", json={"url": url}).raise_for_status()
            http.post("/_sim/conversions", json={}).raise_for_status()
            until(lambda: heard)
        finally:
            server.shutdown()
            thread.join()
    assert heard == ["/?o=1001"]


def test_nobody_at_the_other_end_is_logged_as_zero(http, service):
    service.world.offer("Shoes")
    http.post("/_sim/postbacks", json={"url": "http://127.0.0.1:9/"}).raise_for_status()
    http.post("/_sim/conversions", json={}).raise_for_status()
    lines = until(lambda: http.get("/_sim/postbacks/log").json()["lines"])
    assert (lines[0]["success_status"], lines[0]["response_code"]) == ("Failed", 0)
