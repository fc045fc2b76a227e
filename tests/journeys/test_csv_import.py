"""A file of publishers, created from the command line by a process that is killed again and again."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

pytestmark = pytest.mark.journey
BRIDGE = [str(Path(sys.executable).with_name("integr8-bridge"))]
ROWS = 40
KEY = "demo-key-with-all-permissions"


@pytest.fixture
def integr8(tmp_path):
    """The simulator as a process; yields its address."""
    port_file = tmp_path / "port"
    process = subprocess.Popen(
        [*BRIDGE, "simulator", "--port-file", str(port_file), "--api-key", KEY, "--integration", "mef3dfl"],
        stdout=subprocess.DEVNULL,
    )
    until = time.monotonic() + 240
    while not (port_file.exists() and port_file.read_text().strip()):
        assert time.monotonic() < until
        assert process.poll() is None
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port_file.read_text().strip()}"
    process.terminate()
    process.wait(120)


@pytest.fixture
def environment(tmp_path, integr8):
    home = tmp_path / "home"
    home.mkdir()
    (home / "bridge.yaml").write_text(
        "accounts:\n  main:\n    base_url: ${BASE}\n    api_key: ${KEY}\n    integrations: {default: mef3dfl}\n"
        "    rate: {per_second: 30}\n"
    )
    return {**os.environ, "BRIDGE_HOME": str(home), "BASE": integr8, "KEY": KEY}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "publishers.csv"
    rows = [f"person{number}@example.com,Person {number}" for number in range(ROWS)]
    path.write_text("\n".join(["email,name", *rows]) + "\n")
    return path


def start(environment, file):
    command = [*BRIDGE, "api", "publishers", "create", "--from-file", str(file)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def written(file):
    result = file.with_name(file.name + ".result.csv")
    if not result.exists():
        return {}
    with result.open(newline="") as read:
        return {row["line"]: row["status"] for row in csv.DictReader(read)}


def test_kill_9_three_times_creates_every_row_once(environment, file, integr8):
    for so_far in (3, 10, 20):
        process = start(environment, file)
        until = time.monotonic() + 240
        while len(written(file)) < so_far and process.poll() is None and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    process = start(environment, file)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, out + err
    names = [one["name"] for one in httpx.get(f"{integr8}/_sim/state").json()["publishers"]]
    assert sorted(names) == sorted(f"Person {number}" for number in range(ROWS))
    assert len(written(file)) == ROWS
    assert set(written(file).values()) <= {"created", "exists"}
