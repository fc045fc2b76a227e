"""Find the numbers of a rule text that may be changed one by one, and write the text with other numbers.

Whatever is not changed stays as people wrote it: comments, order, spelling, quotes. A number is a count, an amount, a
percentage or a duration, either a whole value (`hold: 12h`) or a part of a condition (`cr < 0.40% @95%`).
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from rules.language.rewrite import NotRewritable
from rules.language.strict_yaml import Branch, Leaf, Node, Table, documents

NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?(?:%|(?:[wdhms](?:\d+[dhms])*)|[kM])?(?![\w.])")
QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
#: Keys of a rule that say nothing about what it does.
ABOUT_THE_RULE = frozenset({"schema", "id", "title", "owner", "note", "tests"})
#: Sections and keys in which a number is a name, a time of day or what is written into Integr8, and no amount.
SECTIONS_WITHOUT_AMOUNTS = frozenset({"mode", "priority", "account", "integration", "inhibits", "notify", "on_failure"})
KEYS_WITHOUT_AMOUNTS = frozenset(
    {
        "cron", "tz", "account", "integration", "source", "event", "dedupe", "order_by", "order_per", "per", "except",
        "join", "from", "to", "id", "which", "key", "with", "http", "call", "deliver_secret_to", "budgets", "by",
        "escalate_to",
    }
)  # fmt: skip
MAX_LABEL_CHARS = 30

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Number:
    """One number of a text.

    `name` identifies it: `guards.cooldown`, or `when.all.0#1` for the second of a condition.
    """

    name: str
    text: str
    line: int  # from 1
    column: int  # from 1


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a rule with its path, and its text divided into words and numbers."""

    path: Path
    parts: Sequence[str | Number]

    @property
    def name(self) -> str:
        return ".".join(str(part) for part in self.path)


def values(text: str) -> list[Value]:
    """Return every value of the first rule of a text, except those about the rule itself, in the order of the text.

    It is empty for a text that is not YAML: `check` says where.
    """
    root = next((one.root for one in documents(text, "")), None)
    if not isinstance(root, Table):
        return []
    lines = text.split("\n")
    sections = [(name, node) for name, node in root.entries.items() if name not in ABOUT_THE_RULE]
    leaves = [found for name, node in sections for found in _leaves(node, (name,))]
    return [_value(path, leaf, lines) for path, leaf in leaves]


def numbers(text: str) -> list[Number]:
    """Return the numbers of a text that can be changed."""
    return [part for value in values(text) for part in value.parts if isinstance(part, Number)]


def with_numbers(text: str, changes: Mapping[str, str]) -> str:
    """Return the text with other numbers. Raises NotRewritable for an unknown name or an invalid number."""
    known = {one.name: one for one in numbers(text)}
    lines = text.split("\n")
    wanted = []
    for name, new in changes.items():
        if name not in known:
            raise NotRewritable(f"{name}: there is no such number in the text")
        written = new.strip()
        if len(written) > MAX_LABEL_CHARS or not NUMBER.fullmatch(written):
            raise NotRewritable(
                f"{name}: {new[:MAX_LABEL_CHARS]!r} is not a number; write one as it was, such as {known[name].text}"
            )
        wanted.append((known[name], written))
    for one, written in sorted(wanted, key=lambda pair: (pair[0].line, pair[0].column), reverse=True):
        line = lines[one.line - 1]
        lines[one.line - 1] = line[: one.column - 1] + written + line[one.column - 1 + len(one.text) :]
    return "\n".join(lines)


def _leaves(node: Node, path: Path) -> Iterator[tuple[Path, Leaf]]:
    if isinstance(node, Leaf):
        yield path, node
    elif isinstance(node, Branch):
        for index, item in enumerate(node.items):
            yield from _leaves(item, (*path, index))
    else:
        for key, item in node.entries.items():
            yield from _leaves(item, (*path, key))


def _value(path: Path, leaf: Leaf, lines: Sequence[str]) -> Value:
    name = ".".join(str(part) for part in path)
    row, start = leaf.place.line - 1, leaf.place.column - 1
    here = row < len(lines) and lines[row].startswith(leaf.raw, start)
    if not here or not leaf.raw or not _may_be_amount(path) or "{{" in leaf.raw:
        return Value(path, (leaf.raw,))
    hidden = [found.span() for found in QUOTED.finditer(leaf.raw)]
    found = [one for one in NUMBER.finditer(leaf.raw) if not any(a <= one.start() < b for a, b in hidden)]
    parts: list[str | Number] = []
    end = 0
    for count, one in enumerate(found):
        if one.start() > end:
            parts.append(leaf.raw[end : one.start()])
        whole = one[0] == leaf.raw
        parts.append(Number(name if whole else f"{name}#{count}", one[0], row + 1, start + one.start() + 1))
        end = one.end()
    if end < len(leaf.raw):
        parts.append(leaf.raw[end:])
    return Value(path, tuple(parts))


def _may_be_amount(path: Path) -> bool:
    if path[:2] == ("scope", "where") and len(path) > 2 and isinstance(path[2], str):
        return False  # the values of an attribute; in a list of conditions there are amounts
    return path[0] not in SECTIONS_WITHOUT_AMOUNTS and KEYS_WITHOUT_AMOUNTS.isdisjoint(path)


