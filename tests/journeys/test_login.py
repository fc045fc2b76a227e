"""Real web processes: the first administrator comes in, and guessing stays limited when they are killed."""

import os
import re
import signal
import time

import httpx
import psutil
import pytest

from bridge.cli.local import stack
from bridge.cli.local.stack import Options

pytestmark = pytest.mark.journey

PASSWORD = "a few good words"


@pytest.fixture
def running(boss, tmp_path):
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    return stack.start(boss, tmp_path, {}, Options(web_workers=2))


@pytest.fixture
def visitor(running):
    with httpx.Client(base_url=running.address, follow_redirects=True, timeout=120) as made:
        yield made


def make_first(visitor, link):
    code = link.partition("code=")[2]
    page = visitor.post("/login", data={"code": code})
    secret = re.search(r'name="form" value="([^"]+)"', page.text)[1]
    return visitor.post("/welcome", data={"form": secret, "name": "Boss", "password": PASSWORD, "again": PASSWORD})


def guess(address):
    answer = httpx.post(f"{address}/login", data={"name": "Boss", "password": "guess"}, timeout=120)
    return answer.status_code


def answers_again(address, before, boss):
    """The web process is another one, and answers."""
    until = time.monotonic() + 240
    while time.monotonic() < until:
        boss.revive()
        if boss.pids().get("web") not in {None, before}:
            try:
                return httpx.get(f"{address}/healthz", timeout=2).is_success
            except httpx.HTTPError:
                pass
        time.sleep(0.1)
    return False


def test_the_first_link_lets_in_once_and_a_restart_forgets_neither_guesses_nor_sessions(boss, running, visitor):
    assert "Boss (admin)" in make_first(visitor, running.first_link).text
    code = running.first_link.partition("code=")[2]
    assert "was used already" in httpx.post(f"{running.address}/login", data={"code": code}).text

    assert 429 in [guess(running.address) for _ in range(12)]
    before = boss.pids()["web"]
    orphans = psutil.Process(before).children()  # they share the socket, and end a moment after their master
    os.kill(before, signal.SIGKILL)
    psutil.wait_procs(orphans, timeout=240)
    assert answers_again(running.address, before, boss)
    assert 429 in [guess(running.address) for _ in range(3)]  # a count begun anew would let all three through
    assert "Boss (admin)" in visitor.get("/activity").text
