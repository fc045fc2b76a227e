"""The mirror shows what Integr8 has, and who changed it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.reports import entity_sync
from bridge.reports.entity_sync import SyncRequest, SyncResult, sync_all, sync_kind
from bridge.reports.listings import ClientListings
from bridge.simulator.world import World
from bridge.store import entities
from bridge.store.engine import Base, Store
from bridge.store.entities import Entity, EntityChange
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run


@pytest.fixture
def look(store: Store, client) -> Callable[[datetime], dict[str, SyncResult]]:
    return lambda now: sync_all(store, ClientListings(lambda *_: client), "main", "default", now)


def changes(store: Store) -> list[EntityChange]:
    with store.read() as session:
        return list(session.scalars(select(EntityChange).order_by(EntityChange.id)))


def the_offer(store: Store) -> Entity:
    with store.read() as session:
        return session.scalars(select(Entity).where(Entity.kind == "offer")).one()


def effect(store: Store, offer: Entity, now: datetime, **more: Any) -> None:
    """One of our own effects, as the ledger remembers it."""
    with store.write() as session:
        run = Run(rule_id="r", revision="h", mode="live", cause="slot", cause_key=offer.ref, due_at=now, started_at=now)
        run.outcome = "ready"
        session.add(run)
        session.flush()
        plan = StoredPlan(run_id=run.id, rule_id="r", state=PlanState.DONE, created_at=now)
        values = {
            "rule_id": "r",
            "step": "1",
            "verb": "pause",
            "kind": "offer",
            "target_id": offer.ref,
            "account": "main",
            "integration": "default",
            "subject": "offer=1",
            "wanted": {"active": False},
            "state": EffectState.APPLIED,
            "sent_at": now,
            "ended_at": now,
        }
        plan.effects.append(Effect(**(values | more)))
        session.add(plan)


def test_offers_publishers_and_advertisers_are_listed(look, store, world: World, now):
    world.offer("Alpha", clicks=1)
    look(now)
    with store.read() as session:
        found = {(row.kind, row.name) for row in session.scalars(select(Entity))}
    assert found >= {("offer", "Alpha"), ("publisher", "Publisher"), ("advertiser", "Advertiser")}


def test_events_and_landing_pages_hang_on_their_offer(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    client.landing_pages.create(offer.key, name="Front", redirect_url="https://example.com")
    look(now)
    with store.read() as session:
        page = session.scalars(select(Entity).where(Entity.kind == "landing_page")).one()
    assert (page.parent, page.name) == (offer.key, "Front")


def test_a_second_look_finds_nothing_new(look, store, world: World, now):
    world.offer("Alpha")
    look(now)
    assert look(now + timedelta(minutes=5))["offer"] == SyncResult(listed=1, new=0, changed=0, gone=0)
    assert changes(store) == []


def test_money_that_stays_the_same_is_no_change(look, store, client, world: World, now):
    key = world.offer("Alpha").key
    payout = {"payout": Decimal("8.50"), "payout_type": "CPA", "revenue": Decimal("10.00"), "revenue_type": "RPA"}
    client.offers.update(key, default_payout=payout)
    look(now)
    look(now + timedelta(minutes=5))
    assert changes(store) == []
    client.offers.update(key, default_payout=payout | {"payout": Decimal("9.25")})
    look(now + timedelta(minutes=10))
    (change,) = changes(store)
    assert (change.field, change.before["payout"], change.after["payout"]) == ("default_payout", "8.5", "9.25")


def test_a_pause_by_hand_is_a_persons(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    look(now)
    client.offers.set_status([offer.key], active=False)
    look(now + timedelta(minutes=5))
    change = next(one for one in changes(store) if one.field == "active")
    assert (change.before, change.after, change.cause) == (True, False, "person")


def test_our_own_pause_is_the_rules(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    look(now)
    client.offers.set_status([offer.key], active=False)
    effect(store, the_offer(store), now + timedelta(minutes=2))
    look(now + timedelta(minutes=10))
    change = next(one for one in changes(store) if one.field == "active")
    assert (change.cause, change.rule) == ("rule", "r")


def test_undoing_our_pause_by_hand_is_a_persons(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    look(now)
    client.offers.set_status([offer.key], active=False)
    effect(store, the_offer(store), now + timedelta(minutes=2))
    look(now + timedelta(minutes=10))
    client.offers.set_status([offer.key], active=True)
    look(now + timedelta(minutes=20))
    assert changes(store)[-1].cause == "person"


def test_a_listing_from_before_our_effect_does_not_look_like_its_undoing(look, store, world: World, now):
    world.offer("Alpha")
    look(now)
    with store.write() as session:
        session.scalars(select(Entity).where(Entity.kind == "offer")).one().active = False
    effect(store, the_offer(store), now + timedelta(minutes=5, seconds=1))
    look(now + timedelta(minutes=5))
    assert (changes(store), the_offer(store).active) == ([], False)


def test_after_a_day_without_a_look_nobody_is_blamed(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    look(now)
    client.offers.set_status([offer.key], active=False)
    look(now + timedelta(days=2))
    assert {one.cause for one in changes(store)} == {"unknown"}


def test_an_archived_offer_is_gone(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    world.offer("Beta")
    look(now)
    client.offers.delete(offer.key)
    assert look(now + timedelta(minutes=5))["offer"].gone == 1


class Empty:
    """A listing that lost everything."""

    def listed(self, *_):
        return []

    def exists(self, *_):
        return True


def test_an_empty_listing_does_not_empty_the_mirror(look, store, world: World, now):
    world.offer("Alpha")
    look(now)
    sync_all(store, Empty(), "main", "default", now + timedelta(minutes=5))
    assert the_offer(store).gone_at is None


def test_changes_of_long_ago_are_forgotten_and_the_mirror_stays(look, store, client, world: World, now):
    offer = world.offer("Alpha")
    look(now)
    client.offers.set_status([offer.key], active=False)
    look(now + timedelta(minutes=5))
    with store.write() as session:
        entities.forget_changes(session, now + timedelta(days=1))
    assert (changes(store), the_offer(store).active) == ([], False)


# --- a large network -------------------------------------------------------------------------------


class Network:
    """A listing of many offers."""

    def __init__(self, count: int) -> None:
        self.rows = [{"id": f"o{n}", "incremental_id": n, "name": f"Offer {n}", "active": True} for n in range(count)]

    def listed(self, *_: Any) -> list[dict[str, Any]]:
        return self.rows

    def exists(self, _account: str, _integration: str, _kind: str, ref: str, _parent: str | None) -> bool:
        return any(row["id"] == ref for row in self.rows)


def sync(store: Store, network: Network, now: datetime) -> SyncResult:
    return sync_kind(store, network, SyncRequest(account="main", integration="default", kind="offer", began=now))


@pytest.fixture
def written(store: Store, monkeypatch) -> list[int]:
    """How many rows each transaction has written."""
    sizes: list[int] = []
    write, note_seen, insert_rows = store.write, entities.note_seen, entity_sync.insert_rows

    @contextmanager
    def counted(**how: Any) -> Iterator[Session]:
        sizes.append(0)
        with write(**how) as session:
            yield session
            sizes[-1] += len(session.new) + len(session.dirty)

    def noted(session: Session, numbers: list[int], moment: datetime) -> None:
        sizes[-1] += len(numbers)
        note_seen(session, numbers, moment)

    def inserted(session: Session, model: type[Base], rows: list[dict[str, Any]]) -> None:
        sizes[-1] += len(rows)
        insert_rows(session, model, rows)

    monkeypatch.setattr(store, "write", counted)
    monkeypatch.setattr(entity_sync, "insert_rows", inserted)
    monkeypatch.setattr(entities, "note_seen", noted)
    return sizes


def test_no_transaction_writes_more_than_a_few_of_many(store, written, now):
    network = Network(450)
    assert sync(store, network, now) == SyncResult(listed=450, new=450, changed=0, gone=0)
    assert written == [100, 100, 100, 100, 50]
    for number in range(120):
        network.rows[number] |= {"name": f"Other {number}"}
    del network.rows[400:410]
    written.clear()
    assert sync(store, network, now + timedelta(hours=1)) == SyncResult(listed=440, new=0, changed=120, gone=10)
    assert written == [200, 40, 20, 320]  # an offer and what changed; those that are gone; those seen again


def test_entities_are_kept_in_the_order_of_the_listing(store, now):
    network = Network(250)
    sync(store, network, now)
    network.rows.insert(0, {"id": "first", "incremental_id": 999, "name": "First", "active": True})
    sync(store, network, now + timedelta(hours=1))
    with store.read() as session:
        refs = list(session.scalars(select(Entity.ref).order_by(Entity.id)))
    assert refs == [*(f"o{n}" for n in range(250)), "first"]


def test_what_is_seen_again_is_younger_unless_an_effect_is_under_way(store, now):
    network = Network(3)
    sync(store, network, now)
    with store.read() as session:
        _, busy, numbered = session.scalars(select(Entity).order_by(Entity.id))
    effect(store, busy, now + timedelta(hours=1), state=EffectState.SENT, ended_at=None)
    effect(store, numbered, now + timedelta(hours=1), target_id=numbered.number)
    sync(store, network, now + timedelta(hours=1))
    with store.read() as session:
        seen = list(session.scalars(select(Entity.last_seen).order_by(Entity.id)))
    assert seen == [now + timedelta(hours=1), now, now]


def test_a_sync_that_breaks_off_is_continued_by_the_next(store, now, monkeypatch):
    network = Network(250)
    monkeypatch.setattr(entity_sync.time, "sleep", broken_off)
    with pytest.raises(KeyboardInterrupt):
        sync(store, network, now)
    monkeypatch.undo()
    assert sync(store, network, now + timedelta(hours=1)) == SyncResult(listed=250, new=150, changed=0, gone=0)


def broken_off(_seconds: float) -> None:
    raise KeyboardInterrupt


def test_the_events_of_an_offer_are_compared_with_its_own(store, now):
    """Two offers may name theirs alike; what one no longer has is not gone from the other."""
    one = SyncRequest(account="main", integration="default", kind="offer_event", parent="A", began=now)
    sync_kind(store, Network(2), one)
    other = Network(0)
    other.rows = [{"id": "x", "incremental_id": 7, "name": "X", "active": True}]
    assert sync_kind(store, other, replace(one, parent="B")) == SyncResult(listed=1, new=1, changed=0, gone=0)
    assert sync_kind(store, Network(2), one) == SyncResult(listed=2, new=0, changed=0, gone=0)
