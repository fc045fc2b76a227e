"""Sessions of the console: a signed, short-lived cookie, and a secret in every form.

The cookie names a row of the database; each request looks it up again, so a revoked token or a disabled user ends
its sessions at once, and a cookie that somebody kept is worth nothing after signing out.
"""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import quote

from flask import Flask, Response, g, redirect, request, session
from flask.sessions import SecureCookieSessionInterface
from sqlalchemy.orm import Session

from bridge.services.container import Services
from bridge.store import sessions, tokens, users
from bridge.store.roles import Role
from bridge.store.sessions import Principal
from bridge.web.access import csrf
from bridge.web.access.tokens import FIRST_SIGN_IN, make
from bridge.web.problems import problem

HOURS = 12
LOOPBACK = frozenset({"127.0.0.1", "localhost", "[::1]"})
ACCOUNT = "/account"  # where one changes one's password; open to those who must, as is signing out
ALWAYS = frozenset({ACCOUNT, "/logout"})


class Cookies(SecureCookieSessionInterface):
    """Cookies that are Secure under TLS; decided for each request, because threads share the settings."""

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002
        return is_behind_tls()

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002
        """Return the path below the prefix of the service: another service on the same host has its own cookies."""
        return request.script_root or "/"


def is_behind_tls() -> bool:
    """Return whether cookies are for TLS only: everywhere but on this machine itself."""
    host = request.host.rpartition(":")[0] or request.host
    return not (request.scheme == "http" and host in LOOPBACK)


def register(app: Flask, services: Services) -> None:
    """Set up cookies that scripts cannot read and other sites cannot send; Secure under TLS."""
    app.secret_key = services.box.derive(b"console sessions")
    app.extensions["bridge-sign-in-key"] = services.box.derive(b"sign-in tries")
    app.config.update(
        SESSION_COOKIE_NAME="bridge",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=HOURS * 3600,
    )
    app.session_interface = Cookies()


def begin(database: Session, now: datetime, *, token_id: int | None = None, user_id: int | None = None) -> None:
    """Begin a session in this browser. A session that somebody else may have begun here is not continued."""
    name = secrets.token_urlsafe(32)
    sessions.begin(
        database, _digest(name), token_id=token_id, user_id=user_id, now=now, lifetime=timedelta(hours=HOURS)
    )
    session.clear()
    session["name"] = name
    csrf.begin()
    session.permanent = True


def sign_out(services: Services) -> None:
    """End this session, in the browser and here."""
    name = session.get("name")
    if isinstance(name, str):
        with services.store.write() as database:
            sessions.end(database, _digest(name))
    session.clear()


def _digest(name: str) -> str:
    return sha256(name.encode()).hexdigest()


def first_link(services: Services, address: str, now: datetime) -> str | None:
    """Return a link that signs in the first administrator, once and within a day.

    None if somebody can sign in already.
    """
    with services.store.write() as database:
        if tokens.everyone(database) or users.any_at_all(database):
            return None
        text = make(database, name=FIRST_SIGN_IN, role=Role.ADMIN, who="bridge", now=now, lifetime=timedelta(hours=24))
    return f"{address}/login?code={text}"


def who(services: Services) -> Principal | None:
    """Return the owner of this session, if it is still valid."""
    name = session.get("name")
    if not isinstance(name, str):
        return None
    with services.store.read() as database:
        return sessions.principal(database, _digest(name), services.clock())


def refusal(services: Services, role: Role) -> Response | None:
    """Return the answer instead of the page; None if the page may be shown. Forms must have the session's secret."""
    principal = who(services)
    if principal is None:
        wanted = request.full_path if request.method == "GET" and request.query_string else request.path
        return redirect(f"/login?next={quote(wanted)}")  # type: ignore[return-value]
    if principal.must_change and request.path not in ALWAYS:
        return redirect(ACCOUNT)  # type: ignore[return-value]
    if not principal.role.covers(role):
        return problem(403, "Not allowed", f"this needs the role {role}; {principal.name} has {principal.role}")
    if request.method == "POST" and not csrf.is_of_this_session():
        return problem(400, "Stale form", "the form is not of this session; open the page again and repeat")
    g.who, g.role, g.principal = principal.name, principal.role, principal
    return None
