"""Settings: sources, channels, users, tokens and the audit log."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from flask import Response, abort, current_app, flash, g, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.config.errors import SettingsError
from bridge.notifications.deliver import deliver_test, request_of
from bridge.operations import OperationError, mutes, source_secrets, source_setup
from bridge.operations.channel_entry import add_channel, tell_of_service
from bridge.operations.config_entry import can_write
from bridge.operations.source_entry import known_presets as known_senders
from bridge.operations.source_secrets import SourceSecret
from bridge.sources import suggested_url
from bridge.store import audit_log, notifications, users
from bridge.store import tokens as store_tokens
from bridge.store.notifications import Notice
from bridge.store.roles import Role
from bridge.web.access import make, needs, revoke
from bridge.web.access.safe_redirect import own_page
from bridge.web.console.actions import done
from bridge.web.console.blueprint import blueprint
from bridge.web.console.formatting import many
from bridge.web.console.lists import ROWS_PER_PAGE, page
from bridge.web.console.show import show
from bridge.web.request_context import number_asked, services
from rules.model.topics import FOR_RULES, TOPICS

ROLES = tuple(str(one) for one in Role)


@blueprint.get("/settings")
@needs(Role.VIEWER, page=True)
def settings() -> str:
    base = services().settings.public_url or request.url_root
    addresses = {
        name: suggested_url(base, name, "TOKEN")
        if source.format == "integr8-postback"
        else f"{base.rstrip('/')}/hooks/{name}"
        for name, source in services().sources.items()
    }
    channels, channel_problem = _channels()
    home = services().settings.home
    with services().store.read() as session:
        tokens = store_tokens.everyone(session)
        counts = notifications.counts(session)
        health = {name: notifications.health(session, name) for name in channels}
        everybody = users.everyone(session)
        hears = {name: heard_by(session, name) for name in channels}
    return show(
        "settings.html", sources=services().sources, addresses=addresses, tokens=tokens, roles=ROLES,
        users=everybody,
        channels=channels, channel_counts=counts, channel_health=health, channel_problem=channel_problem, hears=hears,
        operations=services().settings.operations, writable=can_write(home), presets=known_senders(),
    )  # fmt: skip


def _channels() -> tuple[dict[str, Any], str | None]:
    try:
        return dict(sorted(services().channels.items())), None
    except SettingsError as error:
        return {}, str(error)


def heard_by(session: Session, channel: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return (rule, topics) that a channel receives."""
    found = []
    for one in services().library.current(session).revisions.values():
        topics = [topic for notice in one.notify if channel in notice.to for topic in notice.about]
        topics += ["its own message" for action in one.then if action.verb == "notify" and action.target == channel]
        if topics:
            found.append((one.id, tuple(dict.fromkeys(topics))))
    return sorted(found)


@blueprint.post("/channels")
@needs(Role.ADMIN, page=True)
def add_a_channel() -> Response | str:
    """Add a channel, send it a test, and show the key of a webhook once."""
    form = request.form
    name = form.get("name", "").strip()
    try:
        made = add_channel(
            services(), name, form.get("kind", ""), form.get("address", ""), who=g.who, now=services().clock()
        )
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/settings#channels", code=303)  # type: ignore[return-value]
    result = deliver_test(services().channels[name], services().clock())
    good = result.result == "taken"
    words = f"{name} is added and took the test message." if good else f"{name} is added; the test: {result.words}"
    if made.secret:
        told = {"channel": name, "test": result.result, "secret (checks our signatures)": made.secret}
        return render_template("secret.html", secret=told, next_page=f"/channels/{name}", now=services().clock())
    flash(words, "good" if good else "bad")
    return redirect(f"/channels/{name}", code=303)  # type: ignore[return-value]


