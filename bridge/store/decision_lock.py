"""Decision locks: one worker at a time plans and records for an account, because guards count what others decided.

A lock is a lease in the database, not a transaction, because planning reads for a while and on SQLite every open write
transaction keeps webhooks from being journalled. Evaluating needs no lock; see bridge.decisions.account_lock.
"""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningUpdate

from bridge.store import plain_statements
from bridge.store.engine import Base, UtcDateTime, insert_new
from bridge.store.lease import LeaseLost, owner

LEASE = timedelta(seconds=60)
EVENTS = "events"  # who takes events from the journal, in the order in which they came


def of_account(account: str) -> str:
    """Return the lock for planning and recording of an account."""
    return f"decide:{account}"


class DecisionLock(Base):
    """The holder of a decision lock. There is one row for each lock that was ever taken."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str | None]
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)


def acquire(session: Session, now: datetime, name: str, length: timedelta = LEASE) -> int | None:
    """Take the lock and return its fence, or None while another worker has it."""
    wanted = {"turn": name, "now": now, "holding": owner(), "end": now + length}
    fence: int | None = plain_statements.scalar(session.connection(), _taken(), wanted)
    if fence is None:  # somebody has it, or it is the first one ever
        session.connection().execute(insert_new(session, DecisionLock), [{"name": name, "fence": 0}])
        fence = plain_statements.scalar(session.connection(), _taken(), wanted)
    return fence


@cache
def _taken() -> ReturningUpdate[int]:
    return (
        update(DecisionLock)
        .where(
            DecisionLock.name == bindparam("turn"),
            or_(DecisionLock.until.is_(None), DecisionLock.until <= bindparam("now")),
        )
        .values(holder=bindparam("holding"), until=bindparam("end"), fence=DecisionLock.fence + 1)
        .returning(DecisionLock.fence)
    )


def renew(session: Session, fence: int, name: str, until: datetime) -> None:
    """Extend our lock until then. Raises LeaseLost if it is no longer ours."""
    if plain_statements.scalar(session.connection(), _renewed(), {"turn": name, "mine": fence, "end": until}) is None:
        raise LeaseLost("another worker has taken the decision lock")


@cache
def _renewed() -> ReturningUpdate[int]:
    return (
        update(DecisionLock)
        .where(
            DecisionLock.name == bindparam("turn"),
            DecisionLock.fence == bindparam("mine"),
            DecisionLock.holder.is_not(None),
        )
        .values(until=bindparam("end"))
        .returning(DecisionLock.fence)
    )


def release(session: Session, fence: int, name: str) -> None:
    """Release our lock in the transaction that writes the decisions.

    Raises LeaseLost if another worker has taken the lock meanwhile: then the decisions must not be written.
    """
    if plain_statements.scalar(session.connection(), _given(), {"turn": name, "mine": fence}) is None:
        raise LeaseLost("another worker has taken the decision lock")


@cache
def _given() -> ReturningUpdate[int]:
    return (
        update(DecisionLock)
        .where(DecisionLock.name == bindparam("turn"), DecisionLock.fence == bindparam("mine"))
        .values(holder=None, until=None)
        .returning(DecisionLock.fence)
    )


def abandon(session: Session, name: str, fence: int | None = None) -> None:
    """Release our own lock (with this fence), if we have it, without a decision."""
    ours = [] if fence is None else [DecisionLock.fence == fence]
    session.execute(
        update(DecisionLock)
        .where(DecisionLock.name == name, DecisionLock.holder == owner(), *ours)
        .values(holder=None, until=None)
        .execution_options(synchronize_session=False)
    )


def is_held(session: Session, name: str, now: datetime) -> bool:
    """Return whether a worker has the lock, so that `acquire` would return None."""
    until = session.scalar(select(DecisionLock.until).where(DecisionLock.name == name))
    return until is not None and until > now
