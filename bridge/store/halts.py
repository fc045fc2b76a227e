"""Halts of the whole service: while one is open, no effect is sent to Integr8."""

from datetime import datetime
from functools import cache

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store import audit_log
from bridge.store.engine import Base, Key, UtcDateTime


class Halt(Base):
    """While a row has no end, no effect is sent to Integr8."""

    __tablename__ = "halts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str]
    why: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None]


def halted(session: Session) -> Halt | None:
    return session.scalars(_open_halt()).first()


@cache
def _open_halt() -> Select[Halt]:
    return select(Halt).where(Halt.ended_at.is_(None)).limit(1)


def why_halted(session: Session) -> str | None:
    """The reason alone, for those who ask before each step; None while nothing is halted."""
    return session.connection().scalar(_halting())


@cache
def _halting() -> Select[str]:
    return select(Halt.why).where(Halt.ended_at.is_(None)).limit(1)


def halt(session: Session, *, by: str, why: str, now: datetime) -> Halt:
    """Stop all effects. A second halt while one is on keeps the first."""
    current = halted(session)
    if current is None:
        current = Halt(since=now, by=by, why=why)
        session.add(current)
        audit_log.note(session, who=by, what="halt", about="service", now=now, detail={"why": why})
    return current


def resume(session: Session, *, by: str, now: datetime) -> Halt | None:
    """Let effects flow again. None when nothing was halted."""
    current = halted(session)
    if current is not None:
        current.ended_at, current.ended_by = now, by
        audit_log.note(session, who=by, what="resume", about="service", now=now)
    return current
