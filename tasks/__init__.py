"""The Celery application: each task opens a unit of work, asks the other two packages, and commits."""

import os

from bridge.observability import multiprocess

if os.environ.get("BRIDGE_WORKER_METRICS"):  # before anything below imports prometheus_client
    multiprocess.share()
