"""What a user keeps in the directory that `up` was started in is no module of ours or of a library."""

import subprocess

import pytest

from bridge.cli.local import supervisor

PROGRAMS = {
    "worker": supervisor.worker({}).command,
    "beat": supervisor.beat({}).command,
    "simulator": supervisor._python("bridge.simulator"),
    "prepare": supervisor._python("bridge.cli.local.prepare"),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_file_named_like_a_module_is_not_imported(name, tmp_path):
    for module in ("h2", "redis", "celery", "flask", "tasks", "rules", "sqlalchemy", "json"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('a file of the user was imported')")
    done = subprocess.run(
        [*PROGRAMS[name], "--help"], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert "a file of the user" not in done.stdout + done.stderr
    assert "No module named" not in done.stderr
