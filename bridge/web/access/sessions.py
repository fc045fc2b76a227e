"""Signing in to the console with a token: a signed, short-lived cookie, and a secret in every form.

The cookie names a row of the database; each request looks it up again, so a revoked token ends its sessions at
once, and a cookie that somebody kept is worth nothing after signing out.
"""

import hmac
import secrets
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock

from flask import Flask, Response, current_app, g, redirect, request, session
from flask.sessions import SecureCookieSessionInterface

from bridge.store import people, upkeep
from bridge.store.people import Role, Token
from bridge.web.access.tokens import FIRST, InvalidToken, check, make
from bridge.web.problems import problem
from bridge.wiring import House

HOURS = 12
TRIES, SPAN = 10, 60.0  # sign-ins per address and minute
MOST_ADDRESSES = 1_000  # beyond this, those that have been quiet are forgotten
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Cookies(SecureCookieSessionInterface):
    """Secure wherever there is TLS; decided for each request, since threads share the settings."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        host = request.host.rpartition(":")[0] or request.host
        return not (request.scheme == "http" and host in LOOPBACK)


class Limiter:
    """How many sign-ins one address has tried lately, in this process."""

    def __init__(self) -> None:
        self._tries: dict[str, deque[float]] = {}
        self._lock = Lock()

    def allows(self, address: str) -> bool:
        now = time.monotonic()
        with self._lock:
            if len(self._tries) >= MOST_ADDRESSES:
                self._tries = {known: tries for known, tries in self._tries.items() if now - tries[-1] <= SPAN}
            recent = self._tries.setdefault(address, deque(maxlen=TRIES + 1))
            while recent and now - recent[0] > SPAN:
                recent.popleft()
            recent.append(now)
            return len(recent) <= TRIES


def register(app: Flask, house: House) -> None:
    """Cookies that scripts cannot read and other sites cannot send; Secure wherever there is TLS."""
    app.extensions["sign-ins"] = Limiter()
    app.secret_key = house.box.derive(b"console sessions")
    app.config.update(
        SESSION_COOKIE_NAME="bridge",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=HOURS * 3600,
    )
    app.session_interface = Cookies()


def sign_in(house: House, text: str, *, once: bool = False) -> str | None:
    """Begin a session for a good token; the reason in words otherwise. `once`: the token ends with this use."""
    limiter: Limiter = current_app.extensions["sign-ins"]
    if not limiter.allows(request.remote_addr or ""):
        return "too many tries; wait a minute"
    now = datetime.now(UTC)
    try:
        with house.store.write() as database:
            token = check(database, text.strip(), now, link=once)
            name = secrets.token_urlsafe(32)
            people.begin_sign_in(database, _digest(name), token.id, now=now, lifetime=timedelta(hours=HOURS))
            upkeep.note(database, who=token.name, what="sign in", about="console", now=now)
    except InvalidToken as error:
        return str(error)
    session.clear()  # a session that somebody else may have begun is not continued
    session["name"], session["form"] = name, secrets.token_urlsafe(24)
    session.permanent = True
    return None


def sign_out(house: House) -> None:
    """End this session, in the browser and here."""
    name = session.get("name")
    if isinstance(name, str):
        with house.store.write() as database:
            people.end_sign_in(database, _digest(name))
    session.clear()


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def first_link(house: House, address: str, now: datetime) -> str | None:
    """A link that signs in the first administrator, once and within a day; None where there are tokens already."""
    with house.store.write() as database:
        if people.everyone(database):
            return None
        text = make(database, name=FIRST, role=Role.ADMIN, who="bridge", now=now, lifetime=timedelta(hours=24))
    return f"{address}/login?code={text}"


def who(house: House) -> Token | None:
    """The token of this session, if it is still good."""
    name = session.get("name")
    if not isinstance(name, str):
        return None
    with house.store.read() as database:
        return people.signed_in(database, _digest(name), datetime.now(UTC))


def refusal(house: House, role: Role) -> Response | None:
    """What to answer instead of the page; None when it may be shown. Forms must carry the session's secret."""
    token = who(house)
    if token is None:
        return redirect(f"/login?next={request.path}")  # type: ignore[return-value]
    if not Role(token.role).covers(role):
        return problem(403, "Not allowed", f"this needs the role {role}; {token.name} has {token.role}")
    if request.method == "POST" and not hmac.compare_digest(request.form.get("form", ""), session.get("form", "-")):
        return problem(400, "Stale form", "the form is not of this session; open the page again and repeat")
    g.who, g.role = token.name, Role(token.role)
    return None
