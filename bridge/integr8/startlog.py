"""A StartLog in a file, for the command line of one machine: one ISO time per line, under a lock."""

import fcntl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import TextIO


class StartsInFile:
    """Remembers when exports were started, over processes and restarts. Times are aware."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def reserve(self, now: datetime, *, limit: int, span: timedelta) -> bool:
        """Note a start at `now` unless `limit` lie in the last `span`; whether it was noted."""
        with self._locked() as file:
            recent = [start for start in _read(file) if start > now - span]
            if len(recent) >= limit:
                return False
            _write(file, [*recent, now])
            return True

    def release(self, at: datetime) -> None:
        """Forget a start that came to nothing."""
        with self._locked() as file:
            _write(file, [start for start in _read(file) if start != at])

    def since(self, moment: datetime) -> Sequence[datetime]:
        """The starts later than `moment`, oldest first."""
        if not self._path.exists():
            return ()
        with self._locked() as file:
            return sorted(start for start in _read(file) if start > moment)

    @contextmanager
    def _locked(self) -> Iterator[TextIO]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield file


def _read(file: TextIO) -> list[datetime]:
    file.seek(0)
    return [datetime.fromisoformat(line) for line in file.read().split()]


def _write(file: TextIO, starts: Sequence[datetime]) -> None:
    file.seek(0)
    file.truncate()
    file.write("".join(f"{start.isoformat()}\n" for start in starts))
    file.flush()
