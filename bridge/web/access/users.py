"""User management for administrators. Each change is audited and ends the sessions that it concerns."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.services.container import Services
from bridge.store import audit_log, sessions, tokens, users
from bridge.store.roles import Role
from bridge.store.users import User
from bridge.web.access import passwords

MAX_NAME_CHARS = 100  # characters of a name
#: Who stands in the audit when no person did it; and roles, since `approve: {by: [...]}` of a rule names either.
RESERVED = frozenset({"bridge", "clock", "somebody", "oidc", *Role})


@dataclass(frozen=True, slots=True)
class Actor:
    """The person who changes users. `user_id` is none for the command line and for tokens."""

    name: str
    user_id: int | None = None


@dataclass(frozen=True, slots=True)
class CreatedUser:
    """A user with a password that is shown once; `password` is none if the person chose it."""

    user_id: int
    name: str
    password: str | None


def add(
    services: Services,
    *,
    name: str,
    role: Role,
    actor: Actor,
    now: datetime,
    email: str | None = None,
    password: str | None = None,
) -> CreatedUser:
    """Add a user, with a generated password unless one is given. Raises OperationError, Refused for a taken name."""
    name = name.strip()
    _refuse_name(name)
    text, generated = _password(password, name)
    hashed = passwords.hashed(text)  # slow on purpose, so outside of the transaction
    with services.store.write() as session:
        if tokens.is_named(session, name, now):
            raise Refused(
                f"name {name!r}: a token has this name, and the audit log must tell them apart; choose another"
            )
        user = users.insert(
            session, name=name, role=role, email=email or None, hashed=hashed, must_change=generated, by=actor.name,
            now=now,
        )  # fmt: skip
        if user is None:
            raise Refused(f"user {name!r}: there is one already; `integr8-bridge users list` shows all")
        audit_log.note(session, who=actor.name, what="create user", about=name, now=now, detail={"role": role})
        return CreatedUser(user.id, name, text if generated else None)


def set_password(
    services: Services, user_id: int, *, actor: Actor, now: datetime, password: str | None = None
) -> CreatedUser:
    """Set another password, generated unless one is given, and end all sessions of that user."""
    with services.store.read() as session:
        user = _known(session, user_id)
        if user.subject is not None:
            raise Refused(f"user {user.name!r}: signs in through the identity provider and has no password here")
        name = user.name
    text, generated = _password(password, name)
    hashed = passwords.hashed(text)
    with services.store.write() as session:
        user = _known(session, user_id)
        user.hash, user.must_change = hashed, generated
        sessions.end_all(session, user.id)
        audit_log.note(session, who=actor.name, what="change password", about=name, now=now)
    return CreatedUser(user_id, name, text if generated else None)


def change_own(services: Services, user_id: int, *, old: str, new: str, now: datetime) -> None:
    """Change one's own password. Raises OperationError if the old password is wrong or the new one too weak."""
    with services.store.read() as session:
        user = _known(session, user_id)
        name, known = user.name, user.hash
    if not passwords.matches(known, old):
        raise OperationError("the present password is wrong; ask an administrator for a new one if it is lost")
    if old == new:
        raise OperationError("the new password is the old one; choose another")
    set_password(services, user_id, actor=Actor(name, user_id), now=now, password=new)


def set_role(services: Services, user_id: int, role: Role, *, actor: Actor, now: datetime) -> User:
    """Change a role. Raises Refused for one's own, so that there is always one administrator left."""
    with services.store.write() as session:
        user = _other(session, user_id, actor, "change your own role")
        if user.subject is not None:
            raise Refused(f"user {user.name!r}: the identity provider sets the role; change it there")
        before, user.role = user.role, role
        if before != role:
            sessions.end_all(session, user.id)
            detail = {"from": before, "to": role}
            audit_log.note(session, who=actor.name, what="change role", about=user.name, now=now, detail=detail)
        return user


def disable(services: Services, user_id: int, *, actor: Actor, now: datetime) -> User:
    """Disable a user and end all sessions. Raises Refused for oneself."""
    with services.store.write() as session:
        user = _other(session, user_id, actor, "disable yourself")
        if user.disabled_at is None:
            user.disabled_at = now
            sessions.end_all(session, user.id)
            audit_log.note(session, who=actor.name, what="disable user", about=user.name, now=now)
        return user


def enable(services: Services, user_id: int, *, actor: Actor, now: datetime) -> User:
    with services.store.write() as session:
        user = _known(session, user_id)
        if user.disabled_at is not None:
            user.disabled_at = None
            audit_log.note(session, who=actor.name, what="enable user", about=user.name, now=now)
        return user


def get(services: Services, user_id: int) -> User:
    """Return a user. Raises NotThere."""
    with services.store.read() as session:
        return _known(session, user_id)


def id_of(session: Session, name: str) -> int:
    """Return the id of a user. Raises NotThere."""
    found = users.named(session, name)
    if found is None:
        raise NotThere(f"user {name!r}: not found; `integr8-bridge users list` shows them")
    return found.id


def _password(given: str | None, name: str) -> tuple[str, bool]:
    if given is None:
        return passwords.generated(), True
    wrong = passwords.fault(given, name)
    if wrong is not None:
        raise OperationError(wrong)
    return given, False


def _refuse_name(name: str) -> None:
    if not 0 < len(name) <= MAX_NAME_CHARS or not name.isprintable():
        raise OperationError(f"name: write 1 to {MAX_NAME_CHARS} printable characters")
    if users.fold(name) in RESERVED:
        raise Refused(f"name {name!r}: the service itself or a role uses this name; choose another")


def _known(session: Session, user_id: int) -> User:
    user = session.get(User, user_id)
    if user is None:
        raise NotThere(f"user {user_id}: not found")
    return user


def _other(session: Session, user_id: int, actor: Actor, what: str) -> User:
    user = _known(session, user_id)
    if user.id == actor.user_id:
        raise Refused(f"you cannot {what}; another administrator can")
    return user
