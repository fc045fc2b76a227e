"""Suggest the known word that a person probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

_HOW_CLOSE = 0.6  # difflib's own scale; below it suggestions amuse more than they help


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The closest of the known words, or None when none is close."""
    small = {name.lower(): name for name in sorted(set(known))}
    found = get_close_matches(word.lower(), small, n=1, cutoff=_HOW_CLOSE)
    return small[found[0]] if found else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'clicks'?` to put behind a message, or nothing."""
    found = nearest(word, known)
    return f"; did you mean '{found}'?" if found and found != word else ""


def listed(words: Iterable[str], *, last: str = "or") -> str:
    """`a, b or c`."""
    items = list(words)
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} {last} {items[-1]}" if items else "nothing"


def a(noun: str) -> str:
    """`an offer`, `a landing page`."""
    return f"{'an' if noun[:1] in 'aeo' else 'a'} {noun.replace('_', ' ')}"
