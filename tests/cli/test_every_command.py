"""Every command of the tree keeps the same promises: help with an example, JSON for programs, exit codes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from bridge.cli import cli

PROCESSES = {"up", "simulator", "demo", "mcp"}  # they run until they are stopped, and log
DOCUMENTS = {"rules schema", "channels events", "api openapi", "api call"}  # they print JSON and nothing else
WRITERS = {"init", "completion"}  # what they write is a directory, or a script
WITHOUT_JSON = PROCESSES - {"demo"} | DOCUMENTS | WRITERS


def commands(command, context, path=()):
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            yield from commands(command.get_command(context, name), context, (*path, name))
    else:
        yield " ".join(path), command


TREE = dict(commands(cli, click.Context(cli)))


@pytest.fixture
def run(tmp_path, monkeypatch):
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(cli, list(words))


def test_the_tree_is_as_large_as_it_was_said_to_be():
    assert len(TREE) > 80


@pytest.mark.parametrize("name", TREE)
def test_its_help_says_what_it_does_and_shows_it(run, name):
    found = run(*name.split(), "--help")
    assert found.exit_code == 0
    assert "Example" in found.output
    assert "integr8-bridge" in found.output.partition("Example")[2]


@pytest.mark.parametrize("name", TREE)
def test_programs_can_read_what_it_says(name):
    options = {option for parameter in TREE[name].params for option in parameter.opts}
    assert ("--json" in options) is (name not in WITHOUT_JSON)


@pytest.mark.parametrize("name", TREE)
def test_an_option_that_it_does_not_know_is_wrong_usage(run, name):
    assert run(*name.split(), "--no-such-option").exit_code == 2


@pytest.mark.parametrize("name", [name for name in TREE if any(one.required for one in TREE[name].params)])
def test_what_is_missing_is_wrong_usage_too(run, name):
    assert run(*name.split()).exit_code == 2


@pytest.mark.parametrize("group", ["runs", "rules", "holds", "approvals", "events", "tokens"])
def test_a_database_that_is_not_there_yet_is_a_failure_with_its_remedy(run, tmp_path, group):
    (tmp_path / "bridge.yaml").write_text("accounts: {}\n")
    found = run(group, "list")
    assert found.exit_code in {1, 2}
    assert isinstance(found.exception, SystemExit)
    assert found.output.strip()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(run, shell):
    assert "_INTEGR8_BRIDGE_COMPLETE" in run("completion", shell).output


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_options():
    program = Path(sys.executable).with_name("integr8-bridge")
    for words, wanted in (("integr8-bridge ru", "rules"), ("integr8-bridge rules backtest --ag", "--against")):
        asked = {
            "_INTEGR8_BRIDGE_COMPLETE": "bash_complete",
            "COMP_WORDS": words,
            "COMP_CWORD": str(len(words.split()) - 1),
        }
        found = subprocess.run([program], env=os.environ | asked, check=False, capture_output=True, text=True)
        assert wanted in found.stdout
