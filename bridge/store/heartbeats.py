"""Heartbeats: when each part of the service was last seen alive."""

from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, UtcDateTime

TICK = "tick"


class Heartbeat(Base):
    """The last sign of life of a part of the service: `beat`, `worker:host:pid`, `sweep`."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json)


def beat(session: Session, name: str, now: datetime, detail: dict[str, Any] | None = None) -> None:
    session.merge(Heartbeat(name=name, at=now, detail=detail))


def tick(session: Session, now: datetime) -> None:
    """Record a tick: it shows that the service is alive."""
    beat(session, TICK, now)


def last_tick(session: Session) -> datetime | None:
    return session.connection().scalar(_ticked())


@cache
def _ticked() -> Select[datetime]:
    return select(Heartbeat.at).where(Heartbeat.name == TICK)


def last_beats(session: Session) -> dict[str, datetime]:
    return {row.name: row.at for row in session.scalars(select(Heartbeat))}
