"""How values read on a page: local times, ages, amounts, states. Colour never says anything alone."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, session

from bridge.services.container import Services
from bridge.store.roles import Role
from bridge.web.access import sessions

MARKS = {
    "applied": "✓", "skipped": "✓", "done": "✓", "ready": "✓", "released": "✓", "yes": "●", "no": "○",
    "no_decision": "◌", "waiting": "…", "planned": "…", "claimed": "…", "sent": "…", "received": "…", "shadow": "◐",
    "unknown": "?", "failed": "✗", "stopped": "✗", "error": "✗", "dead": "✗", "quarantined": "!", "overridden": "!",
    "ok": "✓", "passed": "✓", "warn": "!", "fail": "✗", "gone": "○", "warning": "!",
    "active": "●", "inactive": "○", "archived": "◌",
}  # fmt: skip
GOOD = frozenset({"applied", "skipped", "done", "ready", "ok", "released", "passed", "active"})
BAD = frozenset({"failed", "error", "dead", "fail", "stopped"})


def register(app: Flask, services: Services) -> None:
    there = zone(services)
    unit = currency(services)

    @app.template_filter("when")
    def when(value: datetime | None) -> str:
        """The moment in the account's zone."""
        return "" if value is None else f"{value.astimezone(there):%d %b %H:%M:%S}"

    @app.template_filter("ago")
    def ago(value: datetime | None) -> str:
        return "never" if value is None else length((services.clock() - value).total_seconds())

    @app.template_filter("day")
    def day(value: datetime) -> str:
        return f"{value.astimezone(there):%d %b %Y}"

    @app.template_filter("amount")
    def amount(value: Decimal | str | None) -> str:
        return "" if value is None else f"{Decimal(value):,.2f}"

    app.add_template_filter(plainly)

    @app.template_filter("mark")
    def mark(state: Any) -> str:
        return MARKS.get(str(state), "·")

    @app.template_filter("tone")
    def tone(state: Any) -> str:
        """A class for the colour; the word and the mark say the same."""
        return "good" if str(state) in GOOD else "bad" if str(state) in BAD else "plain"

    @app.context_processor
    def everywhere() -> dict[str, Any]:
        me = sessions.who(services)
        may_act = me is not None and Role(me.role).covers(Role.OPERATOR)
        secret = session.get("form", "")
        return {"zone": str(there), "currency": unit, "form_secret": secret, "me": me, "may_act": may_act}


def zone(services: Services) -> ZoneInfo:
    """Of the main account, or of the only one: people of one network read one clock."""
    accounts = services.settings.accounts
    first = accounts.get("main") or next(iter(accounts.values()), None)
    return ZoneInfo(first.timezone if first else "UTC")


def currency(services: Services) -> str:
    """The currency of all accounts where they have the same one; nothing where an amount could be of several."""
    found = {one.currency for one in services.settings.accounts.values()}
    return found.pop() if len(found) == 1 else ""


def length(seconds: float) -> str:
    """A stretch of time in its two largest units."""
    whole = int(abs(seconds))
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def plainly(value: Any) -> str:
    """A field of an entity as a person says it."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {plainly(one)}" for name, one in value.items())
        case list():
            return ", ".join(plainly(one) for one in value) or "none"
        case _:
            return str(value)
