"""Format values for pages: local times, ages, amounts, states. Colour is never the only sign."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, session
from markupsafe import Markup

from bridge.operations.item_history import changed_by
from bridge.services.container import Services
from bridge.store.roles import Role
from bridge.web.access import sessions
from rules.model import metrics
from rules.model.formatting import plainly
from rules.model.topics import TOPICS, current_name

DAY = 86_400  # seconds
MARKS = {
    "applied": "✓", "skipped": "✓", "done": "✓", "ready": "…", "released": "✓", "yes": "●", "no": "○",
    "no_decision": "◌", "waiting": "…", "planned": "…", "claimed": "…", "sent": "…", "received": "…", "shadow": "◐",
    "unknown": "?", "failed": "✗", "stopped": "✗", "error": "✗", "dead": "✗", "quarantined": "!", "overridden": "!",
    "ok": "✓", "passed": "✓", "warn": "!", "fail": "✗", "gone": "○", "warning": "!",
    "held_back": "○", "left_out": "○", "nothing": "·", "rejected": "✗", "expired": "○", "dropped": "○",
    "active": "●", "inactive": "○", "archived": "◌",
}  # fmt: skip
GOOD = frozenset({"applied", "skipped", "done", "ok", "released", "passed", "active"})
BAD = frozenset({"failed", "error", "dead", "fail"})
WAITS = frozenset({"waiting", "warn", "warning", "quarantined", "unknown"})  # for a person
WORDS = {
    "left_out": "left out",
    "no_decision": "not enough data",
    "stopped": "held back",
    "ready": "in progress",
    "nothing": "no change",
}

#: What held a change back, where its name in the rule language does not say it to people.
GUARDS = {
    "held": "paused by it already", "already": "as wanted already", "pending": "a change is on its way",
    "waiting": "an approval waits", "for": "not true for long enough", "hold": "its pause", "muted": "a mute",
    "protected": "never to be touched", "no_target": "nothing to change", "unfilled": "a value is missing",
    "at_most.targets": "too many items", "at_most.share": "too large a share",
    "at_most.revenue_24h": "too much revenue", "lose_at_most": "may have lost too much", "per_day": "enough for a day",
    "gone": "gone from Integr8", "tracking": "conversions are missing",
}  # fmt: skip


def register(app: Flask, services: Services) -> None:
    moments = Moments(services)
    unit = currency(services)
    accounts = services.settings.accounts
    several = len(accounts) > 1
    units = {name: one.currency for name, one in accounts.items()}
    for name, filter_ in {
        "clock": moments.clock, "when": moments.when, "age": moments.age, "ago": moments.ago, "day": moments.day,
        "amount": amount, "currency_of": lambda name: units.get(name, unit), "plainly": plainly, "many": many,
        "number": number, "changed_by": changed_by, "span": length, "threshold": threshold, "mark": mark, "word": word,
        "tone": tone, "topic": topic, "guard": guard,
    }.items():  # fmt: skip
        app.add_template_filter(filter_, name)  # type: ignore[arg-type]

    @app.context_processor
    def everywhere() -> dict[str, Any]:
        me = sessions.who(services)
        may_act = me is not None and Role(me.role).covers(Role.OPERATOR)
        secret = session.get("form", "")
        return {
            "zone": str(moments.zone),
            "currency": unit,
            "currencies": list(dict.fromkeys(units.values())),
            "several_accounts": several,
            "form_secret": secret,
            "me": me,
            "may_act": may_act,
        }


class Moments:
    """Formats times for the people of one network: in the zone of the account, with the year if it is another one."""

    def __init__(self, services: Services) -> None:
        self.zone = zone(services)
        self._now = services.clock

    def clock(self, value: datetime | None, *, seconds: bool = True) -> str:
        """Return the moment as bare text."""
        if value is None:
            return ""
        local, today = value.astimezone(self.zone), self._now().astimezone(self.zone)
        day = f"{local:%d %b}" if local.year == today.year else f"{local:%d %b %Y}"
        return f"{day} {local:%H:%M:%S}" if seconds else f"{day} {local:%H:%M}"

    def when(self, value: datetime | None) -> str:
        """Return the moment; on hover how long ago it is, and its UTC time."""
        return "" if value is None else _time(value, self.clock(value), f"{self._away(value)}, {_utc(value)}")

    def age(self, value: datetime | None) -> str:
        """Return how long ago it is; on hover the moment. After a day it is a date."""
        if value is None:
            return "never"
        if abs((self._now() - value).total_seconds()) >= DAY:
            return self.when(value)
        return _time(value, self._away(value), f"{self.clock(value)}, {_utc(value)}")

    def ago(self, value: datetime | None) -> str:
        """Return a length of time."""
        return "never" if value is None else length((self._now() - value).total_seconds())

    def day(self, value: datetime) -> str:
        return f"{value.astimezone(self.zone):%d %b %Y}"

    def _away(self, value: datetime) -> str:
        seconds = (self._now() - value).total_seconds()
        return f"{length(seconds)} ago" if seconds >= 0 else f"in {length(seconds)}"


def amount(value: Decimal | str | None) -> str:
    return "" if value is None else f"{Decimal(value):,.2f}"


def mark(state: Any) -> str:
    return MARKS.get(str(state), "·")


def word(state: Any) -> str:
    """Return the word for a state."""
    return WORDS.get(str(state), str(state).replace("_", " "))


def topic(name: str) -> str:
    """Return the words for what a message is about; a name that is no topic stays as it is."""
    found = TOPICS.get(current_name(name))
    return name if found is None else found.heading


def guard(name: str) -> str:
    """Return the words for what held a change back."""
    return GUARDS.get(name, name.replace("at_most.", "at most: ").replace("_", " "))


def tone(state: Any) -> str:
    """Return the class for the colour; the word and the mark say the same."""
    for name, states in (("good", GOOD), ("bad", BAD), ("waits", WAITS)):
        if str(state) in states:
            return name
    return "plain"


def _time(value: datetime, shown: str, hover: str) -> str:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(value.astimezone(UTC).isoformat(), hover, shown)


def _utc(value: datetime) -> str:
    return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def number(value: float | None) -> str:
    """Return a count with separators."""
    return "" if value is None else f"{value:,}"


def threshold(value: str, metric: str) -> str:
    """Return a threshold of a metric as rules write it: `0.5%` for a share."""
    if metrics.unit(metric) != "share":
        return value
    return f"{(Decimal(value) * 100).normalize():f}%"


def many(value: int, one: str, more: str = "") -> str:
    """Return `1 change`, `1,200 changes`."""
    return f"{value:,} {one if value == 1 else more or one + 's'}"


def zone(services: Services) -> ZoneInfo:
    """Return the zone of the main account, or of the only one: people of one network use one zone."""
    accounts = services.settings.accounts
    first = accounts.get("main") or next(iter(accounts.values()), None)
    return ZoneInfo(first.timezone if first else "UTC")


def currency(services: Services) -> str:
    """Return the currency of all accounts if they share one; nothing if an amount could be in several."""
    found = {one.currency for one in services.settings.accounts.values()}
    return found.pop() if len(found) == 1 else ""


def currency_of(services: Services, account: str) -> str:
    """Return the currency of one account; nothing if it is no longer in the settings."""
    found = services.settings.accounts.get(account)
    return found.currency if found else ""


def length(seconds: float) -> str:
    """Return a time range in its two largest units."""
    whole = int(abs(seconds))
    parts = []
    for name, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, whole = divmod(whole, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"
