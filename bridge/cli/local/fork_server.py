"""Fork the processes of `up` from one that has loaded what they need.

Each of our processes holds some hundred megabytes of modules, and all of them hold the same ones. Forked from one
parent they share those pages as long as nobody writes into them, and start at once, because nothing is imported again.

The parent has one thread, no connection and no open file of ours: what does not survive a fork is made by each child.
Where a fork is not safe (macOS: its own libraries use threads), programs are started in the ordinary way instead.
"""

import atexit
import contextlib
import ctypes
import gc
import json
import os
import runpy
import select
import signal
import socket
import sys
import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, NoReturn

from bridge.cli.local import preload
from bridge.cli.local.process_title import set_title
from bridge.services import memory

AVAILABLE = sys.platform == "linux"
OWN_FILES = 0o077  # the umask of our programs: what they create below `var` is for nobody else
PARENT_DEATH = 1  # PR_SET_PDEATHSIG in linux/prctl.h
MAX_MESSAGE_BYTES = 200_000  # bytes of one message; a request carries what differs from our own environment
UNKNOWN_EXIT_CODE = -int(signal.SIGKILL)  # how a program ended whose parent is gone: nobody was there to be told
MODULE_COMMAND = (sys.executable, "-P", "-m")  # a command that begins so is a module of ours and can be forked


class ForkServerError(OSError):
    """The parent of the processes has ended, and they end with it. Start the next ones in another way."""


def can_fork(command: Sequence[str]) -> bool:
    """Return whether this command runs a Python module in the way that the supervisor starts them."""
    return tuple(command[:3]) == MODULE_COMMAND


def die_with_parent() -> None:
    """On Linux, let the kernel signal this process when its parent ends, so that not even kill -9 leaves a process."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PARENT_DEATH, signal.SIGTERM)


@dataclass(eq=False)
class ForkedProcess:
    """A process of the fork server, with the interface of `subprocess.Popen`."""

    pid: int
    stdout: int  # a descriptor to read its output from
    stderr: int | None = None  # one of its own where that was asked for
    returncode: int | None = None
    _ended: threading.Event = field(default_factory=threading.Event)

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code, or the signal that ended it as a negative number. Raises TimeoutError."""
        if not self._ended.wait(timeout):
            raise TimeoutError
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def has_ended(self, code: int) -> None:
        self.returncode = code
        self._ended.set()


class ForkServer:
    """The parent as the supervisor sees it. Create it before the supervisor starts its first thread."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = self._begin(ours, theirs)
        theirs.close()
        self._channel = ours
        self._asking = threading.Lock()
        self._processes: dict[int, ForkedProcess] = {}
        self._early: dict[int, int] = {}  # pid → exit code of what ended before its start was known here
        self._started: list[int] = []
        self._news = threading.Condition()
        self._gone = False
        self._reader: threading.Thread | None = None

    def _begin(self, ours: socket.socket, theirs: socket.socket) -> int:
        """Start the parent at the other end of the channel; its pid."""
        supervisor = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # or each child would write it once more
        gc.freeze()  # a collection in the parent would write into all that it shares with us
        pid = os.fork()
        if pid == 0:
            ours.close()
            serve(theirs, supervisor)
        return pid

    @property
    def alive(self) -> bool:
        return not self._gone

    def load(self, environment: Mapping[str, str]) -> None:
        """Start to import the modules that the processes need, in their later environment. Returns at once."""
        self._send({"load": dict(environment)})

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], *, apart: bool = False
    ) -> ForkedProcess:
        """Run a module: `command` is one that `can_fork`, `environment` is added to that of `load`.

        `apart`: standard error has its own pipe. Raises ForkServerError if the parent has ended.
        """
        pipes = [os.pipe() for _ in range(1 + apart)]
        try:
            with self._asking:
                request = {"name": name, "module": command[3], "arguments": command[4:], "environment": environment}
                self._send(request, [written for _, written in pipes])
                pid = self._answer()
        except ForkServerError:
            for read, _ in pipes:
                os.close(read)
            raise
        finally:
            for _, written in pipes:
                os.close(written)
        with self._news:
            made = ForkedProcess(pid, pipes[0][0], pipes[1][0] if apart else None)
            if pid in self._early:
                made.has_ended(self._early.pop(pid))
            elif self._gone:
                _await_end(made)
            else:
                self._processes[pid] = made
        return made

    def close(self) -> None:
        """End the parent. Its children have ended before, or end now."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        if self._reader is not None:
            self._reader.join(timeout=5)
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)

    def _send(self, message: Mapping[str, Any], descriptors: Sequence[int] = ()) -> None:
        if self._reader is None:  # not before something is asked for: the supervisor may fork once more
            self._reader = threading.Thread(target=self._read, name="fork server", daemon=True)
            self._reader.start()
        try:
            socket.send_fds(self._channel, [json.dumps(message).encode()], descriptors)
        except OSError as error:
            raise ForkServerError(*error.args) from error

    def _answer(self) -> int:
        """Return the pid of the new process."""
        with self._news:
            self._news.wait_for(lambda: self._started or self._gone)
            if not self._started:
                raise ForkServerError("the parent of the processes is gone")
            return self._started.pop()

    def _read(self) -> None:
        """Read in a thread which processes were started and which have ended."""
        while True:
            try:
                message = self._channel.recv(MAX_MESSAGE_BYTES)
            except OSError:
                message = b""
            if not message:
                break
            found = json.loads(message)
            with self._news:
                if "started" in found:
                    self._started.append(found["started"])
                elif (process := self._processes.pop(found["ended"], None)) is not None:
                    process.has_ended(found["code"])
                else:
                    self._early[found["ended"]] = found["code"]
                self._news.notify_all()
        with self._news:
            self._gone = True
            left = list(self._processes.values())
            self._processes.clear()
            self._news.notify_all()
        for process in left:
            _await_end(process)


