"""API tokens: `ib_<prefix>_<secret>`. The prefix finds the row, the secret is compared with its argon2 hash."""

import secrets
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256

from sqlalchemy.orm import Session

from bridge.operations.errors import Refused
from bridge.store import audit_log, tokens, users
from bridge.store.engine import Store
from bridge.store.roles import Role
from bridge.store.tokens import Token
from bridge.web.access import slow_hashes

SEEN_EVERY = timedelta(minutes=1)  # `last used` is not worth a write per request


FIRST_SIGN_IN = "first sign-in"  # the name of the token behind the link that a new service prints


LINK_OVER = "this link was used already, or is too old; `integr8-bridge users add NAME --role admin` makes a user"


class InvalidToken(ValueError):
    """The token is missing, unknown, wrong, revoked or expired. The caller learns no more."""


def make(session: Session, *, name: str, role: Role, who: str, now: datetime, lifetime: timedelta | None = None) -> str:
    """Create a token; its text is returned here and never shown again. Raises Refused for the name of a user."""
    if users.named(session, name) is not None:
        raise Refused(f"name {name!r}: a user has this name, and the audit log must tell them apart; choose another")
    prefix, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    session.add(
        Token(
            name=name,
            role=role,
            prefix=prefix,
            hash=slow_hashes.hashed(secret),
            created_at=now,
            created_by=who,
            expires_at=now + lifetime if lifetime else None,
        )
    )
    audit_log.note(session, who=who, what="create token", about=name, now=now, detail={"role": role})
    return f"ib_{prefix}_{secret}"


def revoke(session: Session, token_id: int, *, who: str, now: datetime) -> Token | None:
    """End a token at once. Returns None if no valid one exists."""
    found = session.get(Token, token_id)
    if found is None or found.revoked_at is not None:
        return None
    found.revoked_at = now
    audit_log.note(session, who=who, what="revoke token", about=found.name, now=now)
    return found


def check(store: Store, text: str, now: datetime, *, link: bool = False) -> Token:
    """Return the token's row. Raises InvalidToken. Costs the same whether or not such a prefix exists.

    `link`: the text came with the first link. That token serves nothing else, and no other serves the link. Hashing is
    slow, so nothing is locked meanwhile: guessing must not delay the webhooks.
    """
    kind, _, rest = text.partition("_")
    prefix, _, secret = rest.partition("_")
    with store.read() as session:
        found = tokens.find(session, prefix, now) if kind == "ib" else None
    if not _matches(found.hash if found else None, secret) or found is None:
        raise InvalidToken(LINK_OVER if link else "the token is not valid; `integr8-bridge tokens create` makes one")
    if link != (found.name == FIRST_SIGN_IN):
        raise InvalidToken("this is not for signing in here; `integr8-bridge tokens create` makes a token")
    if link or found.last_used_at is None or now - found.last_used_at > SEEN_EVERY:
        _use(store, found, now, once=link)
    return found


def _use(store: Store, token: Token, now: datetime, *, once: bool) -> None:
    with store.write() as session:
        if not tokens.use(session, token.id, now, once=once):
            raise InvalidToken(LINK_OVER)


def _matches(hashed: str | None, secret: str) -> bool:
    return _verified(hashed, sha256(secret.encode()).hexdigest(), secret)


@lru_cache(maxsize=256)
def _verified(hashed: str | None, _digest: str, secret: str) -> bool:
    """Return whether the token is right.

    Argon2 is slow on purpose, so a recently verified token is not hashed again.
    """
    return slow_hashes.matches(hashed, secret)
