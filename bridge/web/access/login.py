"""Ways to sign in: name and password, a token, the first link, the identity provider.

Each counts the try first, then looks, then begins a session; and each outcome is in the audit.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import structlog
from flask import Response, current_app
from sqlalchemy.orm import Session

from bridge.services.container import Services
from bridge.store import audit_log, users
from bridge.store import tokens as store_tokens
from bridge.store.users import User
from bridge.web.access import identities, login_limits, passwords, sessions, slow_hashes, tokens
from bridge.web.access.errors import LoginRefused
from bridge.web.access.identities import Identity
from rules.model.formatting import counted

log = structlog.get_logger()

SOMEBODY = "somebody"  # in the audit, where no name is known to be real
WRONG = "the name or the password is wrong"


@dataclass(frozen=True, slots=True)
class Try:
    """One attempt to sign in: which way, from where, when."""

    services: Services
    way: str
    origin: login_limits.Origin
    now: datetime

    def detail(self, **more: str) -> dict[str, str]:
        return {"way": self.way, "from": self.origin.address, **more}


def by_password(services: Services, name: str, password: str) -> None:
    """Sign in by password.

    Raises LoginRefused, with the same text after the same time, whether or not the user exists.
    """
    tried = _begin(services, "password", name)
    with services.store.read() as database:
        user = users.named(database, name)
    good = passwords.matches(user.hash if user else None, password)
    if user is None or not good or user.disabled_at is not None:
        why = "no such user" if user is None else "wrong password" if not good else "disabled"
        raise _refused(tried, LoginRefused(WRONG, why, user.name if user else None))
    better = passwords.hashed(password) if user.hash and slow_hashes.is_stale(user.hash) else user.hash
    with services.store.write() as database:
        present = database.get_one(User, user.id)
        if present.hash != user.hash:
            raise LoginRefused(WRONG)  # changed while we were looking
        present.hash = better
        login_limits.forgive(database, _key(), tried.origin)
        enter_user(database, tried, present)


def by_token(services: Services, text: str, *, link: bool = False) -> None:
    """Sign in by token. Raises LoginRefused. `link`: the text came with the first link, and can be used once."""
    text = text.strip()
    tried = _begin(services, "link" if link else "token", None, spared=_is_known(services, text))
    try:
        token = tokens.check(services.store, text, tried.now, link=link)
    except tokens.InvalidToken as error:
        raise _refused(tried, LoginRefused(str(error))) from error
    with services.store.write() as database:
        sessions.begin(database, tried.now, token_id=token.id)
        audit_log.note(database, who=token.name, what="sign in", about="console", now=tried.now, detail=tried.detail())


def to_provider(services: Services, start: Callable[[], Response]) -> Response:
    """Return the provider's address for the browser. Raises LoginRefused; a failing provider is in log and audit."""
    try:
        return start()
    except LoginRefused as error:
        log.warning("identity provider fails", why=error.why)
        raise _refused(_begin(services, "oidc", None), error) from error


def by_provider(services: Services, finish: Callable[[], Identity]) -> None:
    """Sign in a person whom the identity provider vouches for, with its role; a new person becomes a user.

    Raises LoginRefused. `finish` asks the provider, and raises LoginRefused for unproven claims.
    """
    tried = _begin(services, "oidc", None)
    try:
        identity = finish()
    except LoginRefused as error:
        log.warning("sign-in through the identity provider refused", why=error.why)
        raise _refused(tried, error) from error
    with services.store.write() as database:
        found = identities.admit(database, identity, tried.now)
        if isinstance(found, User):
            enter_user(database, tried, found)
    if isinstance(found, LoginRefused):
        raise _refused(tried, found)


def enter_user(database: Session, tried: Try, user: User) -> None:
    """Begin a session for an authenticated user, in this unit of work."""
    sessions.begin(database, tried.now, user_id=user.id)
    user.last_sign_in_at = tried.now
    audit_log.note(database, who=user.name, what="sign in", about="console", now=tried.now, detail=tried.detail())


def _begin(services: Services, way: str, name: str | None, *, spared: bool = False) -> Try:
    """Count the attempt. Raises LoginRefused if there were too many, unless this one is exempt."""
    browser = login_limits.known_browser(_key(), name) if name is not None else None
    origin = login_limits.Origin(login_limits.client_address(services.settings), name, browser)
    tried = Try(services, way, origin, services.clock())
    with services.store.write() as database:
        excess = login_limits.too_often(database, _key(), origin, tried.now)
    if excess is None or spared:
        return tried
    refused = LoginRefused(
        f"too many tries; wait {counted(excess.retry_after, 'second')}",
        "too many tries",
        retry_after=excess.retry_after,
    )
    raise _refused(tried, refused) if excess.is_first else refused  # a flood is one row in the audit


def _is_known(services: Services, text: str) -> bool:
    """Return whether there is a token, or a one-time link, with this prefix: nobody guesses 48 bits of it.

    Its holder may sign in although others at the same address have tried too often.
    """
    prefix = text.partition("_")[2].partition("_")[0]
    with services.store.read() as database:
        return store_tokens.find(database, prefix, services.clock()) is not None


def _refused(tried: Try, error: LoginRefused) -> LoginRefused:
    """Record a refusal in the audit, without the typed text: it may be a password in the wrong field."""
    with tried.services.store.write() as database:
        audit_log.note(
            database,
            who=error.who or SOMEBODY,
            what="failed sign-in",
            about="console",
            now=tried.now,
            detail=tried.detail(why=error.why),
        )
    return error


def remember_browser(answer: Response, name: str) -> None:
    """Note that this person has signed in with this browser, so that strangers' guesses no longer slow it down."""
    login_limits.remember_browser(answer, _key(), name, secure=sessions.is_behind_tls())


def _key() -> bytes:
    key: bytes = current_app.extensions["bridge-sign-in-key"]
    return key