@blueprint.get("/channels/<name>")
@needs(Role.VIEWER, page=True)
def channel_page(name: str) -> str:
    """Show one channel: what it receives, and its last messages."""
    channels, _ = _channels()
    if name not in channels:
        abort(404, f"there is no channel {name}")
    before = number_asked("before")
    with services().store.read() as session:
        wanted = select(Notice).where(Notice.channel == name, *([Notice.id < before] if before else []))
        rows, last = page(list(session.scalars(wanted.order_by(Notice.id.desc()).limit(ROWS_PER_PAGE + 1))))
        hears, health = heard_by(session, name), notifications.health(session, name)
        rules = sorted(services().library.current(session).revisions)
    return show(
        "channel.html", name=name, channel=channels[name], hears=hears, notices=rows, health=health,
        operations=services().settings.operations, older=last.id if last else None, rules=rules,
        writable=can_write(services().settings.home),
        topics={one: TOPICS[one].heading for one in FOR_RULES},
    )  # fmt: skip


@blueprint.post("/channels/<name>/enable")
@needs(Role.OPERATOR, page=True)
def enable_a_channel(name: str) -> Response:
    def do() -> str:
        with services().store.write() as session:
            again = mutes.enable(session, name, who=g.who, now=services().clock())
        return f"{name} is used again; {many(again, 'message is', 'messages are')} tried again."

    return done(f"/channels/{name}", do)


@blueprint.post("/channels/<name>/service")
@needs(Role.ADMIN, page=True)
def tell_channel_of_service(name: str) -> Response:
    told = request.form.get("told") == "yes"

    def do() -> str:
        tell_of_service(services(), name, told=told, who=g.who, now=services().clock())
        return f"{name} is told of problems of the service{'' if told else ' no more'}."

    return done(f"/channels/{name}", do)


@blueprint.get("/notices/<int:number>")
@needs(Role.VIEWER, page=True)
def notice_page(number: int) -> str:
    """Show one message of a channel: the request, the last answer, the next attempt."""
    with services().store.read() as session:
        found = session.get(Notice, number)
    if found is None:
        abort(404, f"there is no message {number}, or it is forgotten by now")
    body = request_of(found, services().channels.get(found.channel))
    return show("notice.html", notice=found, request_body=body)


@blueprint.post("/notices/<int:number>/again")
@needs(Role.OPERATOR, page=True)
def send_notice_again(number: int) -> Response:
    def do() -> str:
        with services().store.write() as session:
            mutes.send_again(session, number, who=g.who, now=services().clock())
        services().queue.wake("notices.deliver")
        return "It is sent with the next round, within seconds."

    return done(f"/notices/{number}", do)


@blueprint.post("/sources")
@needs(Role.ADMIN, page=True)
def add_a_source() -> Response | str:
    form = request.form
    preset = form.get("preset", "")
    return _shown_once(lambda: source_secrets.add_source(
        services(), form.get("name", "").strip(), preset, form.get("value", ""), base_url=_base(), who=g.who,
        now=services().clock(),
    ))  # fmt: skip


@blueprint.post("/sources/<name>/rotate")
@needs(Role.ADMIN, page=True)
def rotate_secret(name: str) -> Response | str:
    value = request.form.get("value", "")
    return _shown_once(lambda: source_secrets.rotate(
        services(), name, value=value, base_url=_base(), who=g.who, now=services().clock(),
    ))  # fmt: skip


@blueprint.post("/sources/<name>/sample")
@needs(Role.OPERATOR, page=True)
def send_sample(name: str) -> Response:
    """Send an event of the type `test` as this sender would, to the service's own address."""

    def do() -> str:
        answer = source_setup.send(source_setup.example(services(), name, base_url=_base()))
        detail = {"status": answer.status_code}
        with services().store.write() as session:
            audit_log.note(session, who=g.who, what="test source", about=name, now=services().clock(), detail=detail)
        if not answer.is_success:
            raise OperationError(f"the sample was refused with {answer.status_code}: {answer.text[:300]}")
        return f"A sample came in as {name}; it stands under Webhooks."

    return done(own_page(request.form.get("back", "/events")), do)


@blueprint.post("/sources/<name>/end")
@needs(Role.ADMIN, page=True)
def end_old_secret(name: str) -> Response:
    def do() -> str:
        source_secrets.end_old(services(), name, who=g.who, now=services().clock())
        return f"{name} accepts the newest secret alone."

    return done("/settings#sources", do)


