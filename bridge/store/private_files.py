"""Create directories and files that no other user of the machine can read."""

import os
from contextlib import suppress
from pathlib import Path


def private_directory(path: Path) -> Path:
    """Create a directory with mode 0700; remove everybody else's rights from an existing one that is ours."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    _restrict(path, 0o700)
    return path


def private_file(path: Path) -> Path:
    """Create an empty file with mode 0600; remove everybody else's rights from an existing one.

    An existing file is not opened: closing it again would end every lock that this process has on it. SQLite keeps such
    locks for each process; without them another process believes that it is the last one with the database open: it
    removes the write-ahead log, and later commits go into a file without a name.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    _restrict(path, 0o600)
    return path


def _restrict(path: Path, mode: int) -> None:
    found = path.stat()
    if found.st_mode & 0o077 and found.st_uid == os.geteuid():
        path.chmod(found.st_mode & mode)
