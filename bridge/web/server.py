"""The web server: `python -m bridge.web.server`. granian handles the sockets, `bridge.web.process:app` answers.

The environment says where and how much: BRIDGE_BIND (127.0.0.1), PORT (8000), WEB_WORKERS (1), BRIDGE_WEB_GRACE (20
seconds for requests under way when it is asked to stop). It listens until SIGTERM or SIGINT; SIGHUP starts the
processes anew, one after the other, without refusing a connection.
"""

import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from multiprocessing.connection import wait as ended
from multiprocessing.util import Finalize
from pathlib import Path
from typing import Any

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.net import SocketSpec  # type: ignore[attr-defined] # made there, and used by granian from there
from granian.server.mp import MPServer, WorkerProcess

from bridge.observability import multiprocess
from bridge.web.exit_codes import BOOT_ERROR

TARGET = "bridge.web.process:app"
IDLE = 30  # seconds for the head of a request, and between two requests of a connection
MAX_HEAD_BYTES = 65_536  # bytes
CONNECTIONS = 1_000  # of one process; more wait in the queue of the system
FILES = 4_096  # that a process may open: a connection is one
LAST = 2.0  # seconds that a process which has answered everybody lets its threads finish what nobody waits for
REPLACED = signal.SIGUSR1  # to a process: another one takes the connections from here on
NOTED = 2.0  # seconds within which another thread has noted how a process ended
LINGER = 1.0  # seconds in which who is connected to a replaced process may send what it has to say
ENDING = (signal.SIGTERM, signal.SIGINT, REPLACED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    host: str = "127.0.0.1"
    port: int = 8000
    workers: int = 1
    grace: int = 20  # seconds


class OptionError(ValueError):
    """A variable of the environment is unusable; the text says which."""


def options() -> Options:
    """Return the options from the environment. Raises OptionError."""
    return Options(
        host=os.environ.get("BRIDGE_BIND") or "127.0.0.1",
        port=_number("PORT", 8000, most=65_535),
        workers=_number("WEB_WORKERS", 1, most=64),
        grace=_number("BRIDGE_WEB_GRACE", 20, most=1_800),
    )


def _number(name: str, default: int, *, most: int) -> int:
    text = os.environ.get(name) or str(default)
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= most):
        raise OptionError(f"{name} is {text!r}; it must be a whole number from 1 to {most}")
    return int(text)


class OneQueue(MPServer):
    """A granian server whose processes take connections from one socket, which the parent holds.

    On Linux each of its processes has its own socket, and connections in its queue are reset when the process ends: a
    restart would refuse some, and nobody would listen between a death and the next start. Elsewhere granian shares one
    socket itself, and so do we, in the same attributes; `tests/web/test_server.py` restarts it under load.
    """

    def _init_shared_socket(self) -> None:
        holder: Any = SocketSpec(self.bind_addr, self.bind_port, self.backlog).build()
        self._shd, self._sfd = holder, holder.get_fd()
        self._sso: socket.socket | None = socket.socket(fileno=holder.get_fd())
        self._sso.set_inheritable(True)
        self._sso.listen(self.backlog)

    def serve(self) -> None:  # type: ignore[override] # the rest of granian's options is of no use here
        super().serve(target_loader=load)

    def _spawn_worker(self, *arguments: Any, **named: Any) -> WorkerProcess:
        made = super()._spawn_worker(*arguments, **named)
        start, terminate, join = made.start, made.terminate, made.join

        def held() -> None:
            with no_signal_lost():
                start()  # type: ignore[no-untyped-call]

        def replaced() -> None:
            if self.interrupt_signal or not made.inner.is_alive():
                terminate()  # type: ignore[no-untyped-call]
            else:
                made.interrupt_by_parent = True
                os.kill(made.inner.pid, REPLACED)

        def joined(timeout: float | None = None) -> None:
            join(timeout)  # type: ignore[no-untyped-call]
            wait_for_exit_code(made.inner)

        made.join = joined  # type: ignore[method-assign]
        made.start = held  # type: ignore[method-assign]
        made.terminate = replaced  # type: ignore[method-assign]
        return made

    def _respawn_workers(self, workers: Sequence[int], *arguments: Any, **named: Any) -> None:
        """Start nothing for a server that was told to end, and pass this on to it.

        The caller has just forgotten why it woke up; the reason may have been the request to end. A process that cannot
        use its settings ends the server: granian detects that only by time, if a start takes less than 5 seconds.
        """
        if any(self.wrks[number].inner.exitcode == BOOT_ERROR for number in workers):
            self.shutdown(1)
        if not self.interrupt_signal:
            super()._respawn_workers(workers, *arguments, **named)
        if self.interrupt_signal:
            self.main_loop_interrupt.set()

    def shutdown(self, exit_code: int = 0) -> None:
        """Shut down.

        A process that ends by itself, as all do when a whole group is told to end, is then not a failure.
        """
        try:
            super().shutdown(exit_code)  # type: ignore[no-untyped-call]
        except SystemExit:
            if exit_code or not self.interrupt_signal:
                raise