@blueprint.post("/sources/<name>/address")
@needs(Role.ADMIN, page=True)
def show_address(name: str) -> Response | str:
    try:
        found = source_secrets.reveal(services(), name, base_url=_base(), who=g.who, now=services().clock())
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/settings#sources", code=303)  # type: ignore[return-value]
    return render_template("secret.html", secret={"source": name, "address": found}, now=services().clock())


def _shown_once(do: Callable[[], SourceSecret]) -> Response | str:
    try:
        made = do()
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/settings#sources", code=303)  # type: ignore[return-value]
    told = {"source": made.source, "address": made.address, "secret": made.secret, "note": made.note}
    return render_template("secret.html", secret=told, now=services().clock())


def _base() -> str:
    return services().settings.public_url or request.url_root


@blueprint.post("/tokens")
@needs(Role.ADMIN, page=True)
def create_token() -> Response | str:
    """Create a token and show its text, once."""
    name, role = request.form.get("name", "").strip()[:100], request.form.get("role", "")
    days = request.form.get("days", type=int)
    if not name or role not in ROLES or (days is not None and days < 1):
        flash("A token needs a name, a role, and at least one day to live.", "bad")
        return redirect("/settings", code=303)  # type: ignore[return-value]
    now = services().clock()
    lifetime = timedelta(days=min(days, 3650)) if days else None
    try:
        with services().store.write() as session:
            text = make(session, name=name, role=Role(role), who=g.who, now=now, lifetime=lifetime)
    except OperationError as error:
        flash(str(error), "bad")
        return redirect("/settings", code=303)  # type: ignore[return-value]
    return render_template("secret.html", secret={"name": name, "role": role, "token": text}, now=now)


@blueprint.post("/tokens/<int:token_id>/revoke")
@needs(Role.ADMIN, page=True)
def revoke_token(token_id: int) -> Response:
    with services().store.write() as session:
        found = revoke(session, token_id, who=g.who, now=services().clock())
        said = f"The token {found.name} is revoked." if found else f"Token {token_id}: not found, or revoked already."
    flash(said, "good" if found else "bad")
    return redirect("/settings", code=303)  # type: ignore[return-value]


@blueprint.post("/channels/<name>/test")
@needs(Role.OPERATOR, page=True)
def send_test(name: str) -> Response:
    channel = _channels()[0].get(name)
    if channel is None:
        flash(f"There is no channel {name}.", "bad")
        return redirect("/settings", code=303)  # type: ignore[return-value]
    now = services().clock()
    result = deliver_test(channel, now)
    with services().store.write() as session:
        audit_log.note(session, who=g.who, what="test channel", about=name, now=now, detail={"result": result.result})
    good = result.result == "taken"
    flash(
        f"{name} took the test message." if good else f"{name}: {result.result}: {result.words}",
        "good" if good else "bad",
    )
    return redirect("/settings", code=303)  # type: ignore[return-value]


@blueprint.get("/reference")
@needs(Role.VIEWER, page=True)
def reference() -> str:
    """Show the REST API as a page, from the same description that programs read."""
    described = current_app.extensions["bridge-api"].spec.to_dict()
    schemas = described["components"]["schemas"]
    operations = [
        {"path": path, "verb": verb.upper(), "gives": _gives(operation, schemas), **operation}
        for path, verbs in described["paths"].items()
        for verb, operation in verbs.items()
        if isinstance(operation, dict)
    ]
    groups: dict[str, list[dict[str, Any]]] = {}
    for operation in operations:
        groups.setdefault(operation["tags"][0], []).append(operation)
    return show("reference.html", groups=groups, schemas=schemas)


def _gives(operation: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """Return the fields under `data` of a successful answer."""
    good: dict[str, Any] = next(
        (answer for status, answer in operation["responses"].items() if status.startswith("2")), {}
    )
    schema = _named(good.get("content", {}).get("application/json", {}).get("schema", {}), schemas)
    data = schema.get("properties", {}).get("data", {})
    return list(_named(data.get("items", data), schemas).get("properties", {}))


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    return found
