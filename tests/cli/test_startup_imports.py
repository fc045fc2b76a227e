"""`--help`, `--version` and completion load next to nothing: they are what people wait for most often."""

import os
import subprocess
import sys

import click
import pytest

from bridge.cli import COMMANDS, cli
from bridge.cli.groups import imported
from bridge.config import settings
from bridge.services.container import Services
from bridge.store import migrate

#: What weighs, in milliseconds and in memory.
HEAVY = {
    *("alembic", "apprise", "authlib", "celery", "cryptography", "environs", "flask", "granian", "httpx", "jinja2"),
    *(
        "kombu",
        "lark",
        "marshmallow",
        "numpy",
        "prometheus_client",
        "standardwebhooks",
        "opentelemetry",
        "redis",
        "requests",
        "rich",
        "sentry_sdk",
        "sqlalchemy",
        "yaml",
    ),
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


def loaded(*arguments: str, **environment: str) -> set[str]:
    command, everything = [sys.executable, "-c", ASK, *arguments], {**os.environ, **environment}
    done = subprocess.run(command, env=everything, capture_output=True, text=True, check=True)
    return set(eval(done.stderr.splitlines()[-1]))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments):
    assert loaded(*arguments) & HEAVY == set()


def test_completion_loads_nothing_but_the_log(tmp_path):
    assert loaded("completion", "bash") & HEAVY <= {"rich"}  # structlog looks for it


SETTINGS = {"environs", "marshmallow", "yaml", "rich"}  # structlog looks for the last one


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A starter home with a database."""
    made = tmp_path_factory.mktemp("starter") / "home"
    subprocess.run([sys.executable, "-m", "bridge.cli", "init", str(made)], check=True, capture_output=True)
    services = Services(settings.load(made))
    migrate.upgrade(services.store.engine)
    services.close()
    return made


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        (["runs", "list"], {*SETTINGS, "sqlalchemy"}),
        (["rules", "list"], {*SETTINGS, "sqlalchemy", "lark"}),
    ],
    ids=["runs list", "rules list"],
)
def test_a_listing_loads_what_it_shows(arguments, needed, home):
    assert loaded(*arguments, BRIDGE_HOME=str(home)) & HEAVY <= needed


def test_check_loads_no_database_where_there_is_none(tmp_path):
    made = str(tmp_path / "home")
    subprocess.run([sys.executable, "-m", "bridge.cli", "init", made], check=True, capture_output=True)
    needed = {*SETTINGS, "lark", "numpy", "cryptography", "standardwebhooks"}  # rules with their tests, and sources
    assert loaded("check", made) & HEAVY <= needed


@pytest.mark.parametrize("name", [name for name, place in COMMANDS.items() if place.light])
def test_a_command_of_its_own_is_the_one_of_its_group(name):
    group = cli.get_command(click.Context(cli), name)
    whole = imported(COMMANDS[name].where)
    assert group.list_commands(click.Context(group)) == whole.list_commands(click.Context(whole))
    assert group.help == whole.help
    for light in COMMANDS[name].light:
        assert group.get_command(click.Context(group), light) is whole.get_command(click.Context(whole), light)


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
    assert set(eval(done.stdout)) & HEAVY <= SETTINGS  # it shows lines and reads settings


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