def _await_end(process: ForkedProcess) -> None:
    """Wait until the process has ended, because another one may need its port.

    Its parent has ended, so it was asked to end.
    """

    def wait() -> None:
        with contextlib.suppress(ProcessLookupError):
            descriptor = os.pidfd_open(process.pid)
            select.select([descriptor], [], [])
            os.close(descriptor)
        process.has_ended(UNKNOWN_EXIT_CODE)

    threading.Thread(target=wait, name="orphan", daemon=True).start()


# --- in the parent ---------------------------------------------------------------------------------


def serve(channel: socket.socket, supervisor: int) -> NoReturn:
    """Serve requests until the supervisor ends.

    It has one thread; nothing here returns into the code that forked it.
    """
    atexit._clear()  # noqa: SLF001 - what the supervisor wanted to do at its end is not ours
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    os.umask(OWN_FILES)
    os.setsid()  # Ctrl-C reaches the supervisor alone, which stops us in order
    die_with_parent()
    if os.getppid() != supervisor:
        os._exit(1)
    if not sys.flags.safe_path and sys.path:
        del sys.path[0]  # what lies in the directory that `up` was started in is not a module
    set_title("integr8-bridge: parent of the processes")
    awake, wakes = os.pipe()
    for end in (awake, wakes):
        os.set_blocking(end, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    with contextlib.suppress(OSError):  # the supervisor is gone
        while True:
            ready, _, _ = select.select([channel.fileno(), awake], [], [])
            if awake in ready:
                os.read(awake, 4096)
            if channel.fileno() in ready and not _take(channel, lambda: _close(channel, awake, wakes)):
                break
            _tell_who_ended(channel)
    os._exit(0)  # the processes are asked to end by the system, see die_with_parent


def _take(channel: socket.socket, close: Callable[[], None]) -> bool:
    """Handle one request. Returns False if no more will come."""
    data, descriptors, _, _ = socket.recv_fds(channel, MAX_MESSAGE_BYTES, 2)
    if not data:
        return False
    found = json.loads(data)
    if "load" in found:
        _load(found["load"])
    else:
        channel.send(json.dumps({"started": _fork(found, descriptors, close)}).encode())
    return True


def _load(environment: Mapping[str, str]) -> None:
    """Import modules. The process that needs a module reports a failed import."""
    os.environ.update(environment)
    memory.be_small()
    gc.disable()
    for name in preload.MODULES:
        with contextlib.suppress(Exception):
            import_module(name)
    with contextlib.suppress(Exception):
        preload.warm_up()
    memory.before_fork()


def _fork(request: Mapping[str, Any], descriptors: Sequence[int], close: Callable[[], None]) -> int:
    ourselves = os.getpid()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            close()
            _become(request, descriptors, ourselves)
            code = _run(request["module"])
        finally:
            _exit(code)
    for one in descriptors:
        os.close(one)
    return pid


def _become(request: Mapping[str, Any], descriptors: Sequence[int], parent: int) -> None:
    """Turn into a separately started process: session, signals, environment, standard streams, arguments."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    die_with_parent()
    if os.getppid() != parent:
        os._exit(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for source, target in ((nothing, 0), (descriptors[0], 1), (descriptors[-1], 2)):
        os.dup2(source, target)
    for one in {nothing, *descriptors} - {0, 1, 2}:
        os.close(one)
    unbuffered = bool(os.environ.get("PYTHONUNBUFFERED"))
    sys.stdin = sys.__stdin__ = open(0, closefd=False)  # type: ignore[misc] # noqa: SIM115 - as long as the process
    sys.stdout = sys.__stdout__ = _stream(1, line=unbuffered)  # type: ignore[misc]
    sys.stderr = sys.__stderr__ = _stream(2, line=True)  # type: ignore[misc]
    os.environ.update(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    set_title(f"integr8-bridge: {request['name']}")
    gc.enable()


def _stream(number: int, *, line: bool) -> Any:
    return open(number, "w", buffering=1 if line else -1, errors="backslashreplace", closefd=False)


def _run(module: str) -> int:
    # That the parent has loaded the module is the purpose; `python -m` warns of it.
    warnings.filterwarnings("ignore", message=r".* found in sys\.modules after import", category=RuntimeWarning)
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            sys.stderr.write(f"{end.code}\n")
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except BaseException:  # noqa: BLE001 - as the interpreter does: said, and the process ends
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


def _exit(code: int) -> NoReturn:
    """Run the interpreter's exit work without unwinding the frames of the supervisor that forked this process."""
    try:
        threading._shutdown()  # type: ignore[attr-defined] # noqa: SLF001 - waits for threads that are not daemons
        atexit._run_exitfuncs()  # noqa: SLF001
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
    finally:
        os._exit(code)


def _tell_who_ended(channel: socket.socket) -> None:
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            channel.send(json.dumps({"ended": pid, "code": os.waitstatus_to_exitcode(status)}).encode())


def _close(channel: socket.socket, *descriptors: int) -> None:
    channel.close()
    for one in descriptors:
        os.close(one)
