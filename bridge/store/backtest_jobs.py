"""Backtest jobs: one row each, with its question, its progress and its answer.

The row outlives the page that asked, and the worker that runs it: one that is killed stops renewing its lease, and
the row then says where it ended. What came out is a row of `bridge.store.backtest_results`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import Index, delete, func, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime
from bridge.store.lease import Claim, Leased, free, settle

LEASE = timedelta(seconds=30)  # renewed every second; a killed worker shows after that long


class BacktestJobState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


class BacktestKind(StrEnum):
    """The kind of a backtest job."""

    BACKTEST = "backtest"  # one revision
    SWEEP = "sweep"  # one revision with many thresholds
    COMPARE = "compare"  # two revisions


OPEN_STATES = (BacktestJobState.WAITING, BacktestJobState.RUNNING)


class BacktestJob(Leased, Base):
    """One requested backtest: one revision over one time range of the past."""

    __tablename__ = "trials"
    __table_args__ = (Index("ix_trials_rule_id_id", "rule_id", "id"), Index("ix_trials_state", "state"))

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    rule_id: Mapped[str]
    revision: Mapped[str]  # its hash: the one that was live when it was asked for
    start: Mapped[datetime] = mapped_column(UtcDateTime)
    end: Mapped[datetime] = mapped_column(UtcDateTime)
    step_seconds: Mapped[int | None]  # None: the rule's own interval
    against: Mapped[str]  # live or imported, as in Backtest
    by: Mapped[str]
    asked_at: Mapped[datetime] = mapped_column(UtcDateTime)
    state: Mapped[str] = mapped_column(default=BacktestJobState.WAITING)
    evaluations: Mapped[int | None] = mapped_column("looks")  # how many it will be; None until the past is loaded
    evaluations_done: Mapped[int] = mapped_column("looks_done", default=0)
    # The moment of the past that it has come to.
    evaluating_at: Mapped[datetime | None] = mapped_column("looking_at", UtcDateTime)
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    problem: Mapped[str | None]  # why it ended without an answer
    backtest_id: Mapped[int | None]
    kind: Mapped[str] = mapped_column(default=BacktestKind.BACKTEST, server_default=BacktestKind.BACKTEST.value)
    asked: Mapped[dict[str, Any] | None] = mapped_column(Json)  # of a sweep or a comparison: what it is about
    answer: Mapped[dict[str, Any] | None] = mapped_column(Json)  # of a sweep or a comparison: what came out

    @property
    def is_open(self) -> bool:
        return self.state in OPEN_STATES

    @property
    def share(self) -> float:
        """The share of finished evaluations, from 0 to 1."""
        return self.evaluations_done / self.evaluations if self.evaluations else 0.0


#: Nobody has begun, or whoever had begun gave it back on leaving: then its lease is gone, not over.
READY = or_(
    BacktestJob.state == BacktestJobState.WAITING,
    (BacktestJob.state == BacktestJobState.RUNNING) & BacktestJob.claimed_until.is_(None),
)


@cache
def _ready() -> Claim[BacktestJob]:
    anew = {"state": BacktestJobState.RUNNING, "evaluations": None, "evaluations_done": 0, "evaluating_at": None}
    return Claim(BacktestJob, READY, order=[BacktestJob.id], length=LEASE, **anew)


def newest(session: Session, rule_id: str) -> BacktestJob | None:
    """Return the last requested job of a rule."""
    return session.scalar(
        select(BacktestJob).where(BacktestJob.rule_id == rule_id).order_by(BacktestJob.id.desc()).limit(1)
    )


def count_open(session: Session) -> dict[str, int]:
    """Return how many jobs wait or run, by who asked for them."""
    rows = session.execute(
        select(BacktestJob.by, func.count()).where(BacktestJob.state.in_(OPEN_STATES)).group_by(BacktestJob.by)
    )
    return {row[0]: row[1] for row in rows}


def answered(session: Session, rule_id: str, kind: BacktestKind) -> BacktestJob | None:
    """Return the newest sweep or comparison of a rule that has an answer."""
    done = (BacktestJob.rule_id == rule_id, BacktestJob.kind == kind, BacktestJob.state == BacktestJobState.DONE)
    return session.scalar(select(BacktestJob).where(*done).order_by(BacktestJob.id.desc()).limit(1))


def is_waiting(session: Session, now: datetime) -> bool:
    """Return whether a job could start now."""
    return not _busy(session, now) and session.scalar(select(BacktestJob.id).where(READY).limit(1)) is not None


def _busy(session: Session, now: datetime) -> bool:
    running = select(BacktestJob.id).where(
        BacktestJob.state == BacktestJobState.RUNNING, BacktestJob.claimed_until > now
    )
    return session.scalar(running.limit(1)) is not None


def take(session: Session, now: datetime) -> BacktestJob | None:
    """Claim the oldest waiting job; None while another one runs, because each keeps a core busy."""
    if _busy(session, now):
        return None
    found = _ready().take(session, limit=1, now=now)
    return found[0] if found else None


def proceed(session: Session, job: BacktestJob, seen: Mapping[str, Any], now: datetime) -> bool:
    """Renew the lease, and store the progress. Returns False if the lease is lost."""
    done = session.scalar(
        update(BacktestJob)
        .where(BacktestJob.id == job.id, BacktestJob.fence == job.fence, BacktestJob.state == BacktestJobState.RUNNING)
        .values(claimed_until=now + LEASE, **seen)
        .execution_options(synchronize_session=False)
        .returning(BacktestJob.id)
    )
    return done is not None


def end(
    session: Session,
    job: BacktestJob,
    now: datetime,
    *,
    problem: str | None = None,
    backtest: int | None = None,
    answer: Mapping[str, Any] | None = None,
) -> bool:
    """Close the job with its result, or with the reason for its failure. Returns False if the lease is lost."""
    state = BacktestJobState.DONE if problem is None else BacktestJobState.FAILED
    told = None if answer is None else dict(answer)
    return settle(session, job, state=state, ended_at=now, problem=problem, backtest_id=backtest, answer=told)


def put_back(session: Session, job: BacktestJob) -> None:
    """Put the job back; another worker will start it again."""
    settle(session, job, state=BacktestJobState.WAITING)


def left(session: Session, now: datetime) -> Sequence[BacktestJob]:
    """Return the jobs whose worker ended without a result."""
    over = (
        BacktestJob.state == BacktestJobState.RUNNING,
        BacktestJob.claimed_until.is_not(None),
        free(BacktestJob, now),
    )
    return session.scalars(select(BacktestJob).where(*over)).all()


def forget(session: Session, before: datetime) -> None:
    session.execute(
        delete(BacktestJob).where(BacktestJob.ended_at < before).execution_options(synchronize_session=False)
    )
