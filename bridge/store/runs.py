"""Runs and verdicts: what was evaluated, when, with which data and which result.

Every run is kept with its counts. Verdicts are kept as rows where something can follow from them, when they change:
yes, and the first no_decision after a decision. All answers are kept as two packed columns: in full now and then, in
between those that differ from the run before, so that a miss can be shown and explained later without a row for each
of fifty thousand subjects at every run.
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
    not_,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Mapped, Session, aliased, mapped_column

from bridge.store import plain_statements
from bridge.store.engine import Base, Json, Key, UtcDateTime
from bridge.store.lease import LeaseLost
from bridge.store.row_inserts import insert_numbered, insert_rows

GONE = -2  # among the codes of answers: not looked at any more
MAX_NO_DECISION_CHANGES = 10  # verdicts of a run that are stored because an item cannot be decided about any more


class Cause(StrEnum):
    EVENT = "event"
    SLOT = "slot"
    REPLAY = "replay"
    UNDO = "undo"
    HAND = "hand"  # asked for by a person


class Run(Base):
    """One evaluation of one revision for one event or one scheduled run.

    The cause is unique, so no run occurs twice.
    """

    __tablename__ = "runs"
    __table_args__ = (
        UniqueConstraint("rule_id", "cause_key"),
        Index("ix_runs_rule_id_started_at", "rule_id", "started_at"),
        Index("ix_runs_rule_id_id", "rule_id", "id"),
        Index("ix_runs_event_id", "event_id"),
        Index("ix_runs_started_at", "started_at"),
        Index("ix_runs_base_id", "base_id"),
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
    answers: Mapped[bytes | None] = mapped_column(LargeBinary)  # packed, see pack(); all of them where base_id is null
    base_id: Mapped[int | None] = mapped_column(Key)  # the run with all answers, from which the differences count
    plan_of: Mapped[int | None] = mapped_column(Key)  # the run that stored the same plan; null: this one did
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
    """The time for which a rule has said yes about a subject without a break. Only rules with `for:` have rows."""

    __tablename__ = "streaks"

    rule_id: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    evaluations: Mapped[int] = mapped_column("looks")
    counted_at: Mapped[datetime] = mapped_column(UtcDateTime)  # of the last evaluation with new data


class RuleAnswers(Base):
    """The last run of a rule over several items, for comparison with the next one."""

    __tablename__ = "rule_answers"

    rule_id: Mapped[str] = mapped_column(primary_key=True)
    revision: Mapped[str]
    run_id: Mapped[int] = mapped_column(Key)
    base_id: Mapped[int] = mapped_column(Key)
    base_at: Mapped[datetime] = mapped_column(UtcDateTime)
    shape: Mapped[str]  # of its plan
    plan_of: Mapped[int] = mapped_column(Key)


def pack(subjects: Sequence[str], answers: bytes) -> bytes:
    """Pack subjects and their int8 codes, as small as possible."""
    return zlib.compress(orjson.dumps([list(subjects), answers.hex()]), level=6)


def unpack(packed: bytes) -> dict[str, int]:
    """Return subject → code, the reverse of pack(). See bridge.decisions.answer_history for their meaning."""
    subjects, codes = unpack_parts(packed)
    return dict(zip(unpack_subjects(subjects), memoryview(codes).cast("b"), strict=True))


def unpack_parts(packed: bytes) -> tuple[bytes, bytes]:
    """Return the stored list of subjects, and their int8 codes: many runs are over the same subjects."""
    text = zlib.decompress(packed)
    end = text.rindex(b',"')  # the codes are digits: no comma is behind this one
    return text[1:end], bytes.fromhex(text[end + 2 : -2].decode())


def unpack_subjects(listed: bytes) -> list[str]:
    found: list[str] = orjson.loads(listed)
    return found


def rule_answers(session: Session, rules: Sequence[str]) -> list[RuleAnswers]:
    return list(session.scalars(select(RuleAnswers).where(RuleAnswers.rule_id.in_(list(rules)))))


def packed_answers(session: Session, run_id: int) -> bytes | None:
    return session.scalar(select(Run.answers).where(Run.id == run_id, Run.base_id.is_(None)))


def differences(session: Session, rule_id: str, base_id: int, *, after: int, upto: int) -> list[bytes]:
    """Return the differences of runs in (after, upto] from their predecessors, oldest first."""
    query = select(Run.answers).where(
        Run.rule_id == rule_id, Run.base_id == base_id, Run.id > after, Run.id <= upto, Run.answers.is_not(None)
    )
    return [packed for packed in session.scalars(query.order_by(Run.id)) if packed is not None]


def answers_about(session: Session, found: Sequence[Run], subject: str) -> dict[int, int | None]:
    """Return run → its answer about a subject (1 yes, 0 no, -1 no decision); None if it was not evaluated.

    Only for runs over several subjects.
    """
    said: dict[int, int | None] = {}
    for base_id in {run.base_id or run.id for run in found if run.base_id or run.answers}:
        runs = sorted((run for run in found if base_id in {run.base_id, run.id}), key=lambda run: run.id)
        packed = packed_answers(session, base_id)
        code = unpack(packed).get(subject) if packed else None
        at = base_id
        for run in runs:
            for part in differences(session, run.rule_id, base_id, after=at, upto=run.id):
                code = unpack(part).get(subject, code)
            at = run.id
            said[run.id] = None if code is None or code == GONE else min(code, 1)
    return said


def keep_answers(session: Session, row: dict[str, Any], *, before: int | None) -> None:
    """Replace the row of a rule. `before`: the run that it must still name. Raises LeaseLost if it names another.

    None: any run.
    """
    values = {name: value for name, value in row.items() if name != "rule_id"}
    if before is not None:
        changed = update(RuleAnswers).where(RuleAnswers.rule_id == row["rule_id"], RuleAnswers.run_id == before)
        found = changed.values(**values).returning(RuleAnswers.rule_id)
        if session.scalar(found.execution_options(synchronize_session=False)) is None:
            raise LeaseLost(f"another worker has recorded a run of {row['rule_id']} meanwhile")
        return
    session.execute(delete(RuleAnswers).where(RuleAnswers.rule_id == row["rule_id"]))
    insert_rows(session, RuleAnswers, [row])


def add(session: Session, rows: Sequence[dict[str, Any]]) -> list[int]:
    """Write runs, all with the same columns; returns their ids in the order of the rows.

    Ids are matched by what makes a run unique: a database that need not keep an order inserts all at once.
    """
    return insert_numbered(session, Run, rows, told_by=("rule_id", "cause_key"))


def existing(session: Session, rule_id: str, cause_keys: Sequence[str]) -> set[str]:
    """Return which of these causes the rule has a run for already."""
    wanted = {"rule": rule_id, "keys": list(cause_keys)}
    return set(plain_statements.scalars(session, _existing(), wanted))


@cache
def _existing() -> Select[str]:
    keys = Run.cause_key.in_(bindparam("keys", expanding=True))
    return select(Run.cause_key).where(Run.rule_id == bindparam("rule"), keys)


def answer_bytes(session: Session, since: datetime) -> dict[str, int]:
    """Return how many bytes the runs of each rule stored about their answers since a moment.

    Without rules that stored none.
    """
    size = func.sum(func.length(Run.answers))
    query = select(Run.rule_id, size).where(Run.started_at >= since, Run.answers.is_not(None)).group_by(Run.rule_id)
    return {rule: int(number) for rule, number in session.execute(query)}


def streaks(session: Session, rule_id: str) -> dict[str, StoredStreak]:
    return {row.subject: row for row in session.scalars(select(StoredStreak).where(StoredStreak.rule_id == rule_id))}


def keep_streaks(session: Session, rule_id: str, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the streaks of a rule by these {subject, since, evaluations, counted_at}."""
    session.execute(delete(StoredStreak).where(StoredStreak.rule_id == rule_id))
    insert_rows(session, StoredStreak, [{"rule_id": rule_id, **row} for row in rows])


