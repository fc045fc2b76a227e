"""Share the counters of a group of processes through memory-mapped files in one directory.

A group is what one supervisor started: the workers of one web server, the children of one Celery worker, or all
processes of `up`. Only files of this machine are shared; other machines are other targets of the scrape. The place
has to be chosen before prometheus_client is imported, so this module imports nothing.
"""

import atexit
import os
import shutil
import tempfile
from pathlib import Path

VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # the library's own name; where it is set already, that is the group's place


def share() -> None:
    """Choose a new place for this process and those that it will fork, and clear it away when this one ends."""
    if os.environ.get(VARIABLE):
        return
    place = tempfile.mkdtemp(prefix="integr8-bridge-metrics-")
    os.environ[VARIABLE] = place
    atexit.register(_clear, place, os.getpid())


def make_empty(place: Path) -> dict[str, str]:
    """An empty directory for a group whose processes are about to be started; returns what they need to know."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    return {VARIABLE: str(place)}


def place() -> str | None:
    """Where this process counts together with others; None when it counts for itself."""
    return os.environ.get(VARIABLE)


def _clear(place: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked child inherits what its parent wanted to do at the end
        shutil.rmtree(place, ignore_errors=True)
