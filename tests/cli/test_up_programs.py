"""The programs that `up` starts on one machine, before they are started."""

import sys
from io import StringIO

import pytest
from rich.console import Console

from bridge.cli.local import stack
from bridge.cli.local.supervisor import Program, Supervisor


def test_of_the_workers_one_takes_the_port_for_metrics():
    first, second = stack.workers({"BRIDGE_WORKER_METRICS": "9808"}, 2)
    assert [one.environment["BRIDGE_WORKER_METRICS"] for one in (first, second)] == ["9808", ""]


def test_effects_have_a_process_left_when_all_that_takes_long_runs_at_once():
    programs = {one.name: list(one.command) for one in stack.workers({}, 1)}
    processes = {name: command[command.index("--autoscale") + 1] for name, command in programs.items()}
    assert processes == {"worker": "1,1", "effects": f"{stack.LONG + 1},1"}


@pytest.mark.parametrize("terminal", [True, False])
def test_what_a_program_says_stands_in_the_log_as_it_said_it(terminal):
    shown = StringIO()
    boss = Supervisor(Console(file=shown, force_terminal=terminal, color_system=None, markup=False, emoji=False))
    child = boss.start(Program("one", [sys.executable, "-c", "print('[bold]a:smile:[/] ' + 'x' * 300)"]))
    child.process.wait()
    child.finish_reading()
    boss.stop()
    assert shown.getvalue() == f"one     │ [bold]a:smile:[/] {'x' * 300}\n"
