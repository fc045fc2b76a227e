"""Load the live rules, compiled, from the database for every process.

Reads the database and loads no test of a rule.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bridge.config.lookup_tables import Table, load_all
from bridge.config.rule_names import known_names
from bridge.config.settings import Settings
from bridge.store import revisions as stored_revisions
from rules.loading.load import load
from rules.model.environment import Environment
from rules.model.revision import Mode, Revision

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Rulebook:
    """One generation of the rules, ready for use."""

    generation: int = 0
    revisions: Mapping[str, Revision] = field(default_factory=dict)
    stale: frozenset[str] = frozenset()
    problems: tuple[Mapping[str, Any], ...] = ()
    loaded_at: datetime | None = None
    #: Rules of this generation that name something bridge.yaml no longer has. They decide nothing; whoever asks them
    #: is told so.
    unusable: Mapping[str, Revision] = field(default_factory=dict)

    def active(self) -> list[Revision]:
        """Return the rules that may act, the most important first."""
        wanted = [one for one in self.revisions.values() if one.mode is not Mode.DISABLED]
        return sorted(wanted, key=lambda one: (-one.priority, one.id))

    def disabled(self) -> list[Revision]:
        """Return the rules that do nothing until somebody changes their mode."""
        return [one for one in self.revisions.values() if one.mode is Mode.DISABLED]


class Library:
    """Compiled revisions by hash, and the rulebook of the newest generation. One per process."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._compiled: dict[str, Revision] = {}
        self._book = Rulebook()
        self.tables: Mapping[str, Table] = {}

    def names_changed(self, settings: Settings) -> None:
        """Read the live revisions again after the names of sources and channels have changed."""
        self._settings = settings
        self._compiled = {}
        self._book = Rulebook()

    def current(self, session: Session) -> Rulebook:
        """Return the newest generation; costs one small query when nothing has changed."""
        if stored_revisions.newest_id(session) in {None, self._book.generation}:
            return self._book
        newest = stored_revisions.newest(session)
        assert newest is not None
        self.tables, _ = load_all(self._settings.tables_dir, self._settings.tables)
        rows = stored_revisions.live(session, newest.id)
        compiled = {row.rule_id: self._compile(row) for _link, row in rows}
        as_they_were = {row.rule_id: self._as_it_was(row) for _link, row in rows if compiled[row.rule_id] is None}
        self._book = Rulebook(
            generation=newest.id,
            revisions={rule_id: revision for rule_id, revision in compiled.items() if revision is not None},
            stale=frozenset(link.rule_id for link, _row in rows if link.stale),
            problems=tuple(newest.problems),
            loaded_at=newest.loaded_at,
            unusable={rule_id: revision for rule_id, revision in as_they_were.items() if revision is not None},
        )
        return self._book

    def listening_since(self, session: Session, now: datetime) -> datetime:
        """Return when rules were first loaded here; `now` if they never were."""
        return stored_revisions.first_loaded(session) or now

    def revision(self, session: Session, digest: str) -> Revision | None:
        """Return any revision that was ever live, for explaining and replaying."""
        row = stored_revisions.revision(session, digest)
        return None if row is None else self._compile(row) or self._as_it_was(row)

    def _as_it_was(self, row: stored_revisions.StoredRevision) -> Revision | None:
        """Compile a revision whose names the settings lack: it can still be undone, and its holds still end."""
        loaded = load(row.text, name=row.file, environment=Environment(timezones=self._timezones()), tests=None)
        return next((one for one in loaded.revisions if one.id == row.rule_id), None)

    def _timezones(self) -> Mapping[str, str]:
        return {name: account.timezone for name, account in self._settings.accounts.items()}

    def _compile(self, row: stored_revisions.StoredRevision) -> Revision | None:
        """Compile a revision; None if the settings no longer have a name that it uses, which `check` reports too."""
        found = self._compiled.get(row.hash)
        if found is None:
            loaded = load(row.text, name=row.file, environment=known_names(self._settings, self.tables), tests=None)
            found = next((one for one in loaded.revisions if one.id == row.rule_id), None)
            if found is None:
                log.error("rule does not load", rule=row.rule_id, problems=[str(one) for one in loaded.problems])
                return None
            self._compiled[row.hash] = found
        return found
