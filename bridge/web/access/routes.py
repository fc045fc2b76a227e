"""Declare who may use each route. A test finds routes that do not."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, Response, g, request
from werkzeug.routing import IntegerConverter, Map

from bridge.services.container import REFRESH, Services
from bridge.store.roles import Role
from bridge.web.access import sessions
from bridge.web.access.idempotency import once
from bridge.web.access.security_headers import add_security_headers
from bridge.web.access.tokens import InvalidToken, check
from bridge.web.problems import problem
from bridge.web.request_context import MAX_ID

View = TypeVar("View", bound=Callable[..., Any])

#: Routes without a token: health and metrics tell nothing about anybody. Webhooks go to another application.
OPEN_ENDPOINTS = frozenset({
    "health.alive", "health.ready", "health.numbers", "console.login", "console.sign_in",
    "console.start_oidc", "console.finish_oidc", "console.static",
})  # fmt: skip


def needs(role: Role, *, page: bool = False, secret: bool = False) -> Callable[[View], View]:
    """Mark a view with its required role: by bearer token, or as a page by the console's session.

    A `secret` answer is not stored, whatever Idempotency-Key came with the request.
    """

    def mark(view: View) -> View:
        @wraps(view)
        def checked(*args: Any, **kwargs: Any) -> Any:
            refused = sessions.refusal(g.services, role) if page else _refusal(role)
            if refused is not None:
                return refused
            if page or secret:
                return view(*args, **kwargs)
            return once(g.services.store, lambda: view(*args, **kwargs), g.services.clock())

        checked.needs = role  # type: ignore[attr-defined]
        return checked  # type: ignore[return-value]

    return mark


def _refusal(role: Role) -> Response | None:
    services: Services = g.services
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not text:
        answer = problem(
            401,
            "Authentication required",
            "send Authorization: Bearer <token>; `integr8-bridge tokens create` makes one",
        )
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer
    try:
        token = check(services.store, text.strip(), services.clock())
    except InvalidToken as error:
        return problem(401, "Authentication required", str(error))
    has = Role(token.role)
    if not has.covers(role):
        return problem(403, "Not allowed", f"this needs the role {role}; the token {token.name!r} has {has}")
    g.who, g.role, g.token_id = token.name, has, token.id
    return None


class Id(IntegerConverter):
    """`<int:...>` in a path: an id that a database can hold; anything larger is not found."""

    def __init__(self, map_: Map, **kwargs: Any) -> None:
        super().__init__(map_, max=MAX_ID, **kwargs)


def register(app: Flask, services: Services) -> None:
    """Give views access to the container, and add security headers to every answer."""
    sessions.register(app, services)
    app.url_map.converters["int"] = Id

    @app.before_request
    def _services() -> None:
        services.refresh(every=REFRESH)
        g.services = services

    @app.before_request
    def _no_null() -> Response | None:
        """Refuse NUL: no text of ours holds it, and PostgreSQL refuses queries about it."""
        texts = [request.path, *request.args.keys(), *request.args.values()]
        if any("\0" in text for text in texts):
            return problem(422, "Unprocessable", "the address holds the character NUL, which no name or id has")
        return None

    app.after_request(add_security_headers)
