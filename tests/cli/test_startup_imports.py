"""`--help`, `--version` and completion load next to nothing: they are what people wait for most often."""

import subprocess
import sys

import click
import pytest

from bridge.cli import COMMANDS, cli

#: What weighs, in milliseconds and in memory.
HEAVY = {
    *("alembic", "apprise", "authlib", "celery", "cryptography", "environs", "flask", "granian", "httpx", "kombu"),
    *("lark", "marshmallow", "numpy", "opentelemetry", "redis", "requests", "rich", "sentry_sdk", "sqlalchemy", "yaml"),
}
ASK = """
import sys
from bridge.cli import cli
try:
    cli.main(sys.argv[1:], prog_name="integr8-bridge")
except SystemExit as stop:
    code = stop.code
print(sorted({name.partition(".")[0] for name in sys.modules}), file=sys.stderr)
sys.exit(code)
"""


def loaded(*arguments: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", ASK, *arguments], capture_output=True, text=True, check=True)
    return set(eval(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments):
    assert loaded(*arguments) & HEAVY == set()


def test_completion_loads_nothing_but_the_log(tmp_path):
    assert loaded("completion", "bash") & HEAVY <= {"rich"}  # structlog looks for it


def test_completing_a_command_imports_none():
    names = [item.value for item in cli.shell_complete(click.Context(cli), "ru")]
    assert names == ["rules", "runs"]


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_a_line_that_fits(name):
    words = COMMANDS[name].help
    assert words.endswith(".")
    assert len(words) <= 68


def test_the_supervisor_of_up_loads_no_database_and_no_client():
    code = "import sys, bridge.cli.up; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    # It shows lines, reads settings, and finds the embedded Valkey, whose wheel loads cryptography.
    needed = {"rich", "environs", "marshmallow", "yaml", "cryptography"}
    assert set(eval(done.stdout)) & HEAVY <= needed


WORKER = "import tasks.app, importlib; [importlib.import_module(f'tasks.{name}') for name in tasks.app.TASKS]"


@pytest.mark.parametrize(
    ("code", "never"),
    [
        (WORKER, {"sentry_sdk", "flask", "flask_smorest", "authlib", "requests", "apprise"}),
        ("import bridge.web.app", {"sentry_sdk", "authlib", "requests", "apprise"}),
        ("import bridge.web.server", {"flask", "sqlalchemy", "celery", "redis", "numpy"}),
        ("import tasks.app", {"sqlalchemy", "numpy", "httpx", "flask", "sentry_sdk"}),
    ],
    ids=["worker", "web", "parent of the web", "beat"],
)
def test_a_process_loads_nothing_heavy_that_it_does_not_use(code, never):
    told = f"{code}; import sys; print(sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert set(eval(done.stdout)) & never == set()
