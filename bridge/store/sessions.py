"""Sessions of the console, and counters of sign-in attempts: shared by all web processes."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import CheckConstraint, ForeignKey, case, delete, literal, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, UtcDateTime
from bridge.store.roles import Role
from bridge.store.tokens import Token
from bridge.store.users import User


class SignIn(Base):
    """A session. The cookie holds a random text, the row its digest; signing out ends the row."""

    __tablename__ = "sign_ins"
    __table_args__ = (CheckConstraint("(token_id IS NULL) <> (user_id IS NULL)", name="one_visitor"),)

    digest: Mapped[str] = mapped_column(primary_key=True)
    token_id: Mapped[int | None] = mapped_column(ForeignKey("tokens.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    begun_at: Mapped[datetime] = mapped_column(UtcDateTime)
    until: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class LoginAttempts(Base):
    """The number of attempts to sign in by one address, or one name, since a moment.

    `key` is a digest: a typed name may be a password in the wrong field.
    """

    __tablename__ = "sign_in_tries"

    key: Mapped[str] = mapped_column(primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    number: Mapped[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """The owner of a session: a user, or the holder of a token."""

    name: str
    role: Role
    token_id: int | None = None
    user_id: int | None = None
    has_password: bool = False
    must_change: bool = False


def begin(
    session: Session,
    digest: str,
    *,
    token_id: int | None = None,
    user_id: int | None = None,
    now: datetime,
    lifetime: timedelta,
) -> None:
    """Begin a session, and delete expired ones."""
    session.execute(delete(SignIn).where(SignIn.until <= now))
    session.add(SignIn(digest=digest, token_id=token_id, user_id=user_id, begun_at=now, until=now + lifetime))


def end(session: Session, digest: str) -> None:
    session.execute(delete(SignIn).where(SignIn.digest == digest))


def end_all(session: Session, user_id: int) -> None:
    """End every session of one user, in all browsers."""
    session.execute(delete(SignIn).where(SignIn.user_id == user_id))


def principal(session: Session, digest: str, now: datetime) -> Principal | None:
    """Return the owner of a session, if both are still valid."""
    found = session.get(SignIn, digest)
    if found is None or found.until <= now:
        return None
    if found.user_id is not None:
        return _user(session.get_one(User, found.user_id))
    token = session.get(Token, found.token_id)
    return _holder(token) if token is not None and token.is_good(now) else None


def _user(user: User) -> Principal | None:
    if user.disabled_at is not None:
        return None
    return Principal(
        name=user.name,
        role=Role(user.role),
        user_id=user.id,
        has_password=user.hash is not None,
        must_change=user.must_change,
    )


def _holder(token: Token) -> Principal:
    return Principal(name=token.name, role=Role(token.role), token_id=token.id)


def count_try(session: Session, key: str, *, now: datetime, span: timedelta) -> tuple[int, datetime]:
    """Count one more attempt; returns how many there were in this time range of `span`, and when it began.

    One statement, so that no two processes can both take the last free place. A start in the future comes from a fast
    clock, and counts as over.
    """
    make = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    over = or_(LoginAttempts.since <= now - span, LoginAttempts.since > now)
    statement = (
        make(LoginAttempts)
        .values(key=key, since=now, number=1)
        .on_conflict_do_update(
            index_elements=[LoginAttempts.key],
            set_={
                "since": case((over, literal(now, UtcDateTime())), else_=LoginAttempts.since),
                "number": case((over, 1), else_=LoginAttempts.number + 1),
            },
        )
        .returning(LoginAttempts.number, LoginAttempts.since)
    )
    number, since = session.execute(statement).one()
    return number, since


def forgive(session: Session, key: str) -> None:
    """Forget failed attempts after a success, because they were typing errors."""
    session.execute(delete(LoginAttempts).where(LoginAttempts.key == key))


def forget_tries(session: Session, before: datetime) -> None:
    session.execute(delete(LoginAttempts).where(LoginAttempts.since < before))
