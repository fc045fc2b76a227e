"""Where the disk has little room, reports wait; what must be answered, decided and carried out does not."""

from types import SimpleNamespace

import pytest

from bridge.store import failing_items, free_space
from bridge.store.journal import Event
from bridge.store.observations import Chunk


@pytest.fixture
def told(network):
    """What is told as failing."""

    def sentences() -> list[str]:
        with network.services.store.read() as session:
            return [one.sentence for one in failing_items.failing(session)]

    return sentences


def test_reports_wait_for_room_and_events_do_not(network, told, monkeypatch):
    network.world.offer("Some", clicks=40, conversions=2)
    with monkeypatch.context() as full:
        full.setattr(free_space, "room", lambda _store: 123_000_000)
        network.work()
        assert network.crm({"id": 1, "type": "deal"}).status_code == 202
        network.work()
    assert network.all(Chunk) == []
    assert [str(event.state) for event in network.all(Event)] == ["done"]
    assert any("123 MB are left" in sentence for sentence in told())
    network.pass_time(minutes=2)
    network.work()
    assert sum(chunk.count for chunk in network.all(Chunk)) == 42
    assert not any("MB are left" in sentence for sentence in told())


def test_the_room_is_that_of_the_disk_where_the_file_lies(sqlite_store, monkeypatch):
    monkeypatch.setattr(free_space.shutil, "disk_usage", lambda _place: SimpleNamespace(free=7))
    assert free_space.room(sqlite_store) == 7
