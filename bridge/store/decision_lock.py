"""The decision lock: one decision at a time, because guards count what others have decided before.

The turn is a lease in the database, not a transaction, because deciding may take a second and on SQLite every
open write transaction keeps webhooks from being journalled.
"""

from datetime import datetime, timedelta
from functools import cache

from sqlalchemy import bindparam, or_, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column
from sqlalchemy.sql.dml import ReturningUpdate

from bridge.store.engine import Base, UtcDateTime, insert_new
from bridge.store.lease import LeaseLost, owner

LEASE = timedelta(seconds=60)


class DecisionLock(Base):
    """Who decides at this moment. One row."""

    __tablename__ = "turns"

    name: Mapped[str] = mapped_column(primary_key=True)
    holder: Mapped[str | None]
    until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    fence: Mapped[int] = mapped_column(default=0)


def acquire(session: Session, now: datetime, name: str = "decide", length: timedelta = LEASE) -> int | None:
    """The fence of our turn, or None while somebody else has it."""
    wanted = {"turn": name, "now": now, "holding": owner(), "end": now + length}
    fence = session.connection().scalar(_taken(), wanted)
    if fence is None:  # somebody has it, or it is the first one ever
        session.connection().execute(insert_new(session, DecisionLock), [{"name": name, "fence": 0}])
        fence = session.connection().scalar(_taken(), wanted)
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


def release(session: Session, fence: int, name: str = "decide") -> None:
    """End our turn, in the transaction that writes what was decided.

    Raises LeaseLost when somebody else has begun a turn meanwhile: what was decided must not be written then.
    """
    if session.connection().scalar(_given(), {"turn": name, "mine": fence}) is None:
        raise LeaseLost("another worker decides by now; its view is newer")


@cache
def _given() -> ReturningUpdate[int]:
    return (
        update(DecisionLock)
        .where(DecisionLock.name == bindparam("turn"), DecisionLock.fence == bindparam("mine"))
        .values(holder=None, until=None)
        .returning(DecisionLock.fence)
    )


def abandon(session: Session, name: str = "decide") -> None:
    """Give up our own turn, if we have one, without having decided anything."""
    session.execute(
        update(DecisionLock)
        .where(DecisionLock.name == name, DecisionLock.holder == owner())
        .values(holder=None, until=None)
        .execution_options(synchronize_session=False)
    )


def holder(session: Session, name: str = "decide") -> DecisionLock | None:
    return session.scalar(select(DecisionLock).where(DecisionLock.name == name))
