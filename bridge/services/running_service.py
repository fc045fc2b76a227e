"""Find the service that `up` runs on a home: only one at a time, and its embedded Redis for other commands.

A lock on a file of the home says that it runs; the system ends the lock with the process, however that ends. The file
says which process it is and where.
"""

import fcntl
import json
import os
import time
from pathlib import Path
from typing import IO, Any

from bridge.store.private_files import private_directory

LOCK_FILE = "up.lock"
LOCK_TIMEOUT = 1.0  # s; a command that looks whether the service runs holds the lock for an instant


class AlreadyRunning(RuntimeError):
    """Another `up` runs on this home. Nothing was changed."""


class Claim:
    """The right to run the service of a home. It ends with `close`, or with the process."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def announce(self, **facts: Any) -> None:
        """Write what other processes need to know."""
        self._stream.seek(0)
        self._stream.write(json.dumps({"pid": os.getpid(), **facts}))
        self._stream.truncate()
        self._stream.flush()

    def close(self) -> None:
        self._stream.seek(0)
        self._stream.truncate()
        self._stream.close()


def claim(var: Path) -> Claim:
    """Claim the service of a home. Raises AlreadyRunning."""
    private_directory(var)
    stream = os.fdopen(os.open(var / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
    until = time.monotonic() + LOCK_TIMEOUT
    while True:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() < until:
                time.sleep(0.05)
                continue
            facts = _facts(stream.read())
            stream.close()
            what = f"process {facts['pid']}" if "pid" in facts else "another process"
            where = f" at {facts['address']}" if "address" in facts else ""
            text = f"{var.parent}: the service runs already ({what}{where}); stop that one first, or name another home"
            raise AlreadyRunning(text) from None
        return Claim(stream)


def redis_url(var: Path) -> str | None:
    """Return the Redis address of the service that runs on this home; None while none runs."""
    return _announced(var, "redis_url")


def address(var: Path) -> str | None:
    """Return the local address of the service that runs on this home; None while none runs."""
    found = _announced(var, "address")
    return found.replace("//0.0.0.0:", "//127.0.0.1:") if found else None


def _announced(var: Path, fact: str) -> str | None:
    try:
        stream = (var / LOCK_FILE).open()
    except OSError:
        return None
    with stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            found = _facts(stream.read()).get(fact)
            return str(found) if found else None
    return None


def _facts(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
