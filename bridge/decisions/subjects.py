"""Convert subjects to text for the database, and back. Ids come from outside, so they are percent-encoded."""

from collections.abc import Sequence
from urllib.parse import quote, unquote

from rules.model.facts import Subject

SAFE = "@.-_:/ +"


def dump(subject: Subject) -> str:
    """Return `offer=42,publisher=7`: readable for plain ids, unambiguous for others."""
    return ",".join(
        [f"{dimension}={quote(value, safe=SAFE)}" for dimension, value in zip(subject.per, subject.ids, strict=True)]
    )


def dump_all(found: Sequence[Subject]) -> list[str]:
    """Return the text of each subject. Repeated ids are quoted once."""
    parts: dict[tuple[str, str], str] = {}

    def part(named: tuple[str, str]) -> str:
        text = parts.get(named)
        if text is None:
            text = parts[named] = f"{named[0]}={quote(named[1], safe=SAFE)}"
        return text

    return [",".join(map(part, zip(one.per, one.ids, strict=True))) for one in found]


def load(text: str) -> Subject:
    """Parse the text of `dump`. Raises ValueError for texts that `dump` never writes."""
    dimensions, ids = [], []
    for part in text.split(","):
        dimension, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is not a subject; write dimension=id, for example offer=42")
        dimensions.append(dimension)
        ids.append(unquote(value))
    return Subject(tuple(dimensions), tuple(ids))  # type: ignore[arg-type]
