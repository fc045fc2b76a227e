"""Sign in and sign out: the only pages that need no session."""

from collections.abc import Callable
from importlib import import_module
from typing import Any

from flask import Response, flash, g, make_response, redirect, render_template, request, session

from bridge.operations import OperationError
from bridge.store import users
from bridge.store.roles import Role
from bridge.store.sessions import Principal
from bridge.web.access import LoginRefused, csrf, needs, revoke, sessions
from bridge.web.access import login as access_login
from bridge.web.access.safe_redirect import own_page
from bridge.web.access.tokens import FIRST_SIGN_IN
from bridge.web.access.users import Actor, add
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.problems import problem
from bridge.web.request_context import services

WELCOME = "/welcome"


@blueprint.get("/login")
def login() -> Response:
    """Show the sign-in page. A browser with a valid session is redirected, whatever the limits of sign-in."""
    code = request.args.get("code", "")
    if not code and sessions.who(services()) is not None:
        return redirect(own_page(request.args.get("next", "/")))  # type: ignore[return-value]
    return login_page(code=code)


@blueprint.post("/login")
def sign_in() -> Response:
    """Sign in with a name and a password, or with a token. The link of a new service has a token for one use."""
    if csrf.is_from_elsewhere(services()):
        return problem(403, "Not from here", "another site sent this form; open the console itself and sign in there")
    code, token = request.form.get("code", ""), request.form.get("token", "")
    if code:
        return _entered(lambda: access_login.by_token(services(), code, link=True), WELCOME)
    if token:
        return _entered(lambda: access_login.by_token(services(), token))
    name, password = request.form.get("name", ""), request.form.get("password", "")
    return _entered(lambda: access_login.by_password(services(), name, password), name=name)


@blueprint.get("/login/oidc")
def start_oidc() -> Response:
    """Start signing in by a link, not a form: the policy of these pages lets no form lead to another site."""
    provider = services().login
    if provider is None:
        return redirect("/login")  # type: ignore[return-value]
    session["next"] = own_page(request.args.get("next", "/"))
    try:
        page = access_login.to_provider(services(), lambda: _oidc().start(provider, services().settings))
    except LoginRefused as error:
        return login_page(refused=error)
    return page


@blueprint.get("/login/oidc/callback")
def finish_oidc() -> Response:
    """Handle the browser's return from the provider."""
    provider = services().login
    if provider is None:
        return redirect("/login")  # type: ignore[return-value]
    wanted = own_page(session.pop("next", "/"))
    return _entered(lambda: access_login.by_provider(services(), lambda: _oidc().finish(provider)), wanted)


def _oidc() -> Any:
    """Load the provider's module on use: Authlib and requests weigh as much as the rest of the console."""
    return import_module("bridge.web.access.oidc")


def _entered(enter: Callable[[], None], where: str | None = None, name: str | None = None) -> Response:
    try:
        enter()
    except LoginRefused as error:
        return login_page(refused=error)
    answer: Response = redirect(where or own_page(request.form.get("next", "/")), code=303)  # type: ignore[assignment]
    if name is not None:
        access_login.remember_browser(answer, name)
    return answer


def login_page(code: str = "", refused: LoginRefused | None = None) -> Response:
    """Return the sign-in page."""
    with services().store.read() as database:
        has_users = users.any_at_all(database)
    wanted = own_page(request.values.get("next", "/"))
    answer = make_response(
        render_template(
            "login.html", code=code, refused=refused, next=wanted, has_users=has_users, provider=services().login
        )
    )
    answer.headers["Referrer-Policy"] = "same-origin"  # with none at all, some browsers do not say where a form is from
    if refused is not None and refused.retry_after is not None:
        answer.status_code = 429
        answer.headers["Retry-After"] = str(refused.retry_after)
    return answer


@blueprint.post("/logout")
@needs(Role.VIEWER, page=True)
def logout() -> Response:
    sessions.sign_out(services())
    return redirect("/login", code=303)  # type: ignore[return-value]


@blueprint.get("/welcome")
@needs(Role.ADMIN, page=True)
def welcome() -> Response | str:
    """Let the person with the first link create a user."""
    return show("welcome.html", name="") if g.who == FIRST_SIGN_IN else redirect("/")  # type: ignore[return-value]


@blueprint.post("/welcome")
@needs(Role.ADMIN, page=True)
def make_first() -> Response | str:
    principal: Principal = g.principal
    if principal.name != FIRST_SIGN_IN or principal.token_id is None:
        return problem(403, "Not allowed", "this page is for whoever came by the first link")
    name, password = request.form.get("name", ""), request.form.get("password", "")
    if password != request.form.get("again", ""):
        flash("The two passwords differ; write the same one twice.", "bad")
        return show("welcome.html", name=name)
    try:
        made = add(
            services(), name=name, role=Role.ADMIN, password=password, actor=Actor(FIRST_SIGN_IN),
            now=services().clock(), email=request.form.get("email", "").strip() or None,
        )  # fmt: skip
    except OperationError as error:
        flash(str(error), "bad")
        return show("welcome.html", name=name)
    sessions.sign_out(services())
    with services().store.write() as database:
        revoke(database, principal.token_id, who=made.name, now=services().clock())
    return _entered(lambda: access_login.by_password(services(), made.name, password), "/")
