"""Processes of the product for tests, forked from one that has loaded it: no test pays for imports a second time.

The parent is the product's own fork server, as under `up`. It is not forked from pytest, whose threads, sockets and
patches its children would inherit, but starts as an interpreter of its own. A child has the environment that it is
given, and nothing of the parent's.
"""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bridge.cli.local import fork_server, supervisor
from bridge.cli.local.fork_server import MODULE_COMMAND, ForkServer
from bridge.cli.local.supervisor import Program, Supervisor
from bridge.observability import multiprocess

SUPPORT = Path(__file__).parent
SERVE = f"""
import os, pkgutil, socket, sys
sys.path.append({str(SUPPORT)!r})
if sys.argv[2]:
    from chaos import shifted
    shifted.make_movable()
import bridge, rules
from bridge.cli.local import fork_server, preload
found = [one.name for of in (bridge, rules) for one in pkgutil.walk_packages(of.__path__, of.__name__ + ".")]
# Not what reads the environment while it is loaded: each child does it for itself.
apart = ("tasks", "bridge.web.process", "bridge.store.migrations.")
preload.MODULES = [one for one in (*preload.MODULES, *found) if not one.startswith(apart) and "__main__" not in one]
def warm_up():
    import sqlalchemy.orm
    sqlalchemy.orm.configure_mappers()
preload.warm_up = warm_up
fork_server.serve(socket.socket(fileno=int(sys.argv[1])), os.getppid())
"""
#: What the parent has of our own environment: nothing that says how the service runs.
INHERITED = ("HOME", "LANG", "LC_ALL", "PATH", "PYTHONDONTWRITEBYTECODE", "TMPDIR", "XDG_RUNTIME_DIR")
#: Read while the interpreter and libraries are loaded: a program that is given one of these is started by itself.
READ_EARLY = frozenset({"TZ", "PYTHONPATH", "PYTHONUTF8", "PYTHONWARNINGS", "LD_PRELOAD"})


class Parent(ForkServer):
    """A fork server in an interpreter of its own; `movable`: with a clock that `chaos.shifted` can move in a child."""

    def __init__(self, *, movable: bool = False) -> None:
        self._movable = movable
        super().__init__()
        self._metrics = tempfile.TemporaryDirectory(prefix="metrics-")
        self.load({multiprocess.VARIABLE: self._metrics.name})  # without a place its counters could not be shared

    def _begin(self, ours: socket.socket, theirs: socket.socket) -> int:
        number = theirs.fileno()
        command = [sys.executable, "-P", "-c", SERVE, str(number), "movable" if self._movable else ""]
        own = {name: os.environ[name] for name in INHERITED if name in os.environ}
        self._process = subprocess.Popen(command, pass_fds=[number], env=own, stdin=subprocess.DEVNULL)
        return self._process.pid

    def close(self) -> None:
        super().close()
        self._process.wait(60)
        self._metrics.cleanup()


_parents: dict[bool, Parent] = {}


def parent(*, movable: bool = False) -> Parent:
    """The one of this process of pytest, made when it is first asked for; `close` ends it."""
    if movable not in _parents:
        _parents[movable] = Parent(movable=movable)
    return _parents[movable]


def close() -> None:
    """End the parents, and with them what they have started."""
    while _parents:
        _parents.popitem()[1].close()


class ForkingSupervisor(Supervisor):
    """A supervisor for tests: it forks our own programs from the shared parent, with our environment and theirs."""

    movable = False

    def _launch(self, program: Program) -> Any:
        environment = _whole(program.environment)
        if environment is None or not fork_server.can_fork(program.command):
            return super()._launch(program)
        return parent(movable=self.movable).start(program.name, program.command, environment)

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        whole = _whole(environment)
        if whole is None or not fork_server.can_fork(command):
            return super().run(command, environment)
        return supervisor.to_its_end(parent(movable=self.movable).start("command", command, whole, apart=True))


def run(environment: Mapping[str, str], module: str, *arguments: str) -> tuple[int, str, str]:
    """Run a module of ours to its end in a process of its own: its exit code, standard output and standard error."""
    return ForkingSupervisor(log=False).run([*MODULE_COMMAND, module, *arguments], environment)


def _whole(environment: Mapping[str, str]) -> dict[str, str] | None:
    """What a program has in all; None where it has to be read by an interpreter of its own, or cannot be forked."""
    if not fork_server.AVAILABLE or any(
        environment[one] != os.environ.get(one) for one in READ_EARLY & environment.keys()
    ):
        return None
    whole = {**os.environ, **environment}
    # As a worker does that is started alone: counters go to a place that nobody else writes to.
    return {multiprocess.VARIABLE: tempfile.mkdtemp(prefix="metrics-"), **whole}
