"""People of the identity provider as users here: made at their first sign-in, with the role that it gives each time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.store import people, signins, upkeep, users
from bridge.store.people import Role
from bridge.store.users import User
from bridge.web.access.errors import NoEntry
from bridge.web.access.users import RESERVED

PROVIDER = "oidc"  # who stands in the audit where it changed a user


@dataclass(frozen=True, slots=True)
class Identity:
    """A person whom the provider vouches for. `role`: the highest that its claims give, or none."""

    subject: str
    name: str
    email: str | None
    role: Role | None


def admit(session: Session, identity: Identity, now: datetime) -> User | NoEntry:
    """The user, brought up to date; or why this person stays outside, which may end sessions that are open."""
    user = users.of_subject(session, identity.subject)
    if user is not None and user.disabled_at is not None:
        return NoEntry("this user is disabled; ask an administrator", "disabled", user.name)
    if identity.role is None:
        if user is not None:
            signins.end_all(session, user.id)
        return NoEntry(
            "the identity provider gives you no role here; ask whoever looks after it",
            "no role",
            user.name if user else None,
        )
    return _made(session, identity, now) if user is None else _updated(session, user, identity, now)


def _made(session: Session, identity: Identity, now: datetime) -> User | NoEntry:
    """A new user. One who is here already under that name is another person until an administrator says otherwise."""
    folded = users.fold(identity.name)
    taken = users.named(session, identity.name) is not None or people.is_named(session, identity.name, now)
    if taken or folded in RESERVED or not identity.name.isprintable():
        return NoEntry("your name is taken by another user; ask an administrator", "name taken")
    user = User(
        name=identity.name, folded=folded, email=identity.email, role=identity.role, hash=None, must_change=False,
        subject=identity.subject, created_at=now, created_by=PROVIDER, last_sign_in_at=None, disabled_at=None,
    )  # fmt: skip
    session.add(user)
    session.flush()
    detail = {"role": identity.role}
    upkeep.note(session, who=PROVIDER, what="create user", about=user.name, now=now, detail=detail)
    return user


def _updated(session: Session, user: User, identity: Identity, now: datetime) -> User:
    user.email = identity.email
    if user.role != identity.role:
        detail = {"from": user.role, "to": identity.role}
        user.role = str(identity.role)
        signins.end_all(session, user.id)
        upkeep.note(session, who=PROVIDER, what="change role", about=user.name, now=now, detail=detail)
    return user
