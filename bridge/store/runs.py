"""Runs and verdicts: what was looked at, when, with which data, and what came out.

Every run is kept with its counts. Verdicts are kept as rows where something can follow from them: yes, and the
first no_decision after a decision. All other answers of a run are kept as two packed columns, so that a miss
can be shown and explained later without a row for each of fifty thousand subjects.
"""

import zlib
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any

import orjson
from sqlalchemy import (
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    Select,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningInsert

from bridge.store.engine import Base, Json, Key, UtcDateTime, insert_rows


class Cause(StrEnum):
    EVENT = "event"
    SLOT = "slot"
    REPLAY = "replay"
    UNDO = "undo"
    HAND = "hand"  # asked for by a person


class Run(Base):
    """One evaluation of one revision, caused by one event or one due slot. The cause is unique: no run twice."""

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("rule_id", "cause_key"),
        Index("ix_runs_rule_id_started_at", "rule_id", "started_at"),
        Index("ix_runs_rule_id_id", "rule_id", "id"),
        Index("ix_runs_event_id", "event_id"),
        Index("ix_runs_started_at", "started_at"),
    )

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    rule_id: Mapped[str]
    revision: Mapped[str]
    mode: Mapped[str]
    cause: Mapped[str]
    cause_key: Mapped[str]  # event:01J…, slot:2026-11-24T10:15:00Z, replay:01J…, undo:812
    event_id: Mapped[str | None]
    due_at: Mapped[datetime] = mapped_column(UtcDateTime)
    started_at: Mapped[datetime] = mapped_column(UtcDateTime)
    data_as_of: Mapped[datetime | None] = mapped_column(UtcDateTime)
    yes: Mapped[int] = mapped_column(default=0)
    no: Mapped[int] = mapped_column(default=0)
    no_decision: Mapped[int] = mapped_column(default=0)
    traceparent: Mapped[str | None]  # names its span to its effects, where traces are on
    outcome: Mapped[str]  # of its plan, or `error`
    error: Mapped[str | None]
    answers: Mapped[bytes | None] = mapped_column(LargeBinary)  # packed, see pack()
    by: Mapped[str | None]  # the person, for runs asked for by hand


class StoredVerdict(Base):
    __tablename__ = "verdicts"
    __table_args__ = (Index("ix_verdicts_subject_run_id", "subject", "run_id"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("runs.id", ondelete="CASCADE"), index=True)
    subject: Mapped[str]
    answer: Mapped[int]
    why: Mapped[str]
    reason: Mapped[str]
    trace: Mapped[dict[str, Any]] = mapped_column(Json)


class StoredStreak(Base):
    """How long a rule has said yes about a subject without a break. Only rules with `for:` have rows."""

    __tablename__ = "streaks"

    rule_id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    looks: Mapped[int]
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)  # of the last look with new data


def pack(subjects: Sequence[str], answers: bytes) -> bytes:
    """Subjects and their int8 answers, small enough to keep for every run."""
    return zlib.compress(orjson.dumps([list(subjects), answers.hex()]), level=6)


def unpack(packed: bytes) -> dict[str, int]:
    """Subject → answer (1 yes, 0 no, -1 no decision), the reverse of pack()."""
    subjects, answers = orjson.loads(zlib.decompress(packed))
    return dict(zip(subjects, memoryview(bytes.fromhex(answers)).cast("b"), strict=True))


def add(session: Session, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write runs, all with the same columns; their numbers in the order of the rows.

    Told apart by what makes a run unique: where a database need not keep to an order it takes them all at once.
    """
    if not rows:
        return []
    made = session.connection().execute(_new_runs(), rows)
    numbers = {(rule, key): number for number, rule, key in made}
    return [numbers[row["rule_id"], row["cause_key"]] for row in rows]


@cache
def _new_runs() -> ReturningInsert[int, str, str]:
    return insert(Run).returning(Run.id, Run.rule_id, Run.cause_key)


def existing(session: Session, rule_id: str, cause_keys: Sequence[str]) -> set[str]:
    """Which of these causes the rule has a run for already."""
    return set(session.scalars(_existing(), {"rule": rule_id, "keys": list(cause_keys)}))


@cache
def _existing() -> Select[str]:
    keys = Run.cause_key.in_(bindparam("keys", expanding=True))
    return select(Run.cause_key).where(Run.rule_id == bindparam("rule"), keys)


def streaks(session: Session, rule_id: str) -> dict[str, StoredStreak]:
    return {row.subject: row for row in session.scalars(select(StoredStreak).where(StoredStreak.rule_id == rule_id))}


def keep_streaks(session: Session, rule_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the streaks of a rule by these {subject, since, looks, counted_at}."""
    session.execute(delete(StoredStreak).where(StoredStreak.rule_id == rule_id))
    insert_rows(session, StoredStreak, [{"rule_id": rule_id, **row} for row in rows])


def failures_in_a_row(session: Session, rule_id: str, limit: int) -> int:
    """How many of the newest runs failed, without one in between that did not."""
    failed = 0
    for outcome in session.scalars(_newest_outcomes(), {"rule": rule_id, "most": limit}):
        if outcome != "error":
            break
        failed += 1
    return failed


@cache
def _newest_outcomes() -> Select[str]:
    newest = select(Run.outcome).where(Run.rule_id == bindparam("rule")).order_by(Run.id.desc())
    return newest.limit(bindparam("most", type_=Integer))


def counts(session: Session, since: datetime) -> dict[str, int]:
    """Runs by outcome since a moment."""
    rows = session.execute(select(Run.outcome, func.count()).where(Run.started_at >= since).group_by(Run.outcome))
    return {row[0]: row[1] for row in rows}


def forget(session: Session, *, dull_before: datetime, all_before: datetime) -> int:
    """Retention by outcome: runs that wanted nothing go first, so that they never push out the others."""
    dull = and_(Run.started_at < dull_before, Run.outcome == "nothing", Run.yes == 0)
    gone = session.execute(delete(Run).where(or_(dull, Run.started_at < all_before)).returning(Run.id))
    return len(gone.all())
