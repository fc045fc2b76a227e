"""Read a YAML file of BRIDGE_HOME with the strict reader that also reads rules."""

from pathlib import Path
from typing import Any

from rules.language.strict_yaml import MAX_CHARACTERS, Document, Table, data, documents
from rules.model.errors import Problem


class YamlProblem(ValueError):
    """A YAML file that cannot be used. The message is one line: file, line, column, what is wrong, what to do."""


def read(path: Path) -> dict[str, Any]:
    """The mapping that a file holds; an empty one for a file without values.

    Raises FileNotFoundError, or YamlProblem for everything else that is wrong with the file.
    """
    found = list(documents(_text(path), path.name))
    problems = [str(problem) for one in found for problem in one.problems if problem.severity == "error"]
    if problems:
        raise YamlProblem("\n".join(problems))
    if len(found) > 1:
        raise YamlProblem(str(Problem(found[1].place, "a second document begins here; remove the line `---`")))
    return _mapping(found[0]) if found else {}


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
