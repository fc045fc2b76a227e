"""One-time secrets: generated passwords, encrypted, shown once, kept for a short time."""

from datetime import datetime

from sqlalchemy import LargeBinary, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, UtcDateTime


class OneTimeSecret(Base):
    """One secret. `token` is hashed, so that a reader of the database cannot fetch it."""

    __tablename__ = "handovers"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    effect_id: Mapped[int] = mapped_column(index=True)
    about: Mapped[str]
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)


def find(session: Session, token_hash: str, now: datetime) -> OneTimeSecret | None:
    """Return a waiting secret without removing it."""
    return session.scalar(
        select(OneTimeSecret).where(OneTimeSecret.token_hash == token_hash, OneTimeSecret.expires_at > now)
    )


def take(session: Session, token_hash: str, now: datetime) -> OneTimeSecret | None:
    """Return a secret and delete its row in this transaction."""
    found = session.scalar(
        select(OneTimeSecret)
        .where(OneTimeSecret.token_hash == token_hash, OneTimeSecret.expires_at > now)
        .with_for_update()
    )
    if found is not None:
        session.execute(delete(OneTimeSecret).where(OneTimeSecret.token_hash == token_hash))
    return found


def forget_expired(session: Session, now: datetime) -> None:
    session.execute(delete(OneTimeSecret).where(OneTimeSecret.expires_at <= now))
