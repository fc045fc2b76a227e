"""Settings: sources, channels, users, tokens and the audit log."""

from datetime import timedelta
from typing import Any

from flask import Response, current_app, flash, g, redirect, render_template, request

from bridge.config.errors import SettingsError
from bridge.notifications.deliver import deliver_test
from bridge.operations import OperationError
from bridge.sources import suggested_url
from bridge.store import audit_log, notifications, users
from bridge.store import tokens as store_tokens
from bridge.store.roles import Role
from bridge.web.access import make, needs, revoke
from bridge.web.console.blueprint import blueprint
from bridge.web.console.show import show
from bridge.web.request_context import services

ROLES = tuple(str(one) for one in Role)


@blueprint.get("/settings")
@needs(Role.VIEWER, page=True)
def settings() -> str:
    base = services().settings.public_url or request.host_url
    addresses = {
        name: suggested_url(base, name, "TOKEN")
        if source.format == "integr8-postback"
        else f"{base.rstrip('/')}/hooks/{name}"
        for name, source in services().sources.items()
    }
    channels, trouble = _channels()
    with services().store.read() as session:
        tokens = store_tokens.everyone(session)
        counts = notifications.counts(session)
        health = {name: notifications.health(session, name) for name in channels}
        everybody = users.everyone(session)
    return show(
        "settings.html", sources=services().sources, addresses=addresses, tokens=tokens, roles=ROLES,
        users=everybody,
        channels=channels, channel_counts=counts, channel_health=health, trouble=trouble,
    )  # fmt: skip


def _channels() -> tuple[dict[str, Any], str | None]:
    try:
        return dict(sorted(services().channels.items())), None
    except SettingsError as error:
        return {}, str(error)


@blueprint.post("/tokens")
@needs(Role.ADMIN, page=True)
def create_token() -> Response | str:
    """Make a token and show its text, once."""
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
        said = f"The token {found.name} is revoked." if found else f"Token {token_id}: there is none to revoke."
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
    """The REST API as a page, out of the same description that programs read."""
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
    """The fields under `data` of a good answer."""
    good: dict[str, Any] = next(
        (answer for status, answer in operation["responses"].items() if status.startswith("2")), {}
    )
    schema = _named(good.get("content", {}).get("application/json", {}).get("schema", {}), schemas)
    data = schema.get("properties", {}).get("data", {})
    return list(_named(data.get("items", data), schemas).get("properties", {}))


def _named(schema: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = schemas.get(schema.get("$ref", "").rpartition("/")[2], {})
    return found
