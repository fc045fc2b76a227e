"""Parse the subject of a command, such as `offer=42`."""

from collections.abc import Sequence

import click

from rules.model.plan import Target
from rules.model.state import target_of


def subject_targets(texts: Sequence[str]) -> list[Target]:
    """Convert `offer=42` to a target."""
    found = []
    for text in texts:
        kind, equals, identity = text.partition("=")
        if not equals or not identity:
            raise click.UsageError(f"{text!r}: write KIND=ID, for example offer=42")
        found.append(target_of(kind, identity))
    return found
