"""A network that has seen some life, and somebody with a token who looks at it."""

from datetime import UTC, datetime

import console_users
import pytest
from rule_texts import pause_rule

from bridge.store.roles import Role
from bridge.web.access import make

RULE = pause_rule(
    "MODE",
    title="Pause what hardly converts",
    more="tests:\n  - {given: {clicks: 1000, conversions: 1}, expect: yes}",
)


@pytest.fixture
def visited(network):
    """The console as an application."""
    return console_users.new_app(network.services)


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


class Browser(console_users.Browser):
    """Comes in with a token."""

    def sign_in(self, token):
        return self.http.post("/login", data={"token": token})


def signed_in(network, role=Role.OPERATOR, app=None):
    """The browser of somebody with a token of this role; `app` is the console of the network, made where none is."""
    with network.services.store.write() as session:
        token = make(session, name=f"a {role}", role=role, who="test", now=network.now)
    made = Browser(app or console_users.new_app(network.services))
    assert made.sign_in(token).status_code == 303
    return made


@pytest.fixture
def browser(visited, network):
    return lambda role=Role.OPERATOR: signed_in(network, role, visited)
