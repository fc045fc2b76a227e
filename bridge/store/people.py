"""API tokens: who may ask for what. A token is shown once and kept as an argon2 hash."""

from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, delete, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, UtcDateTime, insert_new


class Role(StrEnum):
    """Each may do what the ones before it may."""

    VIEWER = "viewer"  # read everything
    OPERATOR = "operator"  # approve, undo, release, replay, halt
    ADMIN = "admin"  # tokens

    def covers(self, wanted: "Role") -> bool:
        order = list(Role)
        return order.index(self) >= order.index(wanted)


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


class SignIn(Base):
    """A session of the console. The cookie carries a random text, the row its digest; signing out ends the row."""

    __tablename__ = "sign_ins"

    digest: Mapped[str] = mapped_column(primary_key=True)
    token_id: Mapped[int] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class Answer(Base):
    """What a write with an Idempotency-Key was answered; `status` is none while it is being done."""

    __tablename__ = "answers"

    key: Mapped[str] = mapped_column(primary_key=True)  # a digest of the token and the key that came
    request: Mapped[str]  # a digest of method, path and body: a key is for one request only
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    status: Mapped[int | None]
    body: Mapped[bytes | None] = mapped_column(LargeBinary)
    content_type: Mapped[str | None]


def claim_answer(session: Session, *, key: str, request: str, now: datetime, keep: timedelta) -> Answer | None:
    """None when nobody has used the key lately, and it is ours now; else what is known about it."""
    session.execute(delete(Answer).where(Answer.at < now - keep))
    row = {"key": key, "request": request, "at": now, "status": None, "body": None, "content_type": None}
    made = session.scalars(insert_new(session, Answer).values(row).returning(Answer.key)).first()
    return None if made is not None else session.get_one(Answer, key)


def find(session: Session, prefix: str, now: datetime) -> Token | None:
    """The token with this public part, if it is still good."""
    found = session.scalar(select(Token).where(Token.prefix == prefix, Token.revoked_at.is_(None)))
    return None if found is None or (found.expires_at is not None and found.expires_at <= now) else found


def begin_sign_in(session: Session, digest: str, token_id: int, *, now: datetime, lifetime: timedelta) -> None:
    """Begin a session, and forget those that have run out."""
    session.execute(delete(SignIn).where(SignIn.until <= now))
    session.add(SignIn(digest=digest, token_id=token_id, begun_at=now, until=now + lifetime))


def end_sign_in(session: Session, digest: str) -> None:
    session.execute(delete(SignIn).where(SignIn.digest == digest))


def signed_in(session: Session, digest: str, now: datetime) -> Token | None:
    """The token that a session was begun with, if both are still good."""
    token = session.scalar(
        select(Token)
        .join(SignIn, SignIn.token_id == Token.id)
        .where(SignIn.digest == digest, SignIn.until > now, Token.revoked_at.is_(None))
    )
    return None if token is None or (token.expires_at is not None and token.expires_at <= now) else token


def everyone(session: Session) -> list[Token]:
    return list(session.scalars(select(Token).order_by(Token.id)))
