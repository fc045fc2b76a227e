"""Run one of our processes with a clock that can be moved: `python -m chaos.shifted MODULE ARGUMENT ...`.

CHAOS_CLOCK names a file of eight bytes, the seconds by which the clock of its machine is wrong, CHAOS_SERVER_CLOCK one
for the machine of the database. They are mapped into memory, so that forked children see a change at once. Only what
tells the time of day is moved; `time.monotonic` runs on, as it does when an administrator or NTP sets the clock.
"""

import datetime as dt
import mmap
import os
import runpy
import struct
import sys
import time
from pathlib import Path

REAL = dt.datetime
FORM = struct.Struct("d")


def write(file: Path, seconds: float) -> None:
    """Set a clock wrong by so many seconds. In place: whoever has it mapped must see it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("r+b" if file.exists() else "wb") as handle:
        handle.write(FORM.pack(seconds))


class _Meta(type):
    """Everything that is made through the class is a plain datetime, and every plain datetime is an instance of it."""

    def __call__(cls, *arguments, **options):
        return REAL(*arguments, **options)

    def __instancecheck__(cls, found):
        return isinstance(found, REAL)

    def __subclasscheck__(cls, found):
        return issubclass(found, REAL)


def reader(file: Path):
    """By how many seconds a clock is wrong, when called."""
    with file.open("rb") as handle:
        mapped = mmap.mmap(handle.fileno(), FORM.size, access=mmap.ACCESS_READ)
    return lambda: FORM.unpack(mapped[:])[0]


def move_servers(file: Path) -> None:
    """Put a moved clock into the place of the database's."""
    from bridge.store import clock  # not before the other clock was moved

    wrong, asked = reader(file), clock.asked
    clock.asked = lambda engine: asked(engine) + dt.timedelta(seconds=wrong())


#: How each process that is forked from one with a movable clock learns by how much its own is wrong.
movable = []


def make_movable() -> None:
    """Put a clock that is right so far into the place of the real one, in a process that others are forked from."""
    movable.append(lambda: 0.0)
    move(lambda: movable[-1]())  # noqa: PLW0108 - the last one at each look


def move(wrong) -> None:
    """Put the moved clock into the place of the real one, before anything else is imported."""

    class Moved(REAL, metaclass=_Meta):
        @classmethod
        def now(cls, tz=None):
            return REAL.now(tz) + dt.timedelta(seconds=wrong())

        @classmethod
        def utcnow(cls):
            return REAL.now(dt.UTC).replace(tzinfo=None) + dt.timedelta(seconds=wrong())

        @classmethod
        def today(cls):
            return REAL.now() + dt.timedelta(seconds=wrong())

    real = {name: getattr(time, name) for name in ("time", "time_ns", "gmtime", "localtime")}
    time.time = lambda: real["time"]() + wrong()
    time.time_ns = lambda: real["time_ns"]() + int(wrong() * 1e9)
    for name in ("gmtime", "localtime"):
        setattr(time, name, lambda at=None, name=name: real[name](time.time() if at is None else at))
    dt.datetime = Moved


if __name__ == "__main__":
    loaded = sys.modules.get("chaos.shifted")  # by the parent, where this process was forked; this module is __main__
    if loaded:
        loaded.movable.append(reader(Path(os.environ["CHAOS_CLOCK"])))
    else:
        move(reader(Path(os.environ["CHAOS_CLOCK"])))
    sys.argv = sys.argv[1:]
    move_servers(Path(os.environ["CHAOS_SERVER_CLOCK"]))
    if sys.argv[0] == "tasks" and "worker" in sys.argv:
        import tasks  # noqa: F401 - first, as a worker does: it says where counters are kept
        from chaos import sabotage

        sabotage.install()
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
