"""The commands of the README, with real processes."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from waiting import wait_for

from bridge.cli.local.supervisor import free_port

pytestmark = pytest.mark.journey
BRIDGE = [str(Path(sys.executable).with_name("integr8-bridge"))]


def processes_of(home):
    """Pids of processes whose environment or command names this home; forked ones have their parent's."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if str(home).encode() in text and int(entry.name) != os.getpid():
            found.append(int(entry.name))
    return found


def test_the_demo_proves_itself_and_leaves_nothing_running(tmp_path):
    home = tmp_path / "home"
    done = subprocess.run(
        [*BRIDGE, "demo", "--once", "--json", "--home", str(home)],
        env={**os.environ, "STARTED_FOR": str(home)},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert (found["offers_paused"], found["publisher_created"], found["user_created"]) == (40, True, True)
    assert found["bulk_calls"] <= 2
    assert processes_of(home) == []


def is_for_others(path):
    """Whether another user of this machine may read or write it; one that has gone meanwhile is for nobody."""
    try:
        return bool(path.lstat().st_mode & 0o077)
    except OSError:
        return False


def test_a_new_home_is_checked_runs_and_stops_with_ctrl_c(tmp_path):
    home = tmp_path / "mine"
    subprocess.run([*BRIDGE, "init", str(home)], check=True, capture_output=True)
    subprocess.run([*BRIDGE, "check", str(home)], check=True, capture_output=True)
    port = free_port()
    log = (tmp_path / "log").open("w+")
    marked = {**os.environ, "STARTED_FOR": str(home)}
    command = [*BRIDGE, "up", str(home), "--port", str(port)]
    running = subprocess.Popen(command, env=marked, stdout=log, stderr=log, umask=0)
    try:
        wait_for(lambda: "runs at" in (tmp_path / "log").read_text())
        assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
        assert httpx.post(f"http://127.0.0.1:{port}/hooks/crm", content=b"{}").status_code == 401
        (home / "rules" / "broken.yaml").write_text("schema: 1\nid: broken\nmode: maybe\n")
        running.send_signal(signal.SIGHUP)
        wait_for(lambda: re.search(r"read \d+ rules", (tmp_path / "log").read_text()))
        wait_for(lambda: "broken.yaml" in (tmp_path / "log").read_text())
        assert {str(one): oct(one.lstat().st_mode) for one in (home / "var").rglob("*") if is_for_others(one)} == {}
    finally:
        running.send_signal(signal.SIGINT)
        assert running.wait(timeout=240) == 0
        log.close()
    assert processes_of(home) == []


def test_without_its_variables_it_says_which_ones_are_missing(tmp_path):
    home = tmp_path / "mine"
    subprocess.run([*BRIDGE, "init", str(home)], check=True, capture_output=True)
    (home / ".env").unlink()
    bare = {name: value for name, value in os.environ.items() if not name.startswith("INTEGR8_")}
    done = subprocess.run(
        [*BRIDGE, "up", str(home)], env=bare, capture_output=True, text=True, check=False, timeout=240
    )
    assert done.returncode == 2
    assert "INTEGR8_API_KEY is not set; export it" in done.stderr
