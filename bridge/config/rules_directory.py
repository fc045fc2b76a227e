"""Read the rules and tables of BRIDGE_HOME. No database: `check` runs where there is none.

Reading is all or nothing per rule: a broken one is left out and named with its place, its neighbours stay.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.config import table_cells
from bridge.config.lookup_tables import NO_FILE, Table, is_side_file, is_whole, load_all
from bridge.config.rule_names import known_names
from bridge.config.settings import Settings
from rules.loading.cross_checks import check
from rules.loading.load import load
from rules.model.errors import Problem
from rules.model.revision import Revision
from rules.model.syntax import Place

MAX_RULE_FILE_BYTES = 1_000_000  # bytes of one rule file
DIRECTORY = "rules"  # as the place of a problem
SUFFIXES = (".yaml", ".yml")
NOTES = frozenset({".md", ".rst"})  # notes for people


@dataclass(frozen=True, slots=True)
class RulesSnapshot:
    """The current content of the directory. `revisions` are valid and pass their own tests."""

    digest: str
    revisions: tuple[Revision, ...]
    problems: tuple[Problem, ...]
    files: frozenset[str]
    tables: Mapping[str, Table]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def read(settings: Settings) -> RulesSnapshot:
    """Read every rule and table of BRIDGE_HOME. It never raises for the content of files.

    `problems` has every problem.
    """
    tables, table_problems = load_all(settings.tables_dir, settings.tables)
    names = known_names(settings, tables)
    revisions: dict[str, Revision] = {}
    problems = [_at(settings.places.located(line)) for line in table_problems]
    if not settings.rules_dir.is_dir():
        words = "there is no such directory; put it back, or make an empty one if there are to be no rules"
        problems.append(Problem(Place(DIRECTORY, 1, 1), words))
    problems += _passed_over(settings)
    found = list(_texts(settings))
    for name, text, problem in found:
        if problem:
            problems.append(problem)
            continue
        loaded = load(text, name=name, environment=names)
        problems.extend(loaded.problems)
        for revision in loaded.revisions:
            twin = revisions.get(revision.id)
            if twin is not None:
                problems.append(
                    Problem(revision.place, f"rule id {revision.id!r} stands at {twin.place} too; rename one")
                )
                continue
            revisions[revision.id] = revision
    problems.extend(check(tuple(revisions.values())))
    problems.extend(table_cells.findings(tables, tuple(revisions.values())))
    return RulesSnapshot(
        digest=_digest(settings, found, tables),
        revisions=tuple(revisions.values()),
        problems=tuple(problems),
        files=frozenset(name for name, _text, _problem in found),
        tables=tables,
    )


def digest(settings: Settings) -> str:
    """Return the digest that `read` would return, without loading or testing a rule."""
    return _digest(settings, list(_texts(settings)), load_all(settings.tables_dir, settings.tables)[0])


def _digest(settings: Settings, texts: Iterable[tuple[str, str, object]], tables: Mapping[str, Table]) -> str:
    found = hashlib.sha256()
    named = (sorted(settings.sources), sorted(settings.channels), settings.dimensions, settings.budgets)
    found.update(repr(named).encode())  # what rules may name
    if not settings.rules_dir.is_dir():
        found.update(b"no directory")
    for name, text, _problem in texts:
        found.update(f"{name}\0{text}\0".encode())
    for table in tables.values():
        found.update(repr(table).encode())
    return found.hexdigest()


def _texts(settings: Settings) -> Iterator[tuple[str, str, Problem | None]]:
    """Yield name, text, and any read problem of each rule file."""
    for path in files(settings):
        name = f"rules/{path.name}"
        yield name, *text_of(path, name)


def files(settings: Settings) -> list[Path]:
    """Return the files of rules/ that are read."""
    return sorted(path for path in _below(settings.rules_dir, deep=False) if path.suffix in SUFFIXES)


def _below(directory: Path, *, deep: bool) -> Iterator[Path]:
    """Yield the files of a directory, without those that editors and systems leave there."""
    for path in directory.iterdir() if directory.is_dir() else ():
        if is_side_file(path):
            continue
        if not path.is_dir() or (deep and path.is_symlink()):  # a link to a directory is followed by nobody
            yield path
        elif deep:
            yield from _below(path, deep=True)


def _passed_over(settings: Settings) -> Iterator[Problem]:
    """Yield files of rules/ and tables/ that are ignored, though a person probably put them there."""
    for directory, suffixes in ((settings.rules_dir, SUFFIXES), (settings.tables_dir, (".csv",))):
        readable = " or ".join(f"*{one}" for one in suffixes)
        for path in sorted(_below(directory, deep=True)):
            if path.suffix.lower() not in NOTES and not (path.parent == directory and path.suffix in suffixes):
                name = path.relative_to(settings.home).as_posix()
                only = f"only {readable} directly in {directory.name}/ are read"
                words = f"nobody reads this file; move or rename it: {only}"
                yield Problem(Place(name, 1, 1), words, "warning")


def text_of(path: Path, name: str) -> tuple[str, Problem | None]:
    """Return the text of one rule file, or the reason why it cannot be read."""
    start = Place(name, 1, 1)
    try:
        if not is_whole(path):
            return "", Problem(start, NO_FILE)
        if path.stat().st_size > MAX_RULE_FILE_BYTES:
            return "", Problem(
                start, f"larger than {MAX_RULE_FILE_BYTES // 1_000_000} MB; a rule file is a page or two"
            )
        return path.read_text(encoding="utf-8-sig"), None
    except UnicodeDecodeError as error:
        return "", Problem(start, f"not UTF-8 (byte {error.start}); save the file as UTF-8")
    except OSError as error:
        return "", Problem(start, f"cannot be read: {error.strerror}")


def _at(line: str) -> Problem:
    """Return a sentence about a table with a separate place: `tables/x.csv:3:2: ...`."""
    place, _, message = line.partition(": ")
    file, *numbers = place.split(":")
    row, column = ([int(one) for one in numbers] + [1, 1])[:2]
    return Problem(Place(file, row, column), message)
