"""Every example of every help text is a command that exists, with options that it takes. tests/integr8 runs `api`."""

import io

import click
import pytest
from help_examples import examples

from bridge.cli import cli


def parsed(words):
    """Parse the words as the program does, without running them; fails where a command or an option is unknown."""
    # The settings of the program itself: a command remembers the names of its help option from its first context.
    command, context = cli, click.Context(cli, **cli.context_settings)
    while isinstance(command, click.Group):
        name, command, words = command.resolve_command(context, list(words))
        if isinstance(command, click.Group):
            context = click.Context(command, info_name=name, parent=context)
    return command.make_context(name, words, parent=context)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Files that the examples name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))  # some ask before they do what cannot be taken back
    monkeypatch.setattr("click.termui.hidden_prompt_func", lambda _text: "what nobody may see")
    for name in ("network", "my-network", "rules", "tables"):
        (tmp_path / name).mkdir()
    return tmp_path


def named(words):
    """Files that must be there, made from what the example says."""
    return [
        word for word in words if "." in word and word.rpartition(".")[2] in {"csv", "json", "yaml", "pem", "txt", "db"}
    ]


@pytest.mark.parametrize(
    "words", [pytest.param(words, id=" ".join([*path, "shows", *words])) for path, words in examples()]
)
def test_an_example_is_a_command_with_options_that_it_takes(words, home):
    words = [word.replace("/backup/", f"{home}/") for word in words]
    for name in named(words):
        (home / name).parent.mkdir(parents=True, exist_ok=True)
        (home / name).write_text("")
    parsed(words)
