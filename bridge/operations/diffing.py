"""What a new text of a rule would decide differently on the present data, before it is live."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.orm import Session

from bridge import rulebook
from bridge.gathering import scope_facts
from bridge.operations.errors import OperationError
from bridge.tables import load_all
from bridge.wiring import House
from rules.evaluate import evaluate
from rules.loading import load
from rules.model import Revision, Webhook
from rules.verdicts import Answer


@dataclass(frozen=True, slots=True)
class Change:
    """One subject about which the two revisions do not agree."""

    subject: str
    before: str  # yes, no, no_decision; `-` where it is not in scope
    after: str
    why: str


@dataclass(frozen=True, slots=True)
class RuleDiff:
    rule: str
    before: str | None  # the live revision's hash; None for a rule that is new
    after: str
    same: int
    changes: tuple[Change, ...]


def diff(house: House, path: Path, *, now: datetime) -> list[RuleDiff]:
    """Compare each rule of a file with the live revision. Raises OperationError with all that is wrong in it."""
    tables, _ = load_all(house.settings.tables_dir)
    loaded = load(path.read_text(encoding="utf-8"), name=str(path), known=rulebook.known(house.settings, tables))
    if loaded.errors:
        raise OperationError("\n".join(str(problem) for problem in loaded.errors))
    return [_one(house, revision, now) for revision in loaded.revisions]


def _one(house: House, new: Revision, now: datetime) -> RuleDiff:
    with house.store.read() as session:
        old = house.library.current(session).revisions.get(new.id)
        if isinstance(new.trigger, Webhook):
            raise OperationError(f"{new.id}: looks at events; `rules backtest` and `events replay` compare those")
        before = _answers(house, session, old, now) if old is not None else {}
        after = _answers(house, session, new, now)
    subjects = sorted(before.keys() | after.keys())
    missing = ("-", "not in scope")
    changes = tuple(
        Change(subject, before.get(subject, missing)[0], *after.get(subject, missing))
        for subject in subjects
        if before.get(subject, missing)[0] != after.get(subject, missing)[0]
    )
    return RuleDiff(new.id, old.hash if old else None, new.hash, len(subjects) - len(changes), changes)


def _answers(house: House, session: Session, revision: Revision, now: datetime) -> dict[str, tuple[str, str]]:
    facts = scope_facts(house, session, revision, now)
    found = evaluate(revision, facts, now)
    return {
        str(subject): (Answer(int(found.answers[row])).word, found.explain(row).reason)
        for row, subject in enumerate(found.subjects)
    }
