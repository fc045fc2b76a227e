"""Limit sign-in attempts: one name from one address is slowed down and never locked out.

All web processes share the count, and a restart does not begin it anew. Beyond a limit each further try has to wait a
little, so that somebody else's guesses cost a person seconds and not a quarter of an hour. A browser that a person has
signed in with before is counted by itself: what strangers do, from whatever address, does not slow it down.
"""

import hmac
import ipaddress
import math
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from flask import Response, request
from sqlalchemy.orm import Session

from bridge.config.settings import Settings
from bridge.sources.addresses import client
from bridge.sources.errors import SignatureError
from bridge.sources.request import Headers, Incoming
from bridge.store import sessions
from bridge.store.users import fold

PER_ADDRESS = (60, timedelta(minutes=1))  # tries of any kind from one address: what hashing may cost us
PER_NAME = (10, timedelta(minutes=15))  # tries for one name from one address, or from one known browser
FROM_ANYWHERE = (50, timedelta(minutes=15))  # tries for one name from unknown browsers at any address ...
BEYOND = (1, timedelta(minutes=15))  # ... beyond which each address has this many of its own before it is slowed down
MAX_PAUSE_SECONDS = 30  # seconds between two tries of somebody who is slowed down
NEIGHBOURS = 64  # bits of an IPv6 address: one customer has at least the rest of them to himself
COOKIE = "bridge-known"
KNOWN_FOR = timedelta(days=180)


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin of an attempt: an address, and the named user's known browser if it is one."""

    address: str
    name: str | None = None
    browser: str | None = None

    @property
    def bucket(self) -> str:
        """The key under which attempts are counted together."""
        if self.browser is not None:
            return f"browser {self.browser}"
        who = "tokens" if self.name is None else f"name {fold(self.name)}"
        return f"address {_neighbourhood(self.address)} {who}"


@dataclass(frozen=True, slots=True)
class Excess:
    """Too many attempts: how many seconds to wait, and whether this is the first attempt beyond the limit."""

    retry_after: int
    is_first: bool


def client_address(settings: Settings) -> str:
    """Return the address of a request, as seen through the proxies of `trusted_proxies`."""
    remote = request.remote_addr or ""
    trusted = [ipaddress.ip_network(one) for one in settings.trusted_proxies]
    try:
        return str(client(Incoming(headers=Headers.of_environ(request.environ), remote=remote), trusted))
    except SignatureError:
        return remote  # a header that cannot be read decides nothing


def too_often(session: Session, key: bytes, origin: Origin, now: datetime) -> Excess | None:
    """Count one more attempt; returns how long it has to wait, if it does."""
    for text, (most, span) in _counted(session, key, origin, now):
        number, _since = sessions.count_try(session, _digest(key, text), now=now, span=span)
        if number < most:
            continue
        pause = timedelta(seconds=min(MAX_PAUSE_SECONDS, 2 ** min(number - most, 5)))
        tries, since = sessions.count_try(session, _digest(key, f"slow {text}"), now=now, span=pause)
        if number > most and tries > 1:
            wait = math.ceil((since + pause - now).total_seconds())
            return Excess(max(1, wait), is_first=number == most + 1)
    return None


def forgive(session: Session, key: bytes, origin: Origin) -> None:
    """Forget the attempts after a success."""
    for text in (origin.bucket, f"slow {origin.bucket}"):
        sessions.forgive(session, _digest(key, text))


def _counted(session: Session, key: bytes, origin: Origin, now: datetime) -> list[tuple[str, tuple[int, timedelta]]]:
    if origin.browser is not None:
        return [(origin.bucket, PER_NAME)]
    own = PER_NAME
    if origin.name is not None:
        most, span = FROM_ANYWHERE
        number, _ = sessions.count_try(session, _digest(key, f"name {fold(origin.name)}"), now=now, span=span)
        own = BEYOND if number > most else PER_NAME
    return [(f"address {_neighbourhood(origin.address)}", PER_ADDRESS), (origin.bucket, own)]


def known_browser(key: bytes, name: str) -> str | None:
    """Return the mark of this browser, if the person of that name has signed in with it before."""
    browser, _, proof = request.cookies.get(COOKIE, "").partition(".")
    return browser if browser and hmac.compare_digest(proof.encode(), _proof(key, browser, name).encode()) else None


def remember_browser(answer: Response, key: bytes, name: str, *, secure: bool) -> None:
    """Mark this browser as known for the person who has just signed in with it."""
    browser = known_browser(key, name) or secrets.token_urlsafe(16)
    value = f"{browser}.{_proof(key, browser, name)}"
    path = f"{request.script_root}/login"
    answer.set_cookie(COOKIE, value, max_age=KNOWN_FOR, path=path, secure=secure, httponly=True, samesite="Lax")


def _proof(key: bytes, browser: str, name: str) -> str:
    return _digest(key, f"browser {browser} of {fold(name)}")


def _neighbourhood(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    return str(parsed if parsed.version == 4 else ipaddress.ip_network((parsed, NEIGHBOURS), strict=False))


def _digest(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), sha256).hex()
