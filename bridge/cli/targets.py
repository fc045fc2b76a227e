"""Parse targets on the command line, such as `offer=42`."""

import sys
from collections.abc import Sequence

import click

from bridge.operations.confirmation import Confirmation
from bridge.operations.selection import EVERYTHING, Choice, Named
from rules.model.plan import Target
from rules.model.state import target_of


def subject_targets(texts: Sequence[str]) -> list[Target]:
    """`offer=42` → a target."""
    found = []
    for text in texts:
        kind, equals, identity = text.partition("=")
        if not equals or not identity:
            raise click.UsageError(f"{text!r}: write KIND=ID, for example offer=42")
        found.append(target_of(kind, identity))
    return found


def chosen_targets(texts: Sequence[str]) -> Choice:
    """The values of `--only`; without the option everything is meant."""
    return Named(texts) if texts else EVERYTHING


yes_option = click.option("--yes", is_flag=True, help="Skip the confirmation of large changes.")


def confirm(asked: Confirmation | None, *, yes: bool) -> None:
    """Ask once more about what is large; where nobody can answer, it takes `--yes`. Raises Abort, ClickException."""
    if asked is None or not asked.is_large or yes:
        return
    if not sys.stdin.isatty():
        raise click.ClickException(f"{asked}; nothing was done yet: add --yes to go ahead")
    click.confirm(f"{asked}. Go ahead?", abort=True, err=True)
