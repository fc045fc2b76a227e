"""A console that has seen some life, and an operator in front of it.

A test that only reads takes `reader`, which all tests of a process share; one that does something takes `page`, which
has a network of its own and therefore costs seconds.
"""

from datetime import UTC, datetime

import pytest
from chromium import chromium
from console_browser import LONG, live_in, operator_token, signed_in
from console_users import new_app
from local_server import served
from network import Network

from bridge.operations.channel_entry import add_channel
from bridge.store import notifications
from bridge.store.notifications import Notice

__all__ = ["chromium"]


@pytest.fixture
def address(network):
    """A console that has seen some life, behind a real server."""
    live_in(network)
    with served(new_app(network.services)) as found:
        yield found


@pytest.fixture
def page(chromium, address, network):
    with signed_in(chromium, address, operator_token(network)) as (found, complaints):
        yield found
    assert complaints == []


@pytest.fixture(scope="package")
def settled(tmp_path_factory, sqlite_template):
    """A network in which everything that a page can show is there; nobody changes it any more."""
    place = tmp_path_factory.mktemp("settled")
    (place / "bridge.db").write_bytes(sqlite_template.read_bytes())
    home = place / "home"
    with pytest.MonkeyPatch.context() as patch:
        network = Network(home, f"sqlite:///{place / 'bridge.db'}", datetime.now(UTC), patch)
    # It outlives its test: in the environment its variables would reach whatever others start meanwhile.
    (home / ".env").write_text("".join(f"{name}={value}\n" for name, value in network.variables.items()))
    live_in(network, LONG)
    add_channel(network.services, "ops", "webhook", "https://127.0.0.1:9/hook", who="test", now=network.now)
    with network.services.store.write() as session:
        session.add(Notice(**notifications.EMPTY | {
            "channel": "ops", "topic": "message", "dedupe_key": "1", "text": "hello", "created_at": network.now,
            "due_at": network.now, "state": "sent",
        }))  # fmt: skip
    yield network
    network.close()


@pytest.fixture(scope="package")
def _shared(chromium, settled):
    with (
        served(new_app(settled.services)) as address,
        signed_in(chromium, address, operator_token(settled)) as found,
    ):
        yield found


@pytest.fixture
def reader(_shared):
    """A page for tests that change nothing."""
    found, complaints = _shared
    complaints.clear()
    found.set_viewport_size({"width": 1180, "height": 820})
    found.emulate_media(color_scheme="light")
    yield found
    assert complaints == []
