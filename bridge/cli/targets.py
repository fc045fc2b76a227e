"""Parse targets on the command line, such as `offer=42`."""

import sys
from collections.abc import Callable, Sequence

import click

from bridge.operations.confirmation import Confirmation
from bridge.operations.selection import EVERYTHING, Choice, Named


def chosen_targets(texts: Sequence[str]) -> Choice:
    """Return the values of `--only`; without the option it means everything.

    Raises UsageError for an impossible item.
    """
    for text in texts:
        kind, _, identity = text.rpartition("=")  # an id may be a text, and what does not exist yet is named by a key
        if not identity or not (kind or any(character.isdigit() for character in identity)):
            raise click.UsageError(f"{text!r} is not an item; write KIND=ID, for example offer=42")
    return Named(texts) if texts else EVERYTHING


yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation of large changes.")


def somebody_can_answer() -> bool:
    """Return whether a person sits at the terminal."""
    return sys.stdin.isatty()


def confirm(about: Callable[[], Confirmation | None], *, yes: bool) -> None:
    """Ask for confirmation of a large operation if a person sits at the terminal. Raises Abort.

    `about` builds the question, which reads the whole scope of a rule; it is called only if somebody can answer.
    """
    if yes or not somebody_can_answer():
        return
    asked = about()
    if asked is not None and asked.is_large:
        click.confirm(f"{asked}. Go ahead?", abort=True, err=True)
