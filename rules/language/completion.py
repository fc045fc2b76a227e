"""Complete a rule while somebody types it: the keys and words that the JSON Schema allows at a place of the text.

The text may be broken, as it is between two letters. So nothing here parses YAML: indentation, dashes and the brackets
of flow style say which key the cursor is below. Never raises.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from rules.language.schema import json_schema

ITEM = "[]"  # of a path: inside a list
MAX_OPTIONS = 60
MAX_DEPTH = 12  # of references and alternatives that are followed

_WORD = re.compile(r"[A-Za-z0-9_]*\Z")
_KEY = re.compile(r"([A-Za-z_][A-Za-z0-9_.]*)\s*:(?=\s|\Z)")

Schema = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Option:
    """One word that may be at the cursor. `insert` replaces the begun word."""

    word: str
    insert: str
    meaning: str


@dataclass(frozen=True, slots=True)
class Completion:
    """The words that may be at the cursor, in place of the text from `start`."""

    start: int
    options: tuple[Option, ...]


@dataclass(slots=True)
class _Level:
    """One mapping or list around the cursor."""

    indent: int  # of its key or dash; -1 in flow style
    name: str  # the key, or ITEM
    keys: set[str] = field(default_factory=set)  # that stand in the mapping below it so far
    bracket: str = ""


def complete(text: str, at: int) -> Completion:
    """Return what the schema allows at this place of the text."""
    before = text[: max(0, min(at, len(text)))]
    begun = _WORD.search(before)
    prefix = begun[0] if begun else ""
    start = len(before) - len(prefix)
    levels, at_key = _around(before[:start])
    path = [one.name for one in levels[1:] if one.name]
    nodes = _below(path)
    options = _keys(nodes, levels[-1].keys) if at_key else _words(nodes)
    found = {one.word: one for one in options if one.word.startswith(prefix) and one.word != prefix}
    return Completion(start, tuple(found.values())[:MAX_OPTIONS])


def _around(text: str) -> tuple[list[_Level], bool]:
    """Return the levels around the end of the text, and whether a key is expected there instead of a word."""
    levels = [_Level(-1, "")]
    at_key = True
    for line in text.split("\n"):
        if levels[-1].bracket:
            at_key = _flow(levels, line)
            continue
        content = line.lstrip(" ")
        indent = len(line) - len(content)
        if content.startswith("#"):
            at_key = False
            continue
        if not content:
            _close(levels, indent)
            at_key = True
            continue
        while content.startswith("- ") or content == "-":
            _close(levels, indent, dash=True)
            levels.append(_Level(indent, ITEM))
            rest = content[1:].lstrip(" ")
            indent += len(content) - len(rest)
            content = rest
        _close(levels, indent)
        key = _KEY.match(content)
        at_key = key is None and not content.startswith(("{", "["))
        if key is not None:
            levels[-1].keys.add(key[1])
            levels.append(_Level(indent, key[1]))
            content = content[key.end() :].strip(" ")
        if content.startswith(("{", "[")):
            at_key = _flow(levels, content)
        elif content and key is None:
            at_key = False  # a word of a list, or a text over several lines
    return levels, at_key


def _close(levels: list[_Level], indent: int, *, dash: bool = False) -> None:
    """End the levels that a line with this indentation is outside of. A dash may be in the column of its key."""
    while len(levels) > 1 and (
        levels[-1].indent > indent or (levels[-1].indent == indent and (not dash or levels[-1].name == ITEM))
    ):
        levels.pop()


def _flow(levels: list[_Level], text: str) -> bool:
    """Follow the brackets and keys of flow style. Returns True if a key is expected at the end."""
    position, word = 0, ""
    while position < len(text):
        letter = text[position]
        if letter in "\"'":
            end = text.find(letter, position + 1)
            position = len(text) if end < 0 else end + 1
            word = "" if end >= 0 else letter
            continue
        if letter in "{[":
            levels.append(_Level(-1, ITEM if letter == "[" else "", bracket=letter))
        elif letter in "}]" and any(one.bracket for one in levels):
            while not levels.pop().bracket:
                pass
        elif letter == "," and levels[-1].bracket == "" and levels[-1].indent == -1 and len(levels) > 1:
            levels.pop()  # the key that this value belonged to
        elif letter == ":" and levels[-1].bracket == "{" and text[position + 1 : position + 2] in {"", " "}:
            name = word.strip()
            levels[-1].keys.add(name)
            levels.append(_Level(-1, name))
        word = word + letter if letter.isalnum() or letter in "_." else ""
        position += 1
    return levels[-1].bracket == "{" and not word.startswith(('"', "'"))


@cache
def _root() -> Schema:
    return json_schema()


def _below(path: Sequence[str]) -> list[Schema]:
    """Return the alternatives of the schema at a path."""
    nodes = list(_alternatives(_root()))
    for name in path:
        nodes = [one for node in nodes for step in _step(node, name) for one in _alternatives(step)]
    return nodes


def _step(node: Schema, name: str) -> Iterator[Schema]:
    if name == ITEM:
        found = node.get("items")
    else:
        found = node.get("properties", {}).get(name, node.get("additionalProperties"))
    if isinstance(found, Mapping):
        yield found


def _alternatives(node: Schema, depth: int = 0) -> Iterator[Schema]:
    """Yield a node itself, and its references and choices."""
    yield node
    if depth > MAX_DEPTH:
        return
    reference = node.get("$ref")
    if isinstance(reference, str):
        yield from _alternatives(_root()["$defs"][reference.rpartition("/")[2]], depth + 1)
    for choice in ("anyOf", "oneOf", "allOf"):
        for one in node.get(choice, ()):
            yield from _alternatives(one, depth + 1)


def _keys(nodes: Sequence[Schema], present: set[str]) -> Iterator[Option]:
    """Yield keys that may be added to the existing ones: only of alternatives that know all of these."""
    for node in nodes:
        own = node.get("properties", {})
        if present <= own.keys():
            for name, about in own.items():
                if name not in present:
                    yield Option(name, f"{name}: ", about.get("description", ""))
        for one in _alternatives(node.get("propertyNames", {})):
            yield from (Option(word, f"{word}: ", "") for word in one.get("enum", ()) if word not in present)


def _words(nodes: Sequence[Schema]) -> Iterator[Option]:
    """Yield words that may follow a key. Their meaning is described at the key."""
    for node in nodes:
        words = [*node.get("enum", ()), *([node["const"]] if "const" in node else [])]
        yield from (Option(str(word), str(word), "") for word in words)
    for node in nodes:
        yield from (Option(str(word), str(word), "for example") for word in node.get("examples", ()))
