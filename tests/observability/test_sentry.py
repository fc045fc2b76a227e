"""Sentry, as a server of our own sees it: check-ins of beat, releases, shares, and what never leaves."""

import gzip
import json
import os
import subprocess
import sys
import time

import pytest

from bridge.cli.local import supervisor
from bridge.config import settings
from bridge.config.settings import SettingsError
from bridge.version import VERSION
from tests.receiver import receiver  # noqa: F401 - a fixture

BEAT = """
from celery.beat import Scheduler
from tasks.app import celery, set_up_sentry
import sentry_sdk
set_up_sentry("beat")
scheduler = Scheduler(celery)
scheduler.apply_entry(scheduler.schedule["pulse"])
sentry_sdk.flush()
"""
FAULT = """
import sys
import sentry_sdk
from bridge.config import settings
from bridge.observability import sentry
sentry.set_up_sentry(settings.load().sentry, process="web", environment="test", release="integr8-bridge@1")
for number in range(int(sys.argv[1])):
    try:
        raise RuntimeError(f"fault {number}")
    except RuntimeError as error:
        sentry_sdk.capture_exception(error)
    with sentry_sdk.start_transaction(name="webhook", op="http.server") as one:
        with one.start_child(op="http.client", description="GET http://x/?token=querytoken55") as span:
            span.set_data("url", "http://x/?token=querytoken55")
sentry_sdk.flush()
"""


@pytest.fixture
def environment(tmp_path, receiver):  # noqa: F811
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    dsn = receiver.url.replace("http://", "http://key@") + "/1"
    return os.environ | {
        "BRIDGE_HOME": str(tmp_path),
        "SENTRY_DSN": dsn,
        "SENTRY_SPOTLIGHT": "0",
    }


def items(server):
    """(header, body) of everything in the envelopes that arrived."""
    found = []
    for request in server.requests:
        body = request.body
        if request.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        lines = body.split(b"\n")[1:]
        for header, content in zip(lines[::2], lines[1::2], strict=False):
            found.append((json.loads(header)["type"], json.loads(content)))
    return found


def of_kind(server, kind):
    return [content for name, content in items(server) if name == kind]


def run(program, environment, *arguments):
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True, timeout=600)


@pytest.mark.journey
def test_beat_checks_in_and_a_worker_that_hears_of_it_completes_it(environment, receiver, redis_url, sqlite_url):  # noqa: F811
    environment |= {"REDIS_URL": redis_url, "DATABASE_URL": sqlite_url}
    run(BEAT, environment)
    program = supervisor.worker({}, concurrency=1)
    worker = subprocess.Popen(program.command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while len(of_kind(receiver, "check_in")) < 2 and time.monotonic() < until:
            time.sleep(0.1)
    finally:
        worker.terminate()
        worker.wait(timeout=240)
    begun, ended = of_kind(receiver, "check_in")[:2]
    assert (begun["monitor_slug"], begun["status"], ended["status"]) == ("pulse", "in_progress", "ok")
    assert begun["check_in_id"] == ended["check_in_id"]
    assert begun["monitor_config"]["schedule"] == {"type": "interval", "value": 1, "unit": "minute"}
    assert begun["release"] == f"integr8-bridge@{VERSION}"


@pytest.mark.slow
def test_a_fault_arrives_with_its_release_and_environment(environment, receiver):  # noqa: F811
    run(FAULT, environment, "1")
    [event] = of_kind(receiver, "event")
    assert (event["release"], event["environment"]) == ("integr8-bridge@1", "test")


@pytest.mark.slow
def test_no_trace_is_sent_unless_it_is_asked_for(environment, receiver):  # noqa: F811
    run(FAULT, environment, "1")
    assert of_kind(receiver, "transaction") == []


@pytest.mark.slow
def test_a_trace_arrives_without_what_stood_in_its_addresses(environment, receiver):  # noqa: F811
    run(FAULT, environment | {"SENTRY_TRACES_SAMPLE_RATE": "1"}, "1")
    [trace] = of_kind(receiver, "transaction")
    assert trace["spans"][0]["description"] == "GET http://x/"
    assert "querytoken55" not in json.dumps(trace)


@pytest.mark.slow
def test_a_share_of_none_keeps_faults_at_home(environment, receiver):  # noqa: F811
    run(FAULT, environment | {"SENTRY_SAMPLE_RATE": "0"}, "5")
    assert of_kind(receiver, "event") == []


@pytest.mark.parametrize("name", ["SENTRY_SAMPLE_RATE", "SENTRY_TRACES_SAMPLE_RATE"])
@pytest.mark.parametrize("text", ["2", "-1", "all"])
def test_a_share_that_is_none_is_refused_by_name(tmp_path, monkeypatch, name, text):
    (tmp_path / "bridge.yaml").touch()
    monkeypatch.setenv(name, text)
    with pytest.raises(SettingsError, match=name):
        settings.load(tmp_path)
