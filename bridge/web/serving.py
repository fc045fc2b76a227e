"""gunicorn's configuration beside its command line: `--config python:bridge.web.serving`.

Loaded in the parent, before it forks: the web processes of one gunicorn count together, so that a scrape says the
same whichever of them answers it.
"""

from typing import Any

from bridge import resting, tallies
from bridge.web import patience

tallies.share()


def post_worker_init(worker: Any) -> None:
    """In each web process, once it has loaded the application."""
    patience.watch(worker)
    resting.rest()
