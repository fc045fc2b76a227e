"""A process that starts says in words what is wrong, and what to do."""

import os
import signal
import subprocess
import sys
import time

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from bridge.cli import cli
from bridge.operations.health_checks import checks
from bridge.operations.startup_check import look_around, tell

RULE = """
schema: 1
id: ring
mode: shadow
trigger: {webhook: {source: crm}}
when: {all: [body.go = true]}
then: [{pause: offer, which: "{{ body.offer }}"}]
"""


@pytest.fixture
def look(network):
    network.rule(RULE)

    def found():
        told = look_around(network.services, network.now, health=checks)
        tell(told)
        return {one["name"]: one for one in told if one["status"] != "ok"}

    return found


def test_missing_migrations_are_named_with_the_command(network, look):
    with network.services.store.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
    assert "integr8-bridge db upgrade" in look()["database"]["remedy"]


def test_integr8_is_not_asked_while_the_database_is_not_usable(network, look):
    with network.services.store.write() as session:
        session.execute(text("DELETE FROM alembic_version"))
    look()
    assert network.world.log.entries == []


def test_a_rule_that_cannot_be_read_is_named_with_its_place(network, look):
    (network.home / "rules" / "rule.yaml").write_text(RULE.replace("mode: shadow", "mode: maybe"))
    assert "rules/rule.yaml:4:7" in look()["rule files"]["detail"]


def test_a_key_that_is_not_taken_is_named(network, look):
    network.world.keys.remove(network.world.api_key)
    assert look()["main: offers"]["status"] == "fail"


def test_asking_costs_one_call_for_each_account(network, look):
    look()
    assert len(network.world.log.entries) == 1


CELERY = ("-m", "celery", "--app", "tasks.app", "--quiet")


@pytest.mark.journey
@pytest.mark.parametrize(
    ("command", "code"),
    [(("-c", "import bridge.web.process"), 3), ((*CELERY, "worker"), 1), ((*CELERY, "beat", "--pidfile="), 1)],
    ids=["web", "worker", "beat"],
)
def test_a_process_that_cannot_read_its_settings_says_why_and_ends(tmp_path, command, code):
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    values = {"BRIDGE_HOME": str(tmp_path), "REDIS_URL": "redis://127.0.0.1:1/0"}
    told = subprocess.run(
        [sys.executable, *command], env=os.environ | values, capture_output=True, text=True, timeout=240, check=False
    )
    assert told.returncode == code
    assert ".env is not UTF-8 text" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.mark.journey
def test_a_worker_says_so_in_its_log(tmp_path, redis_url):
    """For real: no database has been made yet, and Redis keeps nothing on disk, which is fine."""
    home = tmp_path / "home"
    CliRunner().invoke(cli, ["init", str(home)])
    values = {"BRIDGE_HOME": str(home), "REDIS_URL": redis_url, "INTEGR8_BASE_URL": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "celery", "--app", "tasks.app", "--quiet", "worker", "--concurrency", "1"]
    log = tmp_path / "log"
    with log.open("w") as file:
        worker = subprocess.Popen(command, env=os.environ | values, stdout=file, stderr=file)
    try:
        end = time.monotonic() + 40
        while "migrations are missing" not in log.read_text():
            assert time.monotonic() < end, log.read_text()
            time.sleep(0.1)
        assert "integr8-bridge db upgrade" in log.read_text()
        assert "persistence is not needed" in log.read_text()
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(timeout=240)
