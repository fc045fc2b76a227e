"""Rule revisions, and which of them is live. The rulebook is one generation for all workers.

Files are read by one process at a time (`bridge.config.rulebook`); what it found is written here, and every worker
works with the generation that it sees at the beginning of a run.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import ForeignKey, Select, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import Base, Json, Key, UtcDateTime, insert_new


class StoredRevision(Base):
    """One immutable version of a rule, named by its content hash."""

    __tablename__ = "revisions"

    hash: Mapped[str] = mapped_column(primary_key=True)
    rule_id: Mapped[str] = mapped_column(index=True)
    file: Mapped[str]
    text: Mapped[str]
    first_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)


class Generation(Base):
    """The content of the rules directory at one moment. Rows are only added; the newest counts."""

    __tablename__ = "generations"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    loaded_at: Mapped[datetime] = mapped_column(UtcDateTime)
    digest: Mapped[str]  # of all files that were read: an unchanged directory makes no new generation
    problems: Mapped[list[Any]] = mapped_column(Json, default=list)  # [{file, line, column, message, severity}]


class LiveRevision(Base):
    """The revision that a generation uses for a rule; `stale` if the newest text is broken."""

    __tablename__ = "live_revisions"

    generation_id: Mapped[int] = mapped_column(ForeignKey("generations.id", ondelete="CASCADE"), primary_key=True)
    rule_id: Mapped[str] = mapped_column(primary_key=True)
    hash: Mapped[str] = mapped_column(ForeignKey("revisions.hash"))
    stale: Mapped[bool] = mapped_column(default=False)


def newest(session: Session) -> Generation | None:
    return session.scalars(select(Generation).order_by(Generation.id.desc()).limit(1)).first()


def newest_id(session: Session) -> int | None:
    """Return the number of the newest generation: each batch checks whether there is an unknown one."""
    found: int | None = plain_statements.scalar(session.connection(), _newest_id(), {})
    return found


@cache
def _newest_id() -> Select[int | None]:
    return select(func.max(Generation.id))


def first_loaded(session: Session) -> datetime | None:
    return session.scalar(select(func.min(Generation.loaded_at)))


def live(session: Session, generation_id: int) -> list[tuple[LiveRevision, StoredRevision]]:
    rows = session.execute(
        select(LiveRevision, StoredRevision)
        .join(StoredRevision, StoredRevision.hash == LiveRevision.hash)
        .where(LiveRevision.generation_id == generation_id)
        .order_by(LiveRevision.rule_id)
    )
    return [(row[0], row[1]) for row in rows]


def revision(session: Session, digest: str) -> StoredRevision | None:
    return session.get(StoredRevision, digest)


def history(session: Session, rule_id: str) -> list[StoredRevision]:
    """Return all revisions of a rule that were ever loaded, newest first."""
    query = (
        select(StoredRevision).where(StoredRevision.rule_id == rule_id).order_by(StoredRevision.first_seen_at.desc())
    )
    return list(session.scalars(query))


def in_force(session: Session, rule_id: str, at: datetime) -> str | None:
    """Return the revision of a rule that was live at a moment; None if it was not loaded then."""
    query = select(Generation.id).where(Generation.loaded_at <= at).order_by(Generation.id.desc()).limit(1)
    generation = session.scalar(query)
    row = session.get(LiveRevision, (generation, rule_id)) if generation is not None else None
    return row.hash if row else None


def remember(session: Session, *, rule: str, digest: str, file: str, text: str, now: datetime) -> None:
    """Store the text of a revision that is in no file, such as a proposal: its plan and its undo need it."""
    row = {"hash": digest, "rule_id": rule, "file": file, "text": text, "first_seen_at": now}
    session.execute(insert_new(session, StoredRevision), [row])


def publish(
    session: Session,
    *,
    digest: str,
    revisions: Sequence[Mapping[str, Any]],
    stale: frozenset[str],
    problems: Sequence[Mapping[str, Any]],
    now: datetime,
) -> Generation:
    """Store a new generation. `revisions` are rows {hash, rule_id, file, text}; `stale` names broken rules."""
    generation = Generation(loaded_at=now, digest=digest, problems=list(problems))
    session.add(generation)
    session.flush()
    if revisions:
        session.execute(insert_new(session, StoredRevision), [{**row, "first_seen_at": now} for row in revisions])
        session.add_all(
            LiveRevision(
                generation_id=generation.id,
                rule_id=row["rule_id"],
                hash=row["hash"],
                stale=row["rule_id"] in stale,
            )
            for row in revisions
        )
    return generation
