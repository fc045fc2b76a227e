"""A worker knows every task before it takes a message; beat knows the names and loads nothing behind them."""

import subprocess
import sys

from bridge.services.queue import QUEUES

WORKER = """
from tasks.app import celery, load_tasks
load_tasks()
print(sorted(name for name in celery.tasks if not name.startswith("celery.")))
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
    return eval(done.stdout)


def test_a_worker_registers_every_task_that_has_a_queue():
    assert printed(WORKER) == sorted(QUEUES)


def test_beat_loads_neither_the_database_nor_the_client():
    assert printed(BEAT) == []
