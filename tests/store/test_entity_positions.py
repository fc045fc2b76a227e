"""Where entities stand in the list that Integr8 gives, as far as we know."""

import pytest

from bridge.store import entities
from bridge.store.entities import Entity


@pytest.fixture
def seen(store, now):
    def see(ref: str, kind: str = "offer", account: str = "main", gone: bool = False) -> None:
        with store.write() as session:
            session.add(
                Entity(
                    account=account, integration="default", kind=kind, ref=ref, active=True, fields={},
                    first_seen=now, last_seen=now, changed_at=now, gone_at=now if gone else None,
                )
            )  # fmt: skip

    return see


def places(store, *ids):
    with store.read() as session:
        return entities.list_positions(session, "main", "default", "offer", ids)


def test_places_count_the_living_of_one_kind_and_account(store, seen):
    seen("z")
    seen("p", kind="publisher")
    seen("other", account="second")
    seen("old", gone=True)
    seen("a")
    seen("m")
    assert places(store, "m", "a", "z") == {"z": 0, "a": 1, "m": 2}


def test_what_is_gone_or_was_never_seen_has_no_place(store, seen):
    seen("old", gone=True)
    seen("p", kind="publisher")
    assert places(store, "old", "p", "nobody") == {}
