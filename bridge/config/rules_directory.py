"""Read the rules and tables of BRIDGE_HOME. No database: `check` runs where there is none.

Reading is all or nothing per rule: a broken one is left out and named with its place, its neighbours stay.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bridge.config.lookup_tables import Table, load_all
from bridge.config.settings import Settings
from bridge.integr8.catalogue import OPERATIONS
from rules.loading.cross_checks import check
from rules.loading.load import load
from rules.model.environment import Known
from rules.model.errors import Problem
from rules.model.revision import Revision
from rules.model.syntax import Place

LARGEST = 1_000_000  # bytes of one rule file
DIRECTORY = "rules"  # as the place of a problem


@dataclass(frozen=True, slots=True)
class Reading:
    """What the directory says now. `revisions` are good and their own tests pass."""

    digest: str
    revisions: tuple[Revision, ...]
    problems: tuple[Problem, ...]
    files: frozenset[str]
    tables: Mapping[str, Table]

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(problem for problem in self.problems if problem.severity == "error")


def known(settings: Settings, tables: Mapping[str, Table]) -> Known:
    """The names that rules of this home may use."""
    return Known(
        sources=frozenset(settings.sources),
        channels=frozenset(settings.channels),
        tables={name: table.columns for name, table in tables.items()},
        operations=frozenset(OPERATIONS),
        accounts=frozenset(settings.accounts),
        timezones={name: account.timezone for name, account in settings.accounts.items()},
    )


def read(settings: Settings) -> Reading:
    """Read every rule and table of BRIDGE_HOME. Never raises for what people wrote; `problems` has it all."""
    tables, table_problems = load_all(settings.tables_dir)
    names = known(settings, tables)
    digest = hashlib.sha256()
    revisions: dict[str, Revision] = {}
    problems = [_at(line) for line in table_problems]
    if not settings.rules_dir.is_dir():
        digest.update(b"no directory")
        words = "there is no such directory; put it back, or make an empty one if there are to be no rules"
        problems.append(Problem(Place(DIRECTORY, 1, 1), words))
    files = sorted(settings.rules_dir.glob("*.y*ml"))
    for path in files:
        name = f"rules/{path.name}"
        text, problem = _text(path, name)
        digest.update(f"{name}\0{text}\0".encode())
        if problem:
            problems.append(problem)
            continue
        loaded = load(text, name=name, known=names)
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
    for table in tables.values():
        digest.update(repr(table).encode())
    return Reading(
        digest=digest.hexdigest(),
        revisions=tuple(revisions.values()),
        problems=tuple(problems),
        files=frozenset(f"rules/{path.name}" for path in files),
        tables=tables,
    )


def _text(path: Path, name: str) -> tuple[str, Problem | None]:
    start = Place(name, 1, 1)
    try:
        if path.stat().st_size > LARGEST:
            return "", Problem(start, f"larger than {LARGEST // 1_000_000} MB; a rule file is a page or two")
        return path.read_text(encoding="utf-8"), None
    except UnicodeDecodeError as error:
        return "", Problem(start, f"not UTF-8 (byte {error.start}); save the file as UTF-8")
    except OSError as error:
        return "", Problem(start, f"cannot be read: {error.strerror}")


def _at(line: str) -> Problem:
    place, _, message = line.partition(": ")
    file, _, number = place.partition(":")
    return Problem(Place(file, int(number or 1), 1), message)
