"""Notices on their real way: a webhook at its endpoint, a Celery worker, a signed message at a server of ours."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook

from bridge.cli.local import stack
from bridge.cli.local.stack import Options
from bridge.cli.local.supervisor import Supervisor
from tests.receiver import receiver

__all__ = ["receiver"]
pytestmark = pytest.mark.journey

BRIDGE = [str(Path(sys.executable).with_name("integr8-bridge"))]
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
TOKEN = "a-long-token-for-tests-0123456789"
HOME = """
accounts:
  main: {{base_url: "http://127.0.0.1:9", api_key: "${{KEY}}", integrations: {{default: abc}}}}
sources:
  crm: {{verify: bearer, token: "${{TOKEN}}", event_type: type, delivery_id: id}}
channels:
  callback: {{webhook: "{url}/programs", secret: "${{SECRET}}"}}
  people: {{apprise: "${{PEOPLE}}", group: 0s}}
notices: {{operations: [people]}}
"""
RULE = """
schema: 1
id: says-hello
mode: live
trigger: {webhook: {source: crm}}
then:
  - notify: callback
    with: {text: "hello {{ body.name }}"}
"""


@pytest.fixture
def boss():
    made = Supervisor(log=False)
    yield made
    made.stop()


@pytest.fixture
def running(boss, receiver, tmp_path):
    home = tmp_path / "home"
    (home / "rules").mkdir(parents=True)
    (home / "bridge.yaml").write_text(HOME.format(url=receiver.url))
    (home / "rules" / "hello.yaml").write_text(RULE)
    people = f"json://127.0.0.1:{receiver.port}/people"
    (home / ".env").write_text(f"KEY=k\nTOKEN={TOKEN}\nSECRET={SECRET}\nPEOPLE={people}\n")
    found = stack.start(boss, home, {}, Options())
    return found, home


def wait_for(look, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"not within {seconds} s")


def told(receiver, path):
    return [one for one in receiver.requests if one.path == path]


def send(running, number):
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(f"{running[0].address}/hooks/crm", json={"id": f"evt_{number}", "name": "Ann"}, headers=headers)
    assert answer.status_code == 202


def command(home, *arguments):
    environment = {**os.environ, "BRIDGE_HOME": str(home)}
    subprocess.run([*BRIDGE, *arguments], env=environment, check=True, capture_output=True, timeout=60)


def test_what_a_rule_says_arrives_signed_and_once(running, receiver):
    send(running, 1)
    [asked] = wait_for(lambda: told(receiver, "/programs"))
    body = Webhook(SECRET).verify(asked.body, asked.headers)
    assert (body["type"], body["data"]["text"]) == ("bridge.message", "hello Ann")
    send(running, 2)
    wait_for(lambda: len(told(receiver, "/programs")) == 2)
    ids = {one.headers["webhook-id"] for one in told(receiver, "/programs")}
    assert len(ids) == 2


def test_a_halt_and_its_end_are_told(running, receiver):
    command(running[1], "halt", "--why", "tracking outage")
    [first] = wait_for(lambda: told(receiver, "/people"))
    assert "tracking outage" in json.loads(first.body)["message"]
    command(running[1], "resume")
    wait_for(lambda: len(told(receiver, "/people")) == 2)
    assert "trouble is over" in json.loads(told(receiver, "/people")[1].body)["title"]


def test_a_worker_that_is_killed_while_it_tells_loses_nothing(running, receiver, boss):
    receiver.replies = []
    os.kill(boss.pids()["worker"], signal.SIGKILL)
    send(running, 1)

    def arrived():
        boss.revive()
        return told(receiver, "/programs")

    wait_for(arrived, seconds=90)
