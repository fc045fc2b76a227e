"""Parse strict YAML to nodes with places. No value is guessed, nothing is merged, nothing can blow up.

Of YAML's scalar types only `true`/`false`, `null`, plain decimal numbers and texts are known: `yes`, `0o17`,
`12:30:45` and `2024-01-01` are texts. Keys are unique texts, tags and directives are refused, aliases, depth and
size are bounded. One extension: inside `[...]` a quoted part of a plain text may hold brackets and commas, so that
`[body.email matches "^[^@]+$"]` reads as it looks; other YAML readers stop there, hence a warning.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeAlias

import yaml
from yaml.parser import Parser
from yaml.reader import ReaderError
from yaml.scanner import Scanner

from rules.model.errors import Problem
from rules.model.syntax import Place

MAX_CHARACTERS = 512_000  # a file; the largest hand-written one we can imagine has a tenth of it
MAX_DEPTH = 16
MAX_NODES = 20_000  # of one document, with aliases counted each time they are used
MAX_ALIASES = 50
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,15})\.[0-9]{1,12}")
_WORDS: Mapping[str, bool | None] = {"true": True, "false": False, "null": None, "~": None, "": None}
_UNSEEN_LINE_END = re.compile("[\x85\u2028\u2029]")
_SEPARATOR = re.compile(r"^(?:---|\.\.\.)(?=\s|$)", re.MULTILINE)

Plain: TypeAlias = str | bool | int | Decimal | None


@dataclass(frozen=True, slots=True)
class Leaf:
    place: Place  # of the value's first character, behind an opening quote
    value: Plain
    raw: str
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Branch:
    """A sequence."""

    place: Place
    items: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping; its keys are texts, each with its own place."""

    place: Place
    entries: Mapping[str, "Node"]
    keys: Mapping[str, Place]


Node: TypeAlias = Leaf | Branch | Table


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file: its text and either its root or the reason why there is none."""

    place: Place
    text: str
    root: Node | None
    problems: tuple[Problem, ...]


class _Refused(Exception):
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.problem = Problem(place, message)


def documents(text: str, name: str) -> Iterator[Document]:
    """Yield each document of a file separately, so that a broken one does not hide its neighbours."""
    start = Place(name, 1, 1)
    if len(text) > MAX_CHARACTERS:
        message = f"a file of {len(text):,} characters; {MAX_CHARACTERS:,} are allowed, split it into several files"
        yield Document(start, "", None, (Problem(start, message),))
        return
    for line, part in _split(text.removeprefix("\ufeff")):
        if any(stripped and not stripped.startswith("#") for stripped in map(str.strip, part.splitlines())):
            yield _document(part, Place(name, line, 1))


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Yield (first line, text) of each document.

    A line beginning with `---` can be nothing else, even in a block text.
    """
    position, line = 0, 1
    for found in _SEPARATOR.finditer(text):
        yield line, text[position : found.start()]
        line += text.count("\n", position, found.start())
        position = found.end()
    yield line, text[position:]


def _document(text: str, start: Place) -> Document:
    warnings: list[Problem] = []
    unseen = _UNSEEN_LINE_END.search(text)
    if unseen is not None:
        message = f"the character U+{ord(unseen[0]):04X} ends a line for YAML and for no editor; remove it"
        return Document(start, text, None, (Problem(_line_of(text, unseen.start(), start), message),))
    try:
        root = _Composer(text, start, warnings).compose_document()
    except _Refused as refused:
        return Document(start, text, None, (refused.problem,))
    except ReaderError as error:
        place = _line_of(text, error.position, start)
        return Document(start, text, None, (Problem(place, f"the character U+{_code(error):04X} cannot be used here"),))
    except yaml.MarkedYAMLError as error:
        return Document(start, text, None, (_syntax_problem(error, text, start),))
    return Document(root.place if root else start, text, root, tuple(warnings))


def _code(error: ReaderError) -> int:
    return ord(error.character) if isinstance(error.character, str) else int(error.character)


def _line_of(text: str, position: int, start: Place) -> Place:
    before = text[:position]
    return Place(start.file, start.line + before.count("\n"), position - (before.rfind("\n") + 1) + 1)


