"""The audit log: who did what, when, to what."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Json, Key, UtcDateTime


class Audit(Base):
    """An entry of the audit log: who did what, when, to what. Rows are only ever added."""

    __tablename__ = "audit"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    who: Mapped[str]
    what: Mapped[str]
    about: Mapped[str]
    detail: Mapped[dict[str, Any] | None] = mapped_column(Json)


def note(
    session: Session, *, who: str, what: str, about: str, now: datetime, detail: dict[str, Any] | None = None
) -> None:
    session.add(Audit(at=now, who=who, what=what, about=about, detail=detail))


def entries(
    session: Session, *, who: str | None = None, what: str | None = None, after: datetime | None = None, limit: int = 50
) -> list[Audit]:
    """Return who did what, newest first."""
    query = select(Audit).order_by(Audit.id.desc()).limit(limit)
    if who is not None:
        query = query.where(Audit.who == who)
    if what is not None:
        query = query.where(Audit.what == what)
    if after is not None:
        query = query.where(Audit.at >= after)
    return list(session.scalars(query))