def wait_for_exit_code(process: Any) -> None:
    """Wait until a process that has ended has its exit code; return at once for one that runs.

    granian waits for each of its processes in two threads, and the system tells the end to one of them. The other one
    returns before the first has noted the code, took the process for alive, and said that it refuses to stop.
    """
    until = time.monotonic() + NOTED
    while process.exitcode is None and ended([process.sentinel], 0) and time.monotonic() < until:
        time.sleep(0.005)


@contextmanager
def no_signal_lost() -> Iterator[None]:
    """Hold signals back while a process starts. It handles them once it can react itself, see `load`.

    Before that it would react as the server does, without any effect.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def load(target: str) -> Callable[..., Any]:
    """Load, in a new process, the application `module:name` from the present import path.

    granian's own loader puts the current directory first, so that files of a user could be imported as modules.
    """
    for number in ENDING:
        signal.signal(number, signal.SIG_DFL)  # until it serves
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    module, _, name = target.partition(":")
    found: Callable[..., Any] = getattr(import_module(module), name)
    signal.signal(REPLACED, lambda *_: _hand_over(found))
    Finalize(None, _leave, args=(found,), exitpriority=100)  # before the interpreter waits for all threads
    return found


def _hand_over(application: Any) -> None:
    """Accept no further connection, answer the accepted ones, each for the last time, and end.

    granian closes a connection that has sent nothing yet as soon as it is told to end, and its sender, who may already
    be sending, would get no answer. So it is told only after LINGER.
    """
    application.leaving = True
    _stop_listening()
    threading.Timer(LINGER, os.kill, (os.getpid(), signal.SIGTERM)).start()


def _stop_listening() -> None:
    """Replace each listening socket of this process by an unknown one. Other processes keep theirs."""
    with socket.create_server(("127.0.0.1", 0)) as nobodys:
        nobodys.setblocking(False)
        for number in [int(one.name) for one in Path("/dev/fd").iterdir()]:
            if number != nobodys.fileno() and _listens(number):
                os.dup2(nobodys.fileno(), number)


def _listens(number: int) -> bool:
    try:
        one = socket.socket(fileno=os.dup(number))
    except OSError:  # no socket
        return False
    with one:
        return bool(one.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _leave(application: Any) -> None:
    """End a process that serves no more, without waiting for its threads: their callers were answered, or have left.

    A thread may still compute for a while, or want to answer on an event loop that stands still.
    """
    application.close(LAST)
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(0)


def make(chosen: Options, target: str = TARGET, idle: float = IDLE) -> MPServer:
    """Return the server, not yet started. `target` is an ASGI application as `module:name`."""
    return OneQueue(
        target,
        address=chosen.host,
        port=chosen.port,
        interface=Interfaces.ASGINL,
        http=HTTPModes.http1,
        websockets=False,
        workers=chosen.workers,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=round(idle * 1000), max_buffer_size=MAX_HEAD_BYTES),
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=chosen.grace,
    )


def main() -> int:
    try:
        chosen = options()
    except OptionError as error:
        sys.stderr.write(f"integr8-bridge: {error}\n")
        return 1
    multiprocess.share()  # the processes of one server count together, whichever of them a scrape asks
    _allow_files(FILES)
    make(chosen).serve()
    return 0


def _allow_files(wanted: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))


if __name__ == "__main__":
    sys.exit(main())
