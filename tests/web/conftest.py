"""The API of a whole network, and tokens for it."""

import pytest
from api_client import api_of

from bridge.web.access import make


@pytest.fixture
def app(network):
    return api_of(network.services)


@pytest.fixture
def token(network):
    def new(role, **more):
        with network.services.store.write() as session:
            return make(session, name=str(role), role=role, who="test", now=network.now, **more)

    return new
