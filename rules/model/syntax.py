"""Parse the small language of conditions: text in, tree with places out."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A place in a file. Lines and columns count from 1."""

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Condition:
    """A parsed condition or expression. `tree` is ours; `text` is what the person wrote."""

    text: str
    place: Place
    tree: Any


@dataclass(frozen=True, slots=True)
class Template:
    """A text with `{{ expression }}` parts. A text that is one single part keeps the value's own type."""

    text: str
    place: Place
    parts: tuple["str | Condition", ...]
