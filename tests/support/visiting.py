"""Visitors of the console: a browser without a window, and a network that has seen some life."""

import re
from datetime import UTC, datetime

import pytest
from flask import Flask

from bridge.store.people import Role
from bridge.web import access, api, console, health, problems
from bridge.web.access import make

RULE = """
schema: 1
id: low-cr
title: Pause what hardly converts
mode: MODE
trigger: {every: 15m}
scope: {per: [offer], where: {offer.active: true}}
data: {window: 24h, need: {clicks: 100}, fresh: 30m}
when: {all: ["cr < 1% @95%"]}
then:
  - pause: offer
    hold: 12h
guards: {at_most: {targets: 50, share: 90%}}
tests:
  - {given: {clicks: 1000, conversions: 1}, expect: yes}
"""


@pytest.fixture
def visited(network):
    """The console as an application."""
    made = Flask("console")
    access.register(made, network.house)
    made.register_blueprint(health.blueprint(network.house))
    api.register(made, network.house)
    console.register(made, network.house)
    problems.register(made)
    return made


@pytest.fixture
def lived_in(network):
    """A network in which a rule has paused an offer, or wants to."""

    def live(mode="live"):
        network.now = datetime.now(UTC)
        network.world.offer("Good", clicks=1000, conversions=50, active=True)
        network.world.offer("Bad", clicks=1000, conversions=1, active=True)
        network.rule(RULE.replace("MODE", mode))
        network.work()
        return network

    return live


class Browser:
    def __init__(self, app):
        self.http = app.test_client()

    def sign_in(self, token):
        return self.http.post("/login", data={"token": token})

    def open(self, path, status=200):
        found = self.http.get(path)
        assert found.status_code == status, found.get_data(as_text=True)[:2000]
        return found.get_data(as_text=True)

    def press(self, page, path, **fields):
        secret = re.search(r'name="form" value="([^"]+)"', self.open(page))[1]
        return self.http.post(path, data={"form": secret, **fields}, follow_redirects=True).get_data(as_text=True)


@pytest.fixture
def browser(visited, network):
    def new(role=Role.OPERATOR):
        with network.house.store.write() as session:
            token = make(session, name=f"a {role}", role=role, who="test", now=datetime.now(UTC))
        made = Browser(visited)
        assert made.sign_in(token).status_code == 303
        return made

    return new
