"""The programs that `up` starts on one machine, before they are started."""

from bridge.cli.local import stack


def test_of_the_workers_one_takes_the_port_for_metrics():
    first, second = stack.workers({"BRIDGE_WORKER_METRICS": "9808"}, 2)
    assert [one.environment["BRIDGE_WORKER_METRICS"] for one in (first, second)] == ["9808", ""]


def test_effects_have_a_process_left_when_all_that_takes_long_runs_at_once():
    programs = {one.name: list(one.command) for one in stack.workers({}, 1)}
    processes = {name: int(command[command.index("--concurrency") + 1]) for name, command in programs.items()}
    assert processes == {"worker": 1, "effects": stack.LONG + 1}
