"""gunicorn's configuration beside its command line: `--config python:bridge.web.gunicorn_config`.

Loaded in the parent, before it forks: the web processes of one gunicorn count together, so that a scrape says the
same whichever of them answers it.
"""

from typing import Any

from bridge.observability import multiprocess
from bridge.services import garbage_collection
from bridge.web import slow_clients

multiprocess.share()

limit_request_line = 8190  # a postback with all macros is longer than gunicorn's 4,094, and is never sent again


def post_worker_init(worker: Any) -> None:
    """In each web process, once it has loaded the application."""
    slow_clients.watch(worker)
    garbage_collection.rest()
