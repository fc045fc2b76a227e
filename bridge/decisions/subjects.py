"""Subjects as text for the database, and back. Ids come from outside, so they are percent-encoded."""

from urllib.parse import quote, unquote

from rules.model.facts import Subject

SAFE = "@.-_:/ +"


def dump(subject: Subject) -> str:
    """`offer=42,publisher=7`: readable where ids are plain, unambiguous where they are not."""
    return ",".join(
        f"{dimension}={quote(value, safe=SAFE)}" for dimension, value in zip(subject.per, subject.ids, strict=True)
    )


def load(text: str) -> Subject:
    """The reverse of `dump`. Raises ValueError for what `dump` never writes."""
    dimensions, ids = [], []
    for part in text.split(","):
        dimension, equals, value = part.partition("=")
        if not equals:
            raise ValueError(f"{text!r} is no subject; write dimension=id, for example offer=42")
        dimensions.append(dimension)
        ids.append(unquote(value))
    return Subject(tuple(dimensions), tuple(ids))  # type: ignore[arg-type]