def failures_in_a_row(session: Session, rule_id: str, limit: int) -> int:
    """Return how many of the newest runs failed in a row."""
    failed = 0
    for outcome in plain_statements.scalars(session, _newest_outcomes(), {"rule": rule_id, "most": limit}):
        if outcome != "error":
            break
        failed += 1
    return failed


@cache
def _newest_outcomes() -> Select[str]:
    newest = select(Run.outcome).where(Run.rule_id == bindparam("rule")).order_by(Run.id.desc())
    return newest.limit(bindparam("most", type_=Integer))


def counts(session: Session, since: datetime) -> dict[str, int]:
    """Return runs by outcome since a moment."""
    rows = session.execute(select(Run.outcome, func.count()).where(Run.started_at >= since).group_by(Run.outcome))
    return {row[0]: row[1] for row in rows}


def forget(session: Session, *, dull_before: datetime, all_before: datetime) -> int:
    """Apply retention by outcome: runs that wanted nothing go first, so that they never push out the others.

    A run that later answers are based on stays too.
    """
    dull = and_(Run.started_at < dull_before, Run.outcome == "nothing", Run.yes == 0)
    old = or_(dull, Run.started_at < all_before)
    staying = aliased(Run)
    kept_dull = and_(staying.started_at < dull_before, staying.outcome == "nothing", staying.yes == 0)
    needed = select(staying.base_id).where(
        staying.base_id.is_not(None), not_(or_(kept_dull, staying.started_at < all_before))
    )
    unneeded = and_(Run.id.not_in(needed), or_(Run.base_id.is_(None), Run.base_id.not_in(needed)))
    gone = session.execute(delete(Run).where(old, unneeded).returning(Run.id))
    return len(gone.all())
