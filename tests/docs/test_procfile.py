"""The Procfile for real: honcho starts the three processes on a starter home, and stops them cleanly."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from metrics_scrape import scrape, scrape_until

from bridge.cli.local import supervisor

pytestmark = pytest.mark.journey

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
TOKEN = "a-token-of-this-test"
PATIENCE = 180  # seconds until three cold processes are ready, or have ended, on a busy machine
#: honcho kills five seconds after the first process has ended; a machine that runs other tests may need longer.
HONCHO = f"import honcho.manager; honcho.manager.KILL_WAIT = {PATIENCE}; import honcho.command; honcho.command.main()"


@pytest.fixture
def environment(redis_url, tmp_path):
    (tmp_path / "empty.env").touch()
    made = os.environ | {
        "PATH": f"{BIN}:{os.environ['PATH']}",
        "BRIDGE_HOME": str(tmp_path / "home"),
        "REDIS_URL": redis_url,
        "BRIDGE_SECRET_KEY": "0" * 64,
        "INTEGR8_BASE_URL": "http://127.0.0.1:9",  # nobody listens there; no rule of this test calls it
        "INTEGR8_API_KEY": "none",
        "INTEGR8_INTEGRATION_ID": "none",
        "BRIDGE_WORKER_METRICS": str(supervisor.free_port()),
        "POSTBACK_TOKEN": TOKEN,
        "WEB_WORKERS": "2",
        "WORKER_CONCURRENCY": "4",
        "PYTHONUNBUFFERED": "1",
    }
    for words in (["init", str(tmp_path / "home")], ["db", "upgrade"]):
        subprocess.run([BIN / "integr8-bridge", *words], env=made, check=True, capture_output=True)
    return made


@pytest.fixture
def honcho(environment, tmp_path):
    port = supervisor.free_port()
    log = (tmp_path / "log").open("w+")
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            HONCHO,
            "--no-colour",
            "-d",
            tmp_path,
            "-f",
            ROOT / "Procfile",
            "-e",
            "empty.env",
            "start",
            "-p",
            str(port),
        ],
        env=environment,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield process, port, tmp_path / "log"
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=PATIENCE)
    log.close()


def wait_until_ready(port, log):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            checks = httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=PATIENCE).json()["checks"]
        except (httpx.HTTPError, ValueError):
            checks = []
        found = {one["name"]: one["status"] for one in checks}
        if found.get("database") == found.get("redis") == found.get("worker") == "ok":
            return
        time.sleep(0.1)
    pytest.fail(log.read_text())


def test_the_procfile_starts_a_service_that_counts_ticks_and_stops_cleanly(honcho, environment):
    """One start for all of it: three cold processes are the dear part."""
    process, port, log = honcho
    wait_until_ready(port, log)
    hook = f"http://127.0.0.1:{port}/hooks/postback/{TOKEN}"
    for _ in range(20):  # each on a connection of its own, so that both processes get some
        httpx.get(hook, timeout=PATIENCE)
    counted = {scrape(f"http://127.0.0.1:{port}")["bridge_webhooks_total"] for _ in range(8)}
    assert counted == {20}, "whichever web process answers says what both counted"

    answer = httpx.get(hook, params={"tx": "1", "offer": "1"}, timeout=PATIENCE)
    assert answer.status_code == 202, answer.text
    worker = f"http://127.0.0.1:{environment['BRIDGE_WORKER_METRICS']}"
    found = scrape_until(worker, lambda now: now.get("bridge_event_batch_seconds_count", 0) > 0, seconds=PATIENCE)
    assert found["bridge_event_batch_seconds_count"] > 0, log.read_text()

    process.send_signal(signal.SIGTERM)
    process.wait(timeout=PATIENCE)
    stopped = dict(re.findall(r"(web|worker|beat)\.1 stopped \(rc=(-?\d+)\)", log.read_text()))
    assert stopped == {"web": "0", "worker": "0", "beat": "0"}
