"""The console and the API of one network, as people and programs meet them."""

import pytest
from console_users import PASSWORD, Browser, new_app

from bridge.store import audit_log
from bridge.store.roles import Role
from bridge.web.access import make, users
from bridge.web.access.users import Actor


@pytest.fixture
def app(network):
    return new_app(network.services)


@pytest.fixture
def user(network):
    """Makes a user who has chosen a password already; returns the id."""

    def new(name, role=Role.OPERATOR, password=PASSWORD):
        made = users.add(
            network.services, name=name, role=role, password=password, actor=Actor("test"), now=network.now
        )
        return made.user_id

    return new


@pytest.fixture
def browser(app, user):
    """Somebody who is signed in by name and password."""

    def new(name, role=Role.OPERATOR):
        user(name, role)
        made = Browser(app)
        assert made.sign_in(name).status_code == 303
        return made

    return new


@pytest.fixture
def token(network):
    def new(name="ci", role=Role.ADMIN):
        with network.services.store.write() as session:
            return make(session, name=name, role=role, who="test", now=network.now)

    return new


@pytest.fixture
def audit(network):
    """Who did what, newest first."""

    def read(**only):
        with network.services.store.read() as session:
            return [(one.who, one.what, one.about) for one in audit_log.entries(session, **only)]

    return read
