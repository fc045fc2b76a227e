"""A queue on a real, empty server."""

import pytest

from bridge.services.queue import Queue


@pytest.fixture
def queue(redis_url):
    made = Queue(redis_url)
    yield made
    made.close()
