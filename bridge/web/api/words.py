"""Check filters: only existing words are accepted, and a refusal names the nearest one."""

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any

from flask import abort
from marshmallow import ValidationError, validate

MAX_WORDS_NAMED = 20  # words that a refusal names


def unknown_word(text: str, words: Collection[str]) -> str:
    """Return a message: `'quarantine' is none of dead, done, quarantined, received; did you mean 'quarantined'?`."""
    known = sorted(words)
    more = f" and {len(known) - MAX_WORDS_NAMED} more" if len(known) > MAX_WORDS_NAMED else ""
    near = get_close_matches(text, known, n=1, cutoff=0.5)
    guess = f"; did you mean {near[0]!r}?" if near else ""
    if not known:
        return f"there is no {text[:50]!r}, and nothing else of this kind yet"
    return f"{text[:50]!r} is none of {', '.join(known[:MAX_WORDS_NAMED])}{more}{guess}"


class Word(validate.OneOf):
    """One of these words."""

    def __call__(self, value: Any) -> Any:
        if value not in self.choices:
            raise ValidationError(unknown_word(str(value), [str(one) for one in self.choices]))
        return value


def must_be_known(name: str, text: str | None, words: Collection[str]) -> None:
    """Answer 422 for a filter by a word that nothing has. The words are those of this service at this moment."""
    if text is not None and text not in words:
        abort(422, f"{name}: {unknown_word(text, words)}")