def _syntax_problem(error: yaml.MarkedYAMLError, text: str, start: Place) -> Problem:
    without_colon = error.problem == "could not find expected ':'"  # noticed on the line after
    mark = (error.context_mark if without_colon else error.problem_mark) or error.context_mark
    place = Place(start.file, start.line + mark.line, mark.column + 1) if mark else start
    said = error.problem or error.context or "this is not YAML"
    lines = text.split("\n")
    here = lines[mark.line] if mark and mark.line < len(lines) else ""
    here = here or text.lstrip().split("\n")[0]
    if "\t" in here[: len(here) - len(here.lstrip())] or "'\\t'" in said:
        said = "a tab; YAML is indented with spaces"
    elif without_colon:
        key, _, value = here.strip().partition(" ")
        said = f"{here.strip()[:60]!r} is not a `key: value` line; write {key}: {value[:60] or '...'}"
    elif "mapping values are not allowed" in said:
        said = "did not expect ': ' here; put a text that holds ': ' into quotes, or check the indentation"
    elif "expected ',' or" in said and (variable := re.search(r"\$\{\w+\}", here)):
        said = f'inside {{ }} and [ ] a variable stands in quotes: "{variable[0]}"'
    elif "expected ',' or" in said:
        said = "did not expect a bracket here; put a condition that holds brackets or commas into quotes"
    elif "unexpected end of stream" in said:
        said = "a text that begins with a quote never ends"
    elif here.startswith("%"):
        said = "YAML directives are not used here; remove the line"
    elif words := _of_a_condition(said, here):
        said = words
    elif "expected <block end>" in said:
        said = "this line does not fit the ones above; check its indentation"
    return Problem(place, said)


def _of_a_condition(said: str, line: str) -> str | None:
    """Return the problem with an item of a list that begins with a sign of YAML, or None for anything else."""
    begun = line.strip().removeprefix("- ")
    if any(one in said for one in ("expected <block end>", "expected a comment")) and begun.startswith(("'", '"')):
        return "a text in quotes ends before the line does; put the whole condition in single quotes: - '...'"
    if line.strip().startswith("- ") and any(one in said for one in ("cannot start any token", "expected a comment")):
        return "a condition that begins with this sign stands in single quotes: - '...'"
    return None


# A plain text inside [...] or {...}, on one line, in which a quoted part counts as one character.
_FLOW_TEXT = re.compile(
    r"""(?:[^\s,\[\]{}"'\#&*!|>%@`]|(?<=\S)')
        (?:[^,\[\]{}"\n\#:]|:(?=[^\s,\[\]{}])|(?<=\S)\#|(?<![\s=(<>])"|(?<=[\s=(<>])"(?:[^"\\\n]|\\.)*")*""",
    re.VERBOSE,
)
_QUOTED = re.compile(r'(?<=[\s=(<>])"(?:[^"\\\n]|\\.)*"')


class _Scanner(yaml.reader.Reader, Scanner):
    """PyYAML's scanner, except that a quoted part protects brackets and commas in a plain text inside `[...]`."""

    def scan_plain(self) -> yaml.ScalarToken:
        found = _FLOW_TEXT.match(self.buffer, self.pointer) if self.flow_level else None
        text = found[0].rstrip() if found else ""
        if not any(set(quoted) & set(",[]{}") for quoted in _QUOTED.findall(text)):
            return super().scan_plain()
        start = self.get_mark()
        self.forward(len(text))
        self.allow_simple_key = False
        self.protected.append(start)
        return yaml.ScalarToken(text, True, start, self.get_mark())

    protected: list[yaml.Mark]


class _Events(_Scanner, Parser):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        self.protected = []

    def take(self) -> Any:
        return self.get_event()  # type: ignore[no-untyped-call]


