"""Every known sender at the running endpoint: what is right, changed, another's, old, and sent twice.

Where a sender's own library made or accepts a delivery, that is what is sent; else what `sources test` makes.
"""

import base64
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote, urlsplit

import pytest
from flask import Flask
from network import WakeUps
from sqlalchemy import func, select

from bridge.sources import Headers, Incoming, build
from bridge.sources.presets import PRESETS
from bridge.sources.samples import sample
from bridge.store.engine import Store, make_engine
from bridge.store.journal import Event
from bridge.web.group_commit import GroupCommitWriter
from bridge.web.webhook_endpoint import WebhookEndpoint, blueprint
from tests.sources.test_presets import ROWS, UNSIGNED, entry, foreign

AT = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
URL = "https://bridge.example.com"
SECRET = "0a" * 16
NOTIFICATION = {"value": [{"clientState": SECRET, "changeType": "updated", "subscriptionId": "s1"}]}
# Where a sender signs some values alone: one of them, and what stands there instead.
SIGNED_VALUES = {"adyen": (b"7914073381342284", b"7914073381342289"), "mailgun": (b'"token": "', b'"token": "x')}


@dataclass(frozen=True)
class Delivery:
    preset: str
    secret: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    target: str
    kind: str = "application/json"
    at: datetime = AT
    public_url: str | None = URL

    @property
    def signed(self):
        return PRESETS[self.preset].verify not in UNSIGNED

    def changed(self):
        """The same delivery after somebody on its way has changed something that matters."""
        if not self.body:
            return replace(self, target=self.target + "9")
        old, new = SIGNED_VALUES.get(self.preset, (b"e", b"3"))
        assert old in self.body
        return replace(self, body=self.body.replace(old, new, 1))


def of_row(row):
    return Delivery(
        preset=row["preset"],
        secret=row["secret"],
        headers=tuple(row["headers"].items()),
        body=base64.b64decode(row["body"]),
        target=row["target"] or "/hooks/them",
        kind=row["kind"],
        at=datetime.fromtimestamp(row["at"], UTC),
        public_url=row["public_url"],
    )


def made_here(preset):
    if preset == "microsoft-graph":  # its token stands in its own body
        return Delivery(preset, SECRET, (), json.dumps(NOTIFICATION).encode(), "/hooks/them")
    made = sample(URL, "them", entry(preset, SECRET), now=AT)
    parts = urlsplit(made.url)
    target = unquote(parts.path) + (f"?{parts.query}" if parts.query else "")
    return Delivery(preset, SECRET, tuple(made.headers.items()), (made.body or "").encode(), target)


LEFT = sorted(set(PRESETS) - {row["preset"] for row in ROWS})
DELIVERIES = {f"{row['preset']}, {row['by']}": of_row(row) for row in ROWS} | {name: made_here(name) for name in LEFT}


class Endpoint:
    """The endpoint with one source, its store, and a clock that a test moves."""

    def __init__(self, url):
        self.store = Store(make_engine(url))
        self.writer = GroupCommitWriter(self.store)
        self.writer.start()
        self.now = AT

    def close(self):
        self.writer.stop()
        self.store.engine.dispose()

    def send(self, delivery, secret=None):
        """The status, and whether it was known; of a list of events whether all of them were."""
        settings = entry(delivery.preset, secret or delivery.secret)
        source = build("them", settings, public_url=delivery.public_url)
        app = Flask("webhooks")
        hooks = WebhookEndpoint({"them": source}, self.writer, WakeUps(), clock=lambda: self.now)
        app.register_blueprint(blueprint(hooks))
        answer = app.test_client().open(
            delivery.target,
            method="POST" if delivery.body else "GET",
            data=delivery.body,
            headers=[pair for pair in delivery.headers if pair[0].lower() != "content-type"],
            content_type=delivery.kind or None,
            environ_overrides={"RAW_URI": delivery.target},
        )
        found = answer.get_json(silent=True) or {}
        known = [one["duplicate"] for one in found.get("events", [found])] if "duplicate" in found else []
        return answer.status_code, known

    def events(self):
        with self.store.read() as session:
            return session.scalar(select(func.count()).select_from(Event))


@pytest.fixture
def endpoint(sqlite_url):
    made = Endpoint(sqlite_url)
    yield made
    made.close()


@pytest.mark.parametrize("name", DELIVERIES)
def test_right_changed_foreign_old_and_repeated(endpoint, name):
    one = DELIVERIES[name]
    endpoint.now = one.at
    status = PRESETS[one.preset].status

    # Another account's secret, then a changed delivery: refused before anything is kept.
    assert endpoint.send(one, foreign(one.preset, one.secret)) == (401, [])
    if one.signed:
        assert endpoint.send(one.changed()) == (401, [])
    assert endpoint.events() == 0

    answered, known = endpoint.send(one)
    assert (answered, any(known)) == (status, False)
    kept = endpoint.events()
    assert kept >= 1

    # Sent twice: the sender hears the same, and nothing new is kept.
    answered, known = endpoint.send(one)
    assert (answered, all(known)) == (status, True)
    assert endpoint.events() == kept

    # A day later: a signature that has its time is refused; without one it is still known.
    source = build("them", entry(one.preset, one.secret), public_url=one.public_url)
    endpoint.now = one.at + timedelta(days=1, minutes=1)
    answered, known = endpoint.send(one)
    assert (answered, all(known)) == (401 if timed(source, one) else status, True)
    assert endpoint.events() == kept


def timed(source, one):
    """Whether what this sender signs has a time in it."""
    request = Incoming(body=one.body, content_type=one.kind, headers=Headers(one.headers), target=one.target)
    return one.signed and bool(source.authenticate(request, one.at).signed_at)


def test_every_preset_is_walked():
    assert {one.preset for one in DELIVERIES.values()} == set(PRESETS)
