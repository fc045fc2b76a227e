"""Questions that take long to answer: one row for each that somebody waits for.

The row is there as long as its asker waits. Whoever leaves takes it away, and with it the work. It is answered by a
worker, so that a process that takes webhooks computes nothing.
"""

from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Index, delete, func, select, text, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, UtcDateTime
from bridge.store.lease import Claim, Leased

LEASE = timedelta(seconds=40)  # longer than anybody waits


class Question(Leased, Base):
    """A question, and its answer or the reason why there is none."""

    __tablename__ = "questions"
    __table_args__ = (Index("ix_questions_by", "by"),)

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    kind: Mapped[str]
    asked: Mapped[str]  # JSON
    by: Mapped[str]
    wanted_until: Mapped[datetime] = mapped_column(UtcDateTime)  # nobody waits longer
    answered: Mapped[bool] = mapped_column(default=False)
    answer: Mapped[str | None]  # JSON
    problem: Mapped[str | None]
    status: Mapped[int | None]  # of an HTTP response, beside a problem


@cache
def _oldest() -> Claim[Question]:
    return Claim(Question, Question.answered.is_(False), order=[Question.id], length=LEASE)


def count_open(session: Session, now: datetime) -> dict[str, int]:
    """Return how many questions wait for an answer, by asker. It removes forgotten ones, and two counts take turns."""
    if session.get_bind().dialect.name == "postgresql":
        session.execute(text("SELECT pg_advisory_xact_lock(8427153)"))
    session.execute(delete(Question).where(Question.wanted_until <= now).execution_options(synchronize_session=False))
    rows = session.execute(select(Question.by, func.count()).group_by(Question.by))
    return {row[0]: row[1] for row in rows}


def is_waiting(session: Session, now: datetime) -> bool:
    """Return whether a question could be answered now."""
    waiting = select(Question.id).where(
        Question.answered.is_(False), Question.claimed_until.is_(None), Question.wanted_until > now
    )
    return not _busy(session, now) and session.scalar(waiting.limit(1)) is not None


def _busy(session: Session, now: datetime) -> bool:
    running = select(Question.id).where(Question.answered.is_(False), Question.claimed_until > now)
    return session.scalar(running.limit(1)) is not None


def take(session: Session, now: datetime) -> Question | None:
    """Claim the oldest waiting question; None while another one is worked on, because each keeps a core busy."""
    count_open(session, now)
    if _busy(session, now):
        return None
    found = _oldest().take(session, limit=1, now=now)
    return found[0] if found else None


def is_wanted(session: Session, question: Question) -> bool:
    """Return whether somebody still waits for the answer of this worker."""
    fence = session.scalar(select(Question.fence).where(Question.id == question.id))
    return fence == question.fence


def conclude(session: Session, question: Question, **told: Any) -> None:
    """Write the answer, or the problem and its status, if somebody still waits for it."""
    mine = (Question.id == question.id, Question.fence == question.fence)
    session.execute(
        update(Question)
        .where(*mine)
        .values(answered=True, claimed_by=None, claimed_until=None, **told)
        .execution_options(synchronize_session=False)
    )


def withdraw(session: Session, number: int) -> None:
    """Withdraw a question for which nobody waits any more."""
    session.execute(delete(Question).where(Question.id == number).execution_options(synchronize_session=False))
