"""From the rules directory to the one generation that all workers use.

Reading is all or nothing per rule: what is broken keeps its last good revision, its neighbours move on, and
the generation says what is wrong and where. Only `publish` reads files; workers read the database.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bridge.config.lookup_tables import Table, load_all
from bridge.config.settings import Settings
from bridge.integr8.catalogue import OPERATIONS
from bridge.store import revisions as shelf
from bridge.store.engine import Store
from rules.loading.cross_checks import check
from rules.loading.load import load
from rules.model.environment import Known
from rules.model.errors import Problem
from rules.model.revision import Mode, Revision
from rules.model.syntax import Place

log = structlog.get_logger()

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


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One generation, ready to be asked."""

    generation: int = 0
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    problems: tuple[Mapping[str, Any], ...] = ()
    loaded_at: datetime | None = None

    def active(self) -> list[Revision]:
        """Rules that may do anything at all, the most important first."""
        wanted = [one for one in self.revisions.values() if one.mode is not Mode.DISABLED]
        return sorted(wanted, key=lambda one: (-one.priority, one.id))


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


def publish(store: Store, settings: Settings, *, now: datetime) -> tuple[Reading, bool]:
    """Read the directory and make a new generation, unless nothing has changed since the last one.

    Returns what was read, and whether there is a new generation.
    """
    reading = read(settings)
    with store.write() as session:
        newest = shelf.newest(session)
        if newest is not None and newest.digest == reading.digest:
            return reading, False
        rows = {one.id: _row(one.id, one.hash, one.place.file, one.text) for one in reading.revisions}
        stale = set()
        for _link, kept in shelf.live(session, newest.id) if newest else []:
            if kept.rule_id not in rows and _broken(kept.file, reading):
                rows[kept.rule_id] = _row(kept.rule_id, kept.hash, kept.file, kept.text)
                stale.add(kept.rule_id)
        generation = shelf.publish(
            session,
            digest=reading.digest,
            revisions=list(rows.values()),
            stale=frozenset(stale),
            problems=[_problem(problem) for problem in reading.problems],
            now=now,
        )
        number = generation.id
    log.info("rules loaded", generation=number, rules=len(rows), stale=sorted(stale), problems=len(reading.problems))
    return reading, True


def _broken(file: str, reading: Reading) -> bool:
    """A rule that is gone from a file with errors was probably meant to stay; from a clean file it was deleted.

    Nobody deletes all rules by taking the directory away: it was not mounted, or is being exchanged.
    """
    return any(problem.place.file in {file, DIRECTORY} for problem in reading.errors)


def _row(rule_id: str, digest: str, file: str, text: str) -> dict[str, Any]:
    return {"hash": digest, "rule_id": rule_id, "file": file, "text": text}


def _problem(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "message": problem.message,
        "severity": problem.severity,
    }


class Library:
    """Compiled revisions by hash, and the rulebook of the newest generation. One per process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._compiled: dict[str, Revision] = {}
        self._book = Rulebook()
        self.tables: Mapping[str, Table] = {}

    def current(self, session: Session) -> Rulebook:
        """The newest generation; one small query when nothing has changed."""
        if shelf.newest_id(session) in {None, self._book.generation}:
            return self._book
        newest = shelf.newest(session)
        assert newest is not None
        self.tables, _ = load_all(self._settings.tables_dir)
        rows = shelf.live(session, newest.id)
        compiled = {row.rule_id: self._compile(row) for _link, row in rows}
        self._book = Rulebook(
            generation=newest.id,
            revisions={rule_id: revision for rule_id, revision in compiled.items() if revision is not None},
            stale=frozenset(link.rule_id for link, _row in rows if link.stale),
            problems=tuple(newest.problems),
            loaded_at=newest.loaded_at,
        )
        return self._book

    def listening_since(self, session: Session, now: datetime) -> datetime:
        """When rules were loaded here for the first time; `now` where they never were."""
        return shelf.first_loaded(session) or now

    def revision(self, session: Session, digest: str) -> Revision | None:
        """Any revision that was ever live, for explaining and replaying."""
        row = shelf.revision(session, digest)
        return None if row is None else self._compile(row)

    def _compile(self, row: shelf.StoredRevision) -> Revision | None:
        """The revision; None when the settings no longer have what it names, which `check` reports as well."""
        found = self._compiled.get(row.hash)
        if found is None:
            loaded = load(row.text, name=row.file, known=known(self._settings, self.tables), tests=False)
            found = next((one for one in loaded.revisions if one.id == row.rule_id), None)
            if found is None:
                log.error("rule does not load", rule=row.rule_id, problems=[str(one) for one in loaded.problems])
                return None
            self._compiled[row.hash] = found
        return found
