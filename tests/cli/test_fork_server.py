"""The fork server: programs that it starts behave as if they had been started by themselves, and share its memory."""

import os
import subprocess
import sys

import pytest

from bridge.cli.local import fork_server

pytestmark = pytest.mark.skipif(not fork_server.AVAILABLE, reason="programs are forked on Linux alone")

#: In an interpreter of its own: a fork of the process that runs the tests would take its threads and files along.
BEGIN = """
import os, signal, sys, threading, time
from pathlib import Path
from rich.console import Console
from bridge.cli.local import preload, supervisor
from bridge.cli.local.fork_server import MODULE_COMMAND
from bridge.cli.local.supervisor import Program, Supervisor

preload.MODULES, preload.warm_up = (), lambda: None
boss = Supervisor(Console(stderr=True), log=False)
boss.fork_from_one_parent()
boss.load({"FROM": "load"})
sys.path.insert(0, os.getcwd())

def program(name, *arguments, **environment):
    return Program(name, [*MODULE_COMMAND, *arguments], environment)
"""


def run(code, tmp_path, **modules):
    """What a supervisor of this code prints; `modules` are what it can start."""
    (tmp_path / "lib").mkdir()
    for name, text in modules.items():
        (tmp_path / "lib" / f"{name}.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "-P", "-c", BEGIN + code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "lib")},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


TELL = """
import os, sys, signal, threading
print(sys.argv[1:], os.environ["FROM"], os.environ["OWN"], os.getsid(0) == os.getpid(), threading.active_count())
print(signal.getsignal(signal.SIGTERM) == signal.SIG_DFL, sys.stdin.read() == "", __name__)
print("aside", file=sys.stderr)
sys.exit(7)
"""


def test_a_program_has_its_own_arguments_environment_session_and_streams(tmp_path):
    code = """
boss.handle_signals()
print(boss.run([*MODULE_COMMAND, "tell", "a", "b"], {"OWN": "mine"}))
boss.stop()
"""
    [told] = run(code, tmp_path, tell=TELL)
    assert eval(told) == (7, "['a', 'b'] load mine True 1\nTrue True __main__\n", "aside\n")


def test_a_program_that_raises_ends_with_1_and_its_traceback(tmp_path):
    code = 'print(boss.run([*MODULE_COMMAND, "broken"], {})); boss.stop()'
    [told] = run(code, tmp_path, broken="raise LookupError('nothing here')")
    returned, said, complaint = eval(told)
    assert (returned, said) == (1, "")
    assert complaint.endswith("LookupError: nothing here\n")


def test_a_program_that_the_parent_has_loaded_begins_without_a_warning(tmp_path):
    """What a program says when it cannot start is shown to people, and nothing else with it."""
    code = 'print(boss.run([*MODULE_COMMAND, "bridge.cli.local.preload"], {})); boss.stop()'
    [told] = run(code, tmp_path)
    assert eval(told) == (0, "", "")


def test_a_program_may_be_started_before_the_parent_has_loaded_anything(tmp_path):
    code = """
early = Supervisor(Console(stderr=True), log=False)
early.fork_from_one_parent()
print(early.run([*MODULE_COMMAND, "said"], {})[1].strip())
early.stop()
boss.stop()
"""
    assert run(code, tmp_path, said="print('as the simulator of the demo')") == ["as the simulator of the demo"]


def test_what_ends_is_started_again_and_shares_the_parent(tmp_path):
    code = """
child = boss.start(program("one", "wait"))
boss.wait_until(lambda: child.tail, what="starting", needs="one")
first, parent = child.pid, child.tail[0]
os.kill(first, signal.SIGKILL)
boss.watch(until=lambda: boss.pids()["one"] != first and boss.tail("one"))
print(parent == boss.tail("one")[0], child.process.wait(30))
boss.stop()
"""
    waits = "import os, time; print(os.getppid(), flush=True); time.sleep(600)"
    assert run(code, tmp_path, wait=waits) == ["True -9"]


def test_programs_start_by_themselves_once_the_parent_is_gone(tmp_path):
    code = """
child = boss.start(program("one", "wait"))
boss.wait_until(lambda: child.tail, what="starting", needs="one")
parent = int(child.tail[0])
os.kill(parent, signal.SIGKILL)
boss.watch(until=lambda: boss.pids()["one"] != child.pid and boss.tail("one"))
print(int(boss.tail("one")[0]) == os.getpid(), child.process.wait(30) < 0)
boss.stop()
"""
    waits = "import os, time; print(os.getppid(), flush=True); time.sleep(600)"
    assert run(code, tmp_path, wait=waits) == ["True True"]


def test_all_end_when_the_supervisor_is_killed(tmp_path):
    code = """
read, write = os.pipe()
if os.fork() == 0:  # a supervisor that is killed; whoever is left holds the pipe open
    os.set_inheritable(write, True)
    os.close(read)
    boss2 = Supervisor(log=False)
    boss2.fork_from_one_parent()
    boss2.load({})
    child = boss2.start(program("one", "wait"))
    boss2.wait_until(lambda: child.tail, what="starting", needs="one")
    os.kill(os.getpid(), signal.SIGKILL)
os.close(write)
print(os.read(read, 1) == b"")
boss.stop()
"""
    waits = "import os, time; print(os.getppid(), flush=True); time.sleep(600)"
    assert run(code, tmp_path, wait=waits) == ["True"]


def test_a_file_in_the_directory_of_up_is_no_module(tmp_path):
    (tmp_path / "tell.py").write_text("raise SystemExit('a file of the user was imported')")
    code = 'print(boss.run([*MODULE_COMMAND, "tell"], {"OWN": "x"})[0]); boss.stop()'
    assert run(code, tmp_path, tell=TELL) == ["7"]


LOADS = """
import os, sys
from pathlib import Path
from importlib import import_module
from bridge.cli.local import preload
from bridge.services import memory
memory.be_small()
for name in preload.MODULES:
    import_module(name)
preload.warm_up()
opened = [Path(f"/proc/self/fd/{n}") for n in os.listdir("/proc/self/fd")]
sockets = [str(one) for one in map(Path.resolve, opened) if one.suffix == ".db" or "socket:" in str(one)]
print(len(os.listdir("/proc/self/task")), sockets)
memory.before_fork()
"""


def test_what_the_parent_loads_starts_no_thread_and_opens_no_connection(tmp_path):
    home = tmp_path / "home"
    environment = {**os.environ, "BRIDGE_HOME": str(home), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "bridge.cli", "init", str(home)], check=True, capture_output=True)
    done = subprocess.run([sys.executable, "-c", LOADS], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "1 []\n"
    assert list(tmp_path.glob("*.db")) == []  # what is counted while it loads did not happen
    assert not (home / "var" / "bridge.db").exists()
