"""Notices on their real way: a webhook at its endpoint, a Celery worker, a signed message at a server of ours."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from forked import ForkingSupervisor
from standardwebhooks import Webhook
from waiting import wait_for

from bridge.cli.local import stack
from bridge.cli.local.stack import Options
from tests.receiver import Receiver

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


@pytest.fixture(scope="module")
def boss():
    made = ForkingSupervisor(log=False)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def running(boss, receiver, tmp_path_factory):
    """One service for all tests here; each leaves it as it found it and asks only for what is its own."""
    home = tmp_path_factory.mktemp("notifications") / "home"
    (home / "rules").mkdir(parents=True)
    (home / "bridge.yaml").write_text(HOME.format(url=receiver.url))
    (home / "rules" / "hello.yaml").write_text(RULE)
    people = f"json://127.0.0.1:{receiver.port}/people"
    (home / ".env").write_text(f"KEY=k\nTOKEN={TOKEN}\nSECRET={SECRET}\nPEOPLE={people}\n")
    found = stack.start(boss, home, {}, Options())
    return found, home


@pytest.fixture
def told(receiver):
    """What has come to a path since this test began."""
    before = len(receiver.requests)
    return lambda path: [one for one in receiver.requests[before:] if one.path == path]


def send(running, name):
    headers = {"authorization": f"Bearer {TOKEN}"}
    answer = httpx.post(
        f"{running[0].address}/hooks/crm", json={"id": f"of {name}", "name": name}, headers=headers, timeout=60
    )
    assert answer.status_code == 202


def texts(requests):
    return [json.loads(one.body)["data"]["text"] for one in requests]


def command(home, *arguments):
    environment = {**os.environ, "BRIDGE_HOME": str(home)}
    subprocess.run([*BRIDGE, *arguments], env=environment, check=True, capture_output=True, timeout=240)


def test_what_a_rule_says_arrives_signed_and_once(running, told):
    send(running, "Ann")
    [asked] = wait_for(lambda: told("/programs"))
    body = Webhook(SECRET).verify(asked.body, asked.headers)
    assert (body["type"], body["data"]["text"]) == ("bridge.message", "hello Ann")
    send(running, "Bob")
    wait_for(lambda: "hello Bob" in texts(told("/programs")))
    assert sorted(texts(told("/programs"))) == ["hello Ann", "hello Bob"]
    assert len({one.headers["webhook-id"] for one in told("/programs")}) == 2


def test_a_halt_and_its_end_are_told(running, told):
    command(running[1], "halt", "--why", "tracking outage")
    [first] = wait_for(lambda: told("/people"))
    assert "tracking outage" in json.loads(first.body)["message"]
    command(running[1], "resume")
    wait_for(lambda: len(told("/people")) == 2)
    assert "problem is over" in json.loads(told("/people")[1].body)["title"]


def test_a_worker_that_is_killed_while_it_tells_loses_nothing(running, told, boss):
    os.kill(boss.pids()["worker"], signal.SIGKILL)
    send(running, "Cy")

    def arrived():
        boss.revive()
        return told("/programs")

    [one] = wait_for(arrived)
    assert texts([one]) == ["hello Cy"]
