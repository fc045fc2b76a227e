"""Groups of commands. Their modules are imported when they are asked for."""

from collections.abc import Callable
from copy import copy
from functools import wraps
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from bridge.config.renamed import new_names


class Place(NamedTuple):
    """The place of a command (`module:name`), and its line in `--help`.

    `light`: the most used commands of a group, each in its own module (name → `module:name`). One of them does not load
    the others.
    """

    where: str
    help: str
    light: dict[str, str] = {}  # noqa: RUF012 - never written to


def imported(where: str) -> click.Command:
    """Import and return the command at `module:name`."""
    module, _, name = where.partition(":")
    command = getattr(import_module(module), name)
    assert isinstance(command, click.Command)
    return command


class RenamedGroup(click.Group):
    """A group whose commands also have former names. These are not listed; each warns and runs the same command."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        old = f"{self.name} {cmd_name}"
        new = new_names("CLI command").get(old)
        found = super().get_command(ctx, cmd_name if new is None else new.removeprefix(f"{self.name} "))
        if new is None or found is None or found.callback is None:
            return found
        command = copy(found)
        command.callback = _warning(found.callback, old, new)
        return command


def _warning(callback: Callable[..., Any], old: str, new: str) -> Callable[..., Any]:
    @wraps(callback)
    def warned(*arguments: Any, **options: Any) -> Any:
        click.echo(f"`{old}` is now called `{new}`; the old name works for one more version", err=True)
        return callback(*arguments, **options)

    return warned


class Group(click.Group):
    """A group that imports its module only for one of its heavy commands or for its help."""

    def __init__(self, name: str, place: Place) -> None:
        super().__init__(name, help=place.help)
        self._place = place

    def _whole(self) -> click.Group:
        found = imported(self._place.where)
        assert isinstance(found, click.Group)
        return found

    def list_commands(self, ctx: click.Context) -> list[str]:
        return self._whole().list_commands(ctx)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        light = self._place.light.get(cmd_name)
        return imported(light) if light else self._whole().get_command(ctx, cmd_name)


class Places(click.Group):
    """A group that finds commands in a table: `--help` and completion import none of them."""

    def __init__(self, *arguments: Any, places: dict[str, Place], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._places)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 - as above
        """Write the list of commands without importing one of them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._places[name].help) for name in sorted(self._places)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Complete the name of a command without importing one of them."""
        names = [name for name in sorted(self._places) if name.startswith(incomplete)]
        found = [CompletionItem(name, help=self._places[name].help) for name in names]
        return found + click.Command.shell_complete(self, ctx, incomplete)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        place = self._places.get(cmd_name)
        if place is None:
            return None
        return Group(cmd_name, place) if place.light else imported(place.where)