class _Composer:
    """Converts events to nodes. It is recursive, which the limit of depth makes safe."""

    def __init__(self, text: str, start: Place, warnings: list[Problem]) -> None:
        self._events = _Events(text)
        self._start = start
        self._warnings = warnings
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._aliases = 0
        self._nodes = 0

    def compose_document(self) -> Node | None:
        self._events.take()  # the stream starts
        if self._events.check_event(yaml.StreamEndEvent):
            return None
        begin = self._events.take()
        if getattr(begin, "version", None) or getattr(begin, "tags", None):
            raise _Refused(self._place(begin.start_mark), "YAML directives are not used here; remove the line")
        root = self._node(1)
        self._events.take()
        self._events.take()  # raises what stands behind the root
        for mark in self._events.protected:
            self._warnings.append(Problem(self._place(mark), _PROTECTED, "warning"))
        return root

    def _place(self, mark: yaml.Mark) -> Place:
        first = self._start.column if mark.line == 0 else 1
        return Place(self._start.file, self._start.line + mark.line, first + mark.column)

    def _node(self, depth: int) -> Node:
        event = self._events.take()
        place = self._place(event.start_mark)
        if depth > MAX_DEPTH:
            raise _Refused(place, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, yaml.AliasEvent) and event.anchor:
            return self._alias(event.anchor, place)
        if event.tag not in {None, "!"}:
            raise _Refused(place, f"the tag {event.tag!r}; tags are not used here, remove it")
        before = self._nodes
        self._count(1, place)
        node = self._content(event, place, depth)
        if event.anchor:
            self._anchors[event.anchor] = (node, self._nodes - before)
        return node

    def _content(self, event: Any, place: Place, depth: int) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return _leaf(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not self._events.check_event(yaml.SequenceEndEvent):
                items.append(self._node(depth + 1))
            self._events.take()
            return Branch(place, tuple(items))
        return self._table(place, depth)

    def _table(self, place: Place, depth: int) -> Table:
        entries: dict[str, Node] = {}
        keys: dict[str, Place] = {}
        while not self._events.check_event(yaml.MappingEndEvent):
            key = self._node(depth + 1)
            name = _key(key)
            if name in entries:
                raise _Refused(key.place, f"the key {name!r} stands here twice; the first is in line {keys[name].line}")
            keys[name] = key.place
            entries[name] = self._node(depth + 1)
        self._events.take()
        return Table(place, entries, keys)

    def _alias(self, anchor: str, place: Place) -> Node:
        self._aliases += 1
        if self._aliases > MAX_ALIASES:
            raise _Refused(place, f"more than {MAX_ALIASES} aliases in one document")
        if anchor not in self._anchors:
            raise _Refused(place, f"the alias '*{anchor}' has no '&{anchor}' before it")
        node, size = self._anchors[anchor]
        self._count(size, place)
        return node

    def _count(self, size: int, place: Place) -> None:
        self._nodes += size
        if self._nodes > MAX_NODES:
            raise _Refused(place, f"more than {MAX_NODES:,} values in one document, aliases counted each time")


def _leaf(event: yaml.ScalarEvent, place: Place) -> Leaf:
    if event.style in {"'", '"'}:
        return Leaf(replace(place, column=place.column + 1), event.value, event.value, quoted=True)
    if event.style in {"|", ">"}:
        return Leaf(replace(place, line=place.line + 1, column=1), event.value, event.value, quoted=True)
    return Leaf(place, plain(event.value), event.value)


def plain(text: str) -> Plain:
    """Return the meaning of an unquoted YAML scalar."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    return Decimal(text) if _DECIMAL.fullmatch(text) else text


def _key(node: Node) -> str:
    if not isinstance(node, Leaf):
        raise _Refused(node.place, "a key must be a text")
    if node.raw == "<<" and not node.quoted:
        raise _Refused(node.place, "merge keys ('<<') are not used here; write the keys out")
    return node.raw


_PROTECTED = "other YAML readers stop at the bracket inside the quotes; put the whole condition into quotes"


def data(node: Node) -> Any:
    """Return the plain value of a node: dict, list, str, bool, int, Decimal or None."""
    if isinstance(node, Leaf):
        return node.value
    if isinstance(node, Branch):
        return [data(item) for item in node.items]
    return {key: data(value) for key, value in node.entries.items()}
