"""Put a rule file in the language's order: sections and keys, with the comments above them. Nothing else changes."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from rules.language.schema import json_schema, properties
from rules.language.strict_yaml import Table, documents
from rules.model.errors import Problem, RuleError

_BREAK = re.compile(r"^(?:---|\.\.\.)(?=\s|$).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class _Block:
    """One key with all of its lines: comments above it, itself and its content."""

    key: str
    above: tuple[str, ...]
    lines: tuple[str, ...]


def ordered(text: str, name: str) -> str:
    """Return the text of a rule file with its keys in the language's order, each with its comments.

    Keys on one line (`{every: 15m}`) and lists keep their order. Raises RuleError if it is not a rule file.
    """
    parts, position = [], 0
    for found in _BREAK.finditer(text):
        parts += [_document(text[position : found.start()], name), found[0]]
        position = found.end()
    parts.append(_document(text[position:], name))
    return re.sub(r"\n+\Z", "\n", "".join(parts))


def _document(text: str, name: str) -> str:
    found = next(documents(text, name), None)
    if found is None:
        return text
    if found.root is None or not isinstance(found.root, Table):
        raise RuleError(found.problems or (Problem(found.place, "a rule is a mapping of keys"),))
    lines = text.split("\n")
    return "\n".join(_table(found.root, lines, 0, len(lines), ""))


def _table(table: Table, lines: Sequence[str], start: int, end: int, path: str) -> list[str]:
    """Return the lines from `start` to `end` that hold a mapping, in order."""
    places = [(place.line - 1, key) for key, place in table.keys.items()]
    columns = {place.column for place in table.keys.values()}
    if len({line for line, _ in places}) < len(places) or len(columns) != 1:
        return list(lines[start:end])  # written on one line
    indent = columns.pop() - 1
    places.sort()
    blocks, begin = [], _begin(lines, places[0][0], start, indent)
    head = list(lines[start:begin])
    for number, (line, key) in enumerate(places):
        limit = places[number + 1][0] if number + 1 < len(places) else end
        until = _begin(lines, limit, line + 1, indent) if limit < end else _tail(lines, line + 1, end, indent)
        inner = table.entries[key]
        below = list(lines[line + 1 : until])
        if isinstance(inner, Table) and inner.keys and min(place.line for place in inner.keys.values()) > line + 1:
            below = _table(inner, lines, line + 1, until, f"{path}{key}.")
        blocks.append(_Block(key, tuple(_trimmed(lines[begin:line])), (lines[line], *below)))
        begin = until
    order = _order().get(path, ())
    blocks.sort(key=lambda block: order.index(block.key) if block.key in order else len(order))
    return [*head, *(line for block in blocks for line in (*block.above, *block.lines)), *lines[begin:end]]


def _begin(lines: Sequence[str], line: int, start: int, indent: int) -> int:
    """Return where the comments above a line begin: those with the line's indentation, and empty lines between them.

    At the very top a comment is about the file, and stays there, unless an empty line separates it from a file comment.
    """
    begin = line
    while begin > start and _is_above(lines[begin - 1], indent):
        begin -= 1
    if start == 0:
        empty = [number for number in range(begin, line) if not lines[number].strip()]
        return empty[-1] + 1 if empty else line
    return begin


def _is_above(line: str, indent: int) -> bool:
    text = line.strip()
    return not text or (text.startswith("#") and len(line) - len(line.lstrip()) == indent)


def _tail(lines: Sequence[str], start: int, end: int, indent: int) -> int:
    """Return where the last key's lines end: later comments with the keys' indentation belong to no key."""
    while end > start and _is_above(lines[end - 1], indent):
        end -= 1
    return end


def _trimmed(lines: Sequence[str]) -> list[str]:
    """Return the lines with one empty line in place of several."""
    return [line for number, line in enumerate(lines) if line.strip() or number == 0 or lines[number - 1].strip()]


@cache
def _order() -> Mapping[str, tuple[str, ...]]:
    """Return the keys of each section in the language's order, by the path above them (`guards.at_most.`)."""
    found: dict[str, list[str]] = {}
    for path, _ in properties(json_schema()):
        above, _, name = path.rpartition(".")
        found.setdefault(f"{above}." if above else "", []).append(name)
    return {path: tuple(dict.fromkeys(names)) for path, names in found.items()}
