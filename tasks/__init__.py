"""The Celery application: each task opens a unit of work, asks the other two packages, and commits."""

import os

from bridge import tallies

if os.environ.get("BRIDGE_WORKER_METRICS"):  # before anything below imports prometheus_client
    tallies.share()
