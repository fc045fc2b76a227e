"""Where entities stand in the list that Integr8 gives, as far as we know."""

import pytest
from sqlalchemy import update

from bridge.store.entities import Entity
from bridge.store.list_order import MAX_AGE_SECONDS, ListOrder


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


class Clock:
    seconds = 1_000.0

    def __call__(self):
        return self.seconds


def places(store, order, *ids):
    with store.read() as session:
        return order.positions(session, "main", "default", "offer", ids)


def count(store, order):
    with store.read() as session:
        return order.count(session, "main", "default", "offer")


def test_places_count_the_living_of_one_kind_and_account(store, seen):
    seen("z")
    seen("p", kind="publisher")
    seen("other", account="second")
    seen("old", gone=True)
    seen("a")
    seen("m")
    order = ListOrder()
    assert places(store, order, "m", "a", "z") == {"z": 0, "a": 1, "m": 2}
    assert count(store, order) == 3


def test_what_is_gone_or_was_never_seen_has_no_place(store, seen):
    seen("old", gone=True)
    seen("p", kind="publisher")
    assert places(store, ListOrder(), "old", "p", "nobody") == {}


def test_who_came_after_the_last_reading_has_a_place_at_once(store, seen):
    order = ListOrder()
    assert count(store, order) == 0
    seen("a")
    assert count(store, order) == 1
    seen("b")
    assert count(store, order) == 1, "read a moment ago, and near enough to choose a way to read"
    assert places(store, order, "b", "a") == {"a": 0, "b": 1}
    assert count(store, order) == 2


def test_who_is_gone_makes_room_after_a_while(store, seen, now):
    clock = Clock()
    order = ListOrder(clock)
    for name in "abc":
        seen(name)
    assert places(store, order, "c") == {"c": 2}
    with store.write() as session:
        session.execute(update(Entity).where(Entity.ref == "a").values(gone_at=now))
    assert places(store, order, "a", "c") == {"c": 2}
    clock.seconds += MAX_AGE_SECONDS + 1
    assert places(store, order, "c") == {"c": 1}
