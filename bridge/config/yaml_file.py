"""Read a YAML file of BRIDGE_HOME with the strict reader that also reads rules."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rules.language.strict_yaml import MAX_CHARACTERS, Branch, Document, Node, Table, data, documents
from rules.model.errors import Problem
from rules.model.syntax import Place


class YamlProblem(ValueError):
    """A YAML file is unusable. The message is one line: file, line, column, problem, remedy."""


@dataclass(frozen=True, slots=True)
class Places:
    """The places of the keys of a file, so that later problems with a value can name line and column."""

    file: str = ""
    root: Table | None = None

    def of(self, path: str) -> Place | None:
        """Return the place of `sources.crm.secret`, or of the nearest key above it; None outside the file."""
        node: Node | None = self.root
        found: Place | None = None
        rest = path
        while rest and node is not None:
            node, place, rest = _step(node, rest)
            found = place or found
        return found

    def located(self, line: str) -> str:
        """Return `bridge.yaml: sources.crm.secret: words` with line and column after the file, if they are known."""
        match = _PATH.match(line)
        if match is None or match[1] != self.file:
            return line
        place = self.of(match[2])
        return line if place is None else f"{place}: {line[len(match[1]) + 2 :]}"


_PATH = re.compile(r"([^:\s]+): ((?:[^\S \n]|\S)+?)(?=:? |:$|$)")


def _step(node: Node, path: str) -> tuple[Node | None, Place | None, str]:
    """Return the value below the first key of a path, the key's place, and the rest of the path.

    A key may hold dots.
    """
    if isinstance(node, Branch):
        first, _, rest = path.partition(".")
        if first.isdecimal() and int(first) < len(node.items):
            item = node.items[int(first)]
            return item, item.place, rest
    if isinstance(node, Table):
        keys = [key for key in node.entries if path == key or path.startswith(f"{key}.")]
        if keys:
            key = max(keys, key=len)
            return node.entries[key], node.keys[key], path[len(key) + 1 :]
    return None, None, ""


def read(path: Path) -> dict[str, Any]:
    """Return the mapping in a file; an empty one for a file without values.

    Raises FileNotFoundError, or YamlProblem for any other problem with the file.
    """
    return read_with_places(path)[0]


def read_with_places(path: Path) -> tuple[dict[str, Any], Places]:
    """Return the mapping, and the places of its keys. Raises as `read` does."""
    found = list(documents(_text(path), path.name))
    problems = [str(problem) for one in found for problem in one.problems if problem.severity == "error"]
    if problems:
        raise YamlProblem("\n".join(problems))
    if len(found) > 1:
        raise YamlProblem(str(Problem(found[1].place, "a second document begins here; remove the line `---`")))
    values = _mapping(found[0]) if found else {}
    root = found[0].root if found else None
    return values, Places(path.name, root if isinstance(root, Table) else None)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > 4 * MAX_CHARACTERS:
            raise YamlProblem(f"{path.name}: larger than {4 * MAX_CHARACTERS:,} bytes")
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise YamlProblem(f"{path.name}:{line}:1: not UTF-8 (byte {error.start}); save the file as UTF-8") from None
    except FileNotFoundError:
        raise
    except OSError as error:
        raise YamlProblem(f"{path.name}: cannot be read: {error.strerror}") from None


def _mapping(document: Document) -> dict[str, Any]:
    if document.root is None:
        return {}
    if not isinstance(document.root, Table):
        words = "expected `accounts:`, `sources:` and other keys, each on a line of its own"
        raise YamlProblem(f"{document.root.place}: {words}")
    values: dict[str, Any] = data(document.root)
    return values
