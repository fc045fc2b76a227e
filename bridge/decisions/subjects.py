"""Subjects as text for the database, and back. Ids come from outside, so they are percent-encoded."""

from urllib.parse import quote, unquote

from rules.model.facts import Subject

SAFE = "@.-_:/ +"


def dump(subject: Subject) -> str:
    """`offer=42,publisher=7`: readable where ids are plain, unambiguous where they are not."""
    return ",".join(f"{grain}={quote(value, safe=SAFE)}" for grain, value in zip(subject.per, subject.ids, strict=True))


def load(text: str) -> Subject:
    """The reverse of `dump`. Raises ValueError for what `dump` never writes."""
    grains, ids = [], []
    for part in text.split(","):
        grain, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is no subject; write grain=id, for example offer=42")
        grains.append(grain)
        ids.append(unquote(value))
    return Subject(tuple(grains), tuple(ids))  # type: ignore[arg-type]
