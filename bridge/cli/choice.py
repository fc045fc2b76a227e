"""One of several words: what is misspelt is answered with the nearest one, and with all where they are few."""

from typing import Any

import click

from rules.model.spelling import did_you_mean

MAX_WORDS_SHOWN = 20


class Choice(click.Choice[str]):
    """A choice as click's that also suggests: for `everflw` it asks whether you meant `everflow`."""

    def get_invalid_choice_message(self, value: Any, ctx: click.Context | None) -> str:
        """Say what is wrong with `value`. A long list is left to the help of the command."""
        words = [str(one) for one in self.choices]
        meant = did_you_mean(str(value), words)
        if len(words) <= MAX_WORDS_SHOWN or not meant:
            return super().get_invalid_choice_message(value, ctx).rstrip(".") + meant
        return f"{str(value)!r} is not one of the {len(words)} that --help lists{meant}"
