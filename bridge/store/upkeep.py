"""Small facts about the service itself: the global halt, heartbeats, and who did what."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime

TICK = "tick"


class Halt(Base):
    """While a row has no end, no effect is sent to Integr8."""

    __tablename__ = "halts"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)
    by: Mapped[str]
    why: Mapped[str]
    ended_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    ended_by: Mapped[str | None]


class Heartbeat(Base):
    """When a part of the service was last seen alive: `beat`, `worker:host:pid`, `sweep`."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json)


class Audit(Base):
    """Who did what, when, to what. Rows are only ever added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    who: Mapped[str]
    what: Mapped[str]
    about: Mapped[str]
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json)


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
        note(session, who=by, what="halt", about="service", now=now, detail={"why": why})
    return current


def resume(session: Session, *, by: str, now: datetime) -> Halt | None:
    """Let effects flow again. None when nothing was halted."""
    current = halted(session)
    if current is not None:
        current.ended_at, current.ended_by = now, by
        note(session, who=by, what="resume", about="service", now=now)
    return current


def note(
    session: Session, *, who: str, what: str, about: str, now: datetime, detail: dict[str, Any] | None = None
) -> None:
    session.add(Audit(at=now, who=who, what=what, about=about, detail=detail))


def audited(
    session: Session, *, who: str | None = None, what: str | None = None, after: datetime | None = None, limit: int = 50
) -> list[Audit]:
    """Who did what, newest first."""
    query = select(Audit).order_by(Audit.id.desc()).limit(limit)
    if who is not None:
        query = query.where(Audit.who == who)
    if what is not None:
        query = query.where(Audit.what == what)
    if after is not None:
        query = query.where(Audit.at >= after)
    return list(session.scalars(query))


def beat(session: Session, name: str, now: datetime, detail: dict[str, Any] | None = None) -> None:
    session.merge(Heartbeat(name=name, at=now, detail=detail))


def tick(session: Session, now: datetime) -> None:
    """Write down that the clock's work was looked after: by this the service is alive."""
    beat(session, TICK, now)


def last_tick(session: Session) -> datetime | None:
    return session.connection().scalar(_ticked())


@cache
def _ticked() -> Select[datetime]:
    return select(Heartbeat.at).where(Heartbeat.name == TICK)


def heartbeats(session: Session) -> dict[str, datetime]:
    return {row.name: row.at for row in session.scalars(select(Heartbeat))}
