"""Users of the console: their names, roles and password hashes."""

import unicodedata
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Mapped, Session, mapped_column

from bridge.store.engine import Base, Key, UtcDateTime, insert_new


class User(Base):
    """A person. Never deleted, so that a name in the audit always means the same one; disabled instead."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(Key, primary_key=True)
    name: Mapped[str]  # as it is shown, and written into the audit
    folded: Mapped[str] = mapped_column(unique=True)  # the name as it is compared: see `fold`
    email: Mapped[str | None]
    role: Mapped[str]
    hash: Mapped[str | None]  # argon2; none for those who come through the identity provider
    must_change: Mapped[bool]  # somebody else chose the password
    subject: Mapped[str | None] = mapped_column(unique=True)  # issuer and `sub`, of those who come through OIDC
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    created_by: Mapped[str]
    last_sign_in_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    disabled_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


def fold(name: str) -> str:
    """Return the form in which names are compared, without letter case and the encoding of accents."""
    return unicodedata.normalize("NFKC", name).strip().casefold()


def insert(
    session: Session,
    *,
    name: str,
    role: str,
    by: str,
    now: datetime,
    email: str | None = None,
    hashed: str | None = None,
    must_change: bool = False,
    subject: str | None = None,
) -> User | None:
    """Insert a new user; returns None if the name, or the subject, is already taken, even since this moment."""
    row = {
        "name": name, "folded": fold(name), "email": email, "role": role, "hash": hashed, "must_change": must_change,
        "subject": subject, "created_at": now, "created_by": by, "last_sign_in_at": None, "disabled_at": None,
    }  # fmt: skip
    made = session.scalars(insert_new(session, User).values(row).returning(User.id)).first()
    return None if made is None else session.get_one(User, made)


def named(session: Session, name: str) -> User | None:
    return session.scalar(select(User).where(User.folded == fold(name)))


def of_subject(session: Session, subject: str) -> User | None:
    """Return the user whom an identity provider knows by this issuer and `sub`."""
    return session.scalar(select(User).where(User.subject == subject))


def everyone(session: Session) -> list[User]:
    return list(session.scalars(select(User).order_by(User.folded)))


def any_at_all(session: Session) -> bool:
    return session.scalar(select(User.id).limit(1)) is not None
