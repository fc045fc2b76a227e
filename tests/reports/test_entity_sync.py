"""The mirror shows what Integr8 has, and who changed it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bridge.reports.entity_sync import SyncResult, sync_all
from bridge.reports.listings import ClientListings
from bridge.simulator.world import World
from bridge.store import entities
from bridge.store.engine import Store
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
        run = Run(rule_id="r", revision="h", mode="live", cause="slot", cause_key="k", due_at=now, started_at=now)
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
