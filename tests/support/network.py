"""A whole network in one process: home directory, real store, the webhook endpoint, workers run by hand, the simulator.

Nothing is patched. Integr8 is the simulator's application behind an in-process transport; time stands still
until a test moves it.
"""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask
from simulator_transport import simulator_transport
from sqlalchemy import select

from bridge.config import rulebook, settings
from bridge.operations import backtest_jobs, decide, feeds, maintenance, questions
from bridge.operations.perform import perform_effects
from bridge.services.container import Services
from bridge.services.queue import QUEUES, WakeUp
from bridge.simulator.clock import Clock
from bridge.simulator.world import World
from bridge.store.engine import Store, make_engine
from bridge.web.group_commit import GroupCommitWriter
from bridge.web.webhook_endpoint import WebhookEndpoint, blueprint

YAML = """
accounts:
  main:
    base_url: http://integr8.test
    api_key: ${INTEGR8_API_KEY}
    integrations: {default: "${INTEGR8_INTEGRATION_ID}"}
    rate: {per_second: 1000, burst: 1000}
    poll: {clicks: 60, conversions: 60, entities: 60, details: 0}
    protected: {offer: [9001]}
sources:
  crm: {verify: bearer, token: "${CRM_TOKEN}", event_type: type, delivery_id: id}
  postback: {verify: token, token: "${POSTBACK_TOKEN}", format: integr8-postback}
"""
ONBOARDING = """
schema: 1
id: onboarding
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.email matches "@"]}
then:
  - ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: Ann, active: true}
"""
TOKEN = "a-long-token-for-tests-0123456789"


class WakeUps:
    """Stands where the queue is: remembers what was asked for. What somebody waits for is done at once."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.at_once: dict[str, Callable[[], object]] = {}

    def wake(self, name: str, **_ids: Any) -> bool:
        assert name in QUEUES, "there is no such task"
        self.names.append(name)
        self.at_once.get(name, lambda: None)()
        return True

    def send(self, wanted: WakeUp) -> bool:
        return self.wake(wanted.task)


class Watched(httpx.BaseTransport):
    """The way to the simulator, on which a test does something after a request was answered."""

    def __init__(self, inner: httpx.BaseTransport, network: "Network") -> None:
        self._inner = inner
        self._network = network

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._inner.handle_request(request)
        self._network.after_request(request, answer.status_code)
        return answer


class Network:
    """What a test holds in its hands."""

    def __init__(
        self, home: Path, database_url: str, now: datetime, monkeypatch: pytest.MonkeyPatch, *, yaml: str = YAML
    ) -> None:
        self.now = now
        self.clock = Clock(source=lambda: self.now)
        self.world = World(seed=7, clock=self.clock)
        self.home = home
        (home / "rules").mkdir(parents=True)
        (home / "tables").mkdir()
        (home / "bridge.yaml").write_text(yaml)
        self.variables = {
            "DATABASE_URL": database_url,
            "INTEGR8_API_KEY": self.world.api_key,
            "INTEGR8_INTEGRATION_ID": self.world.integration,
            "CRM_TOKEN": TOKEN,
            "POSTBACK_TOKEN": TOKEN,
            "BRIDGE_SECRET_KEY": "a long key for tests",
        }
        for name, value in self.variables.items():
            monkeypatch.setenv(name, value)
        self.after_request: Callable[[httpx.Request, int], object] = lambda _request, _status: None
        self.wake_ups = WakeUps()
        self.wake_ups.at_once[questions.TASK] = lambda: questions.answer_next(self.services, self.now)
        self._start()

    def _start(self) -> None:
        simulator = Watched(simulator_transport(self.world, strict=True), self)
        self.services = Services(
            settings.load(self.home), transport=simulator, clock=lambda: self.now,
            sleep=lambda _seconds: None, queue=self.wake_ups, store=Store(make_engine(self.variables["DATABASE_URL"])),
        )  # fmt: skip
        self.writer = GroupCommitWriter(self.services.store)
        self.writer.start()
        app = Flask("webhooks")
        self.endpoint = WebhookEndpoint(self.services.sources, self.writer, self.wake_ups, clock=lambda: self.now)
        app.register_blueprint(blueprint(self.endpoint))
        self.webhooks = app.test_client()

    def begin_anew(self) -> None:
        """Every process ends, and others go on with what is in the database."""
        self.close()
        with pytest.MonkeyPatch.context() as patch:  # a test that did not make this network has another environment
            for name, value in self.variables.items():
                patch.setenv(name, value)
            self._start()

    def close(self) -> None:
        self.writer.stop()
        self.services.close()

    # --- what people do ---

    def rule(self, text: str, name: str = "rule.yaml") -> None:
        (self.home / "rules" / name).write_text(text)
        reading, _ = rulebook.publish(self.services.store, self.services.settings, now=self.now)
        assert not reading.errors, [str(problem) for problem in reading.errors]

    def crm(self, body: dict[str, Any]) -> Any:
        headers = {"authorization": f"Bearer {TOKEN}", "content-type": "application/json"}
        return self.webhooks.post("/hooks/crm", data=json.dumps(body), headers=headers)

    def postback(self, **query: str) -> Any:
        return self.webhooks.get(f"/hooks/postback/{TOKEN}", query_string=query)

    def pass_time(self, **much: float) -> None:
        self.now += timedelta(**much)

    def pass_time_ticking(self, **much: float) -> None:
        """Time passes as it does while beat is there."""
        until = self.now + timedelta(**much)
        while self.now < until:
            self.now = min(self.now + timedelta(seconds=30), until)
            maintenance.tick(self.services, self.now)

    # --- what the processes do ---

    def work(self) -> None:
        """Everything that is due now, until nothing is."""
        maintenance.tick(self.services, self.now)
        while feeds.read_due(self.services, self.now):
            pass
        while decide.process_events(self.services, self.now).events:
            pass
        while decide.run_due_rules(self.services, self.now):
            pass
        while perform_effects(self.services, self.now):
            pass
        while backtest_jobs.run_next(self.services, self.now):
            pass

    # --- what one can see ---

    def all(self, model: Any) -> list[Any]:
        with self.services.store.read() as session:
            return list(session.scalars(select(model).order_by(model.id)))

    def active(self, offer: Any) -> bool:
        return bool(self.world.directory.offers.get(offer.key).view()["active"])

    @property
    def paused(self) -> list[str]:
        return sorted(one.view()["name"] for one in self.world.directory.offers.living() if not one.view()["active"])

    def calls(self, operation: str) -> int:
        return len(self.world.log.find(operation=operation))


@pytest.fixture
def network(tmp_path, sqlite_url, now, monkeypatch):
    made = Network(tmp_path / "home", sqlite_url, now, monkeypatch)
    yield made
    made.close()


@pytest.fixture
def on_either_database(tmp_path, database_url, now, monkeypatch):
    """The same on SQLite and on PostgreSQL."""
    made = Network(tmp_path / "home", database_url, now, monkeypatch)
    yield made
    made.close()
