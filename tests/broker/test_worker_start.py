"""A worker knows every task before it takes a message; beat knows the names and loads nothing behind them."""

import os
import subprocess
import sys

import pytest
import redis
from click.testing import CliRunner
from local_server import wait_for_port

from bridge.cli import cli
from bridge.cli.local.supervisor import free_port
from bridge.services.queue import QUEUES, RENAMED_TASKS

WORKER = """
from tasks.app import celery, load_tasks
load_tasks()
print(sorted(name for name in celery.tasks if not name.startswith("celery.")))
"""
SERVED = """
from types import SimpleNamespace
from tasks.app import celery, serve_renamed_queues
celery.amqp.queues.select("GIVEN".split(","))
serve_renamed_queues(instance=SimpleNamespace(app=celery))
print(sorted(celery.amqp.queues.consume_from))
"""
BEAT = """
import sys
from tasks.app import celery
from tasks.beat import Scheduler
celery.loader.init_worker()
celery.finalize()
heavy = {"numpy", "sqlalchemy", "httpx", "flask", "sentry_sdk"}
print(sorted({name.partition(".")[0] for name in sys.modules} & heavy))
"""


def printed(code: str) -> list[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return eval(done.stdout.splitlines()[-1])


def test_a_worker_registers_every_task_that_has_a_queue_and_their_old_names():
    assert printed(WORKER) == sorted([*QUEUES, *RENAMED_TASKS])


@pytest.mark.parametrize(
    ("given", "served"),
    [
        ("upkeep", ["maintenance", "upkeep"]),
        ("maintenance,journal", ["journal", "maintenance", "upkeep"]),
        ("effects", ["effects"]),
    ],
)
def test_a_worker_of_a_renamed_queue_serves_both_names(given, served):
    assert printed(SERVED.replace("GIVEN", given)) == served


def test_beat_loads_neither_the_database_nor_the_client():
    assert printed(BEAT) == []


def test_a_worker_that_cannot_work_ends_with_an_error_and_says_which(tmp_path, redis_url):
    """The user of Redis may not do what Celery's transport does."""
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "reader", "on", ">a-password", "~*", "-@all", "+@read", "+@connection")
    home = tmp_path / "home"
    made = os.environ | {
        "BRIDGE_HOME": str(home), "REDIS_URL": redis_url.replace("://", "://reader:a-password@"),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}", "BRIDGE_SECRET_KEY": "0" * 64,
        "INTEGR8_BASE_URL": "http://127.0.0.1:9", "INTEGR8_API_KEY": "none", "INTEGR8_INTEGRATION_ID": "none",
        "POSTBACK_TOKEN": "a-token-of-this-test-0123456789", "CRM_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }  # fmt: skip
    for words in (["init", str(home)], ["db", "upgrade"]):
        assert CliRunner().invoke(cli, words, env=made).exit_code == 0
    command = [sys.executable, "-P", "-m", "tasks", "worker", "--concurrency", "1", "--queues", "maintenance"]
    done = subprocess.run(command, env=made, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 1
    assert "Unrecoverable error: " in done.stderr
    assert "has no permissions to run" in done.stderr or "NOPERM" in done.stderr, done.stderr


def test_a_worker_ends_well_though_a_secret_went_missing_while_it_worked(tmp_path, redis_url):
    """What its children held is handed back by what it read when it started."""
    home, port = tmp_path / "home", free_port()
    made = os.environ | {
        "BRIDGE_HOME": str(home), "REDIS_URL": redis_url, "DATABASE_URL": f"sqlite:///{tmp_path / 'bridge.db'}",
        "BRIDGE_SECRET_KEY": "0" * 64, "INTEGR8_BASE_URL": "http://127.0.0.1:9", "INTEGR8_API_KEY": "none",
        "INTEGR8_INTEGRATION_ID": "none", "CRM_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        "POSTBACK_TOKEN": "a-token-of-this-test-0123456789", "BRIDGE_WORKER_METRICS": f"127.0.0.1:{port}",
    }  # fmt: skip
    for words in (["init", str(home)], ["db", "upgrade"]):
        assert CliRunner().invoke(cli, words, env=made).exit_code == 0
    file, log = home / ".env", tmp_path / "log"
    file.write_text(f"INTEGR8_API_KEY={made.pop('INTEGR8_API_KEY')}\n")
    command = [sys.executable, "-P", "-m", "tasks", "worker", "--concurrency", "1", "--queues", "effects"]
    with log.open("wb") as out:
        worker = subprocess.Popen(command, env=made, stdout=out, stderr=out)
        try:
            wait_for_port(port, worker, "127.0.0.1")
            file.write_text("")
            worker.terminate()
            assert worker.wait(60) == 0
        finally:
            worker.kill()
    assert "SettingsError" not in log.read_text()
