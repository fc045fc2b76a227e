"""The examples that help texts show."""

import re
import shlex

import click

from bridge.cli import cli

PROGRAM = "integr8-bridge"
BEGINNING = re.compile(rf"([A-Z_]+=\S+ )*{PROGRAM} ")


def commands(group, path=()):
    """Every command of the tree with its path."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


def examples():
    """(the command that shows it, words of one example), without what the shell does around it."""
    for path, command in [((), cli), *commands(cli)]:
        text = f"{command.help or ''}\n{command.epilog or ''}"
        for shown in text.splitlines():
            line = re.sub(r"\$\([^)]*\)", "today", re.split(r"\s{2,}", shown.strip())[0])  # words of explanation follow
            for part in line.split("&&") if BEGINNING.match(line) else ():
                words = shlex.split(part.partition("| ")[0].partition("> ")[0], comments=True)
                while words and "=" in words[0] and not words[0].startswith("-"):
                    words = words[1:]  # a variable before the command
                if words and words[0] == PROGRAM and len(words) > 1:
                    yield path, words[1:]
