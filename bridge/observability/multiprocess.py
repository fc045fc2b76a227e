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
    """Choose a new directory for this process and its later children, and remove it when this process ends."""
    if os.environ.get(VARIABLE):
        return
    place = tempfile.mkdtemp(prefix="integr8-bridge-metrics-")
    os.environ[VARIABLE] = place
    atexit.register(_clear, place, os.getpid())


def make_empty(place: Path) -> dict[str, str]:
    """Create an empty directory for a group of processes to be started; returns the environment that they need."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(mode=0o700, parents=True)
    return {VARIABLE: str(place)}


def place() -> str | None:
    """Return where this process counts together with others; None if it counts alone."""
    return os.environ.get(VARIABLE)


def _clear(place: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked child inherits what its parent wanted to do at the end
        shutil.rmtree(place, ignore_errors=True)
