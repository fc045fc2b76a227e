"""Map people of the identity provider to users: created at their first sign-in, with their role updated each time."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.store import audit_log, sessions, tokens, users
from bridge.store.roles import Role
from bridge.store.users import User
from bridge.web.access.errors import LoginRefused
from bridge.web.access.users import RESERVED

PROVIDER = "oidc"  # who stands in the audit where it changed a user


@dataclass(frozen=True, slots=True)
class Identity:
    """A person whom the provider vouches for. `role`: the highest that its claims give, or none."""

    subject: str
    name: str
    email: str | None
    role: Role | None


def admit(session: Session, identity: Identity, now: datetime) -> User | LoginRefused:
    """Return the updated user, or why this person is refused, which may end open sessions."""
    user = users.of_subject(session, identity.subject)
    if user is not None and user.disabled_at is not None:
        return LoginRefused("this user is disabled; ask an administrator", "disabled", user.name)
    if identity.role is None:
        if user is not None:
            sessions.end_all(session, user.id)
        return LoginRefused(
            "the identity provider gives you no role here; ask its administrator",
            "no role",
            user.name if user else None,
        )
    if user is None:
        return _made(session, identity, identity.role, now)
    return _updated(session, user, identity, now)


def _made(session: Session, identity: Identity, role: Role, now: datetime) -> User | LoginRefused:
    """Create a user. If the name is taken, that is another person until an administrator says otherwise."""
    user = None
    if _is_free(session, identity.name, now):
        user = users.insert(
            session, name=identity.name, role=role, email=identity.email, subject=identity.subject, by=PROVIDER, now=now
        )
    if user is None:
        return LoginRefused("your name is taken by another user; ask an administrator", "name taken")
    audit_log.note(session, who=PROVIDER, what="create user", about=user.name, now=now, detail={"role": role})
    return user


def _is_free(session: Session, name: str, now: datetime) -> bool:
    """Return whether only a user could have this name already, and none has."""
    return name.isprintable() and users.fold(name) not in RESERVED and not tokens.is_named(session, name, now)


def _updated(session: Session, user: User, identity: Identity, now: datetime) -> User:
    user.email = identity.email
    if user.role != identity.role:
        detail = {"from": user.role, "to": identity.role}
        user.role = str(identity.role)
        sessions.end_all(session, user.id)
        audit_log.note(session, who=PROVIDER, what="change role", about=user.name, now=now, detail=detail)
    return user