HEADER = ("id", "title", "owner", "note")
_PLAIN_TEXT = re.compile(r"[A-Za-z][\w ,.()/'%+-]*")


def header(text: str) -> dict[str, str]:
    """Return id, title, owner and note of the first rule of a text, as far as they exist."""
    root = next((one.root for one in documents(text, "")), None)
    found = root.entries if isinstance(root, Table) else {}
    leaves = {name: found[name] for name in HEADER if name in found}
    return {name: str(leaf.value) for name, leaf in leaves.items() if isinstance(leaf, Leaf) and leaf.value is not None}


def with_header(text: str, changes: Mapping[str, str]) -> str:
    """Return the text with another id, title or owner; an empty title or owner is removed. Raises NotRewritable."""
    for name, new in changes.items():
        text = _with_key(text, name, " ".join(new.split()))
    return text


def _with_key(text: str, name: str, new: str) -> str:
    root = next((one.root for one in documents(text, "")), None)
    if not isinstance(root, Table) or "id" not in root.keys:
        raise NotRewritable("the text holds no rule that begins with schema and id")
    lines = text.split("\n")
    present = root.entries.get(name)
    written = new if _PLAIN_TEXT.fullmatch(new) and new == new.strip() else json.dumps(new, ensure_ascii=False)
    if present is None:
        if new:
            place = root.keys["id"]
            lines.insert(place.line, f"{' ' * (place.column - 1)}{name}: {written}")
        return "\n".join(lines)
    if not isinstance(present, Leaf):
        raise NotRewritable(f"{name} has a form that only a person should change")
    row, start = present.place.line - 1, present.place.column - 1
    line = lines[row] if row < len(lines) else ""
    quote = line[start - 1 : start] if present.quoted else ""
    end = start + len(present.raw)
    if not line.startswith(present.raw, start) or (quote and line[end : end + 1] != quote):
        raise NotRewritable(f"{name} spans several lines; change it in the text")
    if new:
        lines[row] = line[: start - len(quote)] + written + line[end + len(quote) :]
    elif row == root.keys[name].line - 1:
        del lines[row]
    return "\n".join(lines)


def with_notice(text: str, channel: str, topics: Sequence[str]) -> str:
    """Return the text with notices of these topics to a channel added. Raises NotRewritable."""
    root = next((one.root for one in documents(text, "")), None)
    if not isinstance(root, Table) or "id" not in root.keys:
        raise NotRewritable("the text holds no rule that begins with schema and id")
    entry = f"{{about: [{', '.join(topics)}], to: [{channel}]}}"
    node, lines = root.entries.get("notify"), text.split("\n")
    if node is None:
        lines[_end_before(lines, root, "tests") :] = [f"notify: [{entry}]", *lines[_end_before(lines, root, "tests") :]]
    elif isinstance(node, Branch):
        row, start = node.place.line - 1, node.place.column - 1
        line = lines[row]
        if line.startswith("- ", start) and not line[:start].strip():
            lines.insert(row, f"{line[:start]}- {entry}")
        else:
            lines[row] = f"{line[: start + 1]}{entry}{', ' if node.items else ''}{line[start + 1 :]}"
    changed = "\n".join(lines)
    if _notices(changed) != _notices(text) + 1:
        raise NotRewritable("notify has a form that only a person should change")
    return changed


def _end_before(lines: Sequence[str], root: Table, key: str) -> int:
    """Return the line to add a section at: before this key and the comments above it, or behind the last line."""
    row = root.keys[key].line - 1 if key in root.keys else len(lines)
    while row and (not lines[row - 1].strip() or lines[row - 1].startswith("#")):
        row -= 1
    return row


def _notices(text: str) -> int:
    root = next((one.root for one in documents(text, "")), None)
    node = root.entries.get("notify") if isinstance(root, Table) else None
    return len(node.items) if isinstance(node, Branch) else int(node is not None)


def without_tests(text: str, starts: Collection[int]) -> str:
    """Return the text without the tests that begin on these lines (from 1).

    Raises NotRewritable if they share a line.
    """
    root = next((one.root for one in documents(text, "")), None)
    node = root.entries.get("tests") if isinstance(root, Table) else None
    if not isinstance(root, Table) or not isinstance(node, Branch):
        raise NotRewritable("the text has no list of tests")
    lines = text.split("\n")
    places = [item.place.line for item in node.items]
    if len(set(places)) != len(places) or places[0] == root.keys["tests"].line:
        raise NotRewritable("the tests are on one line; remove them in the text")
    after = [place.line for place in root.keys.values() if place.line > places[-1]]
    last = min(after, default=len(lines) + 1)
    gone = {place for place in places if place in starts}
    spans = [(one, following) for one, following in zip(places, [*places[1:], last], strict=True) if one in gone]
    if len(gone) == len(places):
        spans = [(root.keys["tests"].line, last)]
    kept = [line for number, line in enumerate(lines, 1) if not any(a <= number < b and line.strip() for a, b in spans)]
    return "\n".join(kept)
