"""A worker knows every task before it takes a message; beat knows the names and loads nothing behind them."""

import subprocess
import sys

import pytest

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
