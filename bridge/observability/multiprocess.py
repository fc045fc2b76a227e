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
_names: list[str] = []  # the name of this process, if it was given one


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


def count_as(name: str) -> None:
    """Continue the counters of an earlier process with this name, which has ended.

    Each process leaves its files behind. Processes that come and go would fill the directory.
    """
    _names[:] = [name]


def name() -> str:
    """Return the name under which this process counts; other running processes of the group have other names."""
    return _names[0] if _names else str(os.getpid())


def _clear(place: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked child inherits what its parent wanted to do at the end
        shutil.rmtree(place, ignore_errors=True)
