"""What a user keeps in the directory that `up` was started in is not a module of ours or of a library."""

import os
import subprocess

import pytest

from bridge.cli.local import supervisor

PROGRAMS = {
    "worker": supervisor.worker({}).command,
    "beat": supervisor.beat({}).command,
    "simulator": supervisor.python("bridge.simulator"),
    "prepare": supervisor.python("bridge.cli.local.prepare"),
}


def test_nor_by_the_processes_of_the_web_server(tmp_path):
    for module in ("h2", "redis", "flask", "orjson", "sqlalchemy", "uvloop", "asyncio", "bridge"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('a file of the user was imported')")
    web = supervisor.web("127.0.0.1", supervisor.free_port(), {})
    environment = {**os.environ, **web.environment, "BRIDGE_HOME": str(tmp_path / "none")}
    with subprocess.Popen(
        web.command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as started:
        said = next(line for line in started.stdout if "a file of the user" in line or "integr8-bridge: " in line)
        started.terminate()
        started.communicate()
    assert "a file of the user" not in said  # it came as far as the settings, which are not there


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_named_like_a_module_is_not_imported(name, tmp_path):
    for module in ("h2", "redis", "celery", "flask", "tasks", "rules", "sqlalchemy", "json"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('a file of the user was imported')")
    done = subprocess.run(
        [*PROGRAMS[name], "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert "a file of the user" not in done.stdout + done.stderr
    assert "No module named" not in done.stderr
