"""API tokens and their roles. A token is shown once and stored as an argon2 hash."""

from datetime import datetime, timedelta

from sqlalchemy import LargeBinary, delete, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, UtcDateTime, insert_new


class Token(Base):
    __tablename__ = "tokens"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str]
    role: Mapped[str]
    prefix: Mapped[str] = mapped_column(unique=True)  # the public part, to find the row
    hash: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str]
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    revoked_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    def is_good(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


class Answer(Base):
    """The answer to a write with an Idempotency-Key; `status` is none while it is in progress."""

    __tablename__ = "answers"

    key: Mapped[str] = mapped_column(primary_key=True)  # a digest of the token and the key that came
    request: Mapped[str]  # a digest of method, path and body: a key is for one request only
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    content_type: Mapped[str | None]


def claim_answer(session: Session, *, key: str, request: str, now: datetime, keep: timedelta) -> Answer | None:
    """Claim a key. Returns None if nobody has used it lately, and it is ours now; otherwise the stored answer."""
    session.execute(delete(Answer).where(Answer.at < now - keep))
    row = {"key": key, "request": request, "at": now, "status": None, "body": None, "content_type": None}
    made = session.scalars(insert_new(session, Answer).values(row).returning(Answer.key)).first()
    return None if made is not None else session.get_one(Answer, key)


def find(session: Session, prefix: str, now: datetime) -> Token | None:
    """Return the token with this public part, if it is still valid."""
    found = session.scalar(select(Token).where(Token.prefix == prefix))
    return found if found is not None and found.is_good(now) else None


def use(session: Session, token_id: int, now: datetime, *, once: bool) -> bool:
    """Note that a token was used. Returns False if it may be used only `once` and was used before."""
    fresh = [Token.last_used_at.is_(None)] if once else []
    statement = update(Token).where(Token.id == token_id, *fresh).values(last_used_at=now).returning(Token.id)
    return session.scalars(statement).first() is not None


def is_named(session: Session, name: str, now: datetime) -> bool:
    """Return whether a token of this name is still valid."""
    return any(one.is_good(now) for one in session.scalars(select(Token).where(Token.name == name)))


def everyone(session: Session) -> list[Token]:
    return list(session.scalars(select(Token).order_by(Token.id)))
