"""The budget of Integr8 where people and programs look: the console, the API, a scrape."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask

from bridge.integr8.request_observer import ObservedRequest
from bridge.store.exports import Starts
from bridge.store.roles import Role
from bridge.web import access, api, console, health, problems
from bridge.web.access import make


@pytest.fixture
def client(network):
    network.now = datetime.now(UTC)
    app = Flask("watching")
    access.register(app, network.services)
    app.register_blueprint(health.blueprint(network.services))
    api.register(app, network.services)
    console.register(app, network.services)
    problems.register(app)
    with network.services.store.write() as session:
        token = make(session, name="ann", role=Role.VIEWER, who="test", now=network.now)
    found = app.test_client()
    found.post("/login", data={"token": token})
    found.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return found


@pytest.fixture
def busy(network, client):
    """An hour with eight requests that went well, two that did not, and three exports."""
    tell = network.services.meter.of("main")
    for outcome in ["ok"] * 8 + ["throttled", "refused"]:
        tell(ObservedRequest("offers.set_status", outcome, 0.02, 0.1))
    network.services.meter.write()
    starts = Starts(network.services.store, "main")
    for _ in range(3):
        starts.reserve(network.now, limit=10, span=timedelta(days=1))
    return client


def page(client, path):
    return client.get(path).get_data(as_text=True)


def test_the_page_integr8_says_how_many_exports_are_left(busy):
    assert "7 of 10" in page(busy, "/integr8")


def test_the_page_integr8_shows_errors_by_operation_and_kind(busy):
    assert "1 refused, 1 throttled" in page(busy, "/integr8")


def test_the_page_integr8_shows_how_quick_each_operation_is(busy):
    assert "100 ms, the slowest 100 ms" in page(busy, "/integr8")


def test_each_chart_is_there_as_a_table_too(busy):
    text = page(busy, "/integr8")
    assert "The same as a table" in text
    assert "less than 1%" in text


def test_programs_read_the_same(busy):
    found = busy.get("/api/v1/usage").get_json()["data"]
    assert (found["hours"][-1]["requests"], found["hours"][-1]["failed"]) == (10, 2)
    assert found["exports"][0]["left"] == 7


def test_a_scrape_says_how_many_exports_are_left_and_what_is_allowed(busy):
    text = page(busy, "/metrics")
    assert 'bridge_exports_left{account="main"} 7.0' in text
    assert 'bridge_budget_per_second{account="main"} 1000.0' in text


def test_without_a_single_request_the_page_says_so(client):
    assert "Nothing was asked in 24 hours." in page(client, "/integr8")
