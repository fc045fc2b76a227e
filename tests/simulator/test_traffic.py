"""The traffic model: repeatable, different per offer and publisher, late, and sometimes broken."""

from datetime import timedelta

import pytest

from bridge.simulator import Clock, World
from bridge.simulator.scenarios import play
from bridge.simulator.traffic_model import DAY, HOUR, Incident, Profile


def rows(world):
    return [(row.real_tx_id, row.offer, row.status) for row in (*world.clicks.rows, *world.conversions.rows)]


@pytest.fixture
def pair(world):
    """One offer that always converts, one publisher."""
    offer, publisher = world.offer("Shoes"), world.publisher("Acme")
    world.live.model.offers[offer.number] = Profile(cr=1.0)
    world.live.model.publishers[publisher.number] = Profile()
    return offer, publisher


def test_the_same_seed_gives_the_same_history(now):
    worlds = [World(seed=5, clock=Clock(at=now)) for _ in range(2)]
    for each in worlds:
        play(each, "network", {"days": 2, "clicks_per_day": 300})
    assert rows(worlds[0]) == rows(worlds[1])


def test_another_seed_gives_another_history(now):
    worlds = [World(seed=seed, clock=Clock(at=now)) for seed in (5, 6)]
    for each in worlds:
        play(each, "network", {"days": 1, "clicks_per_day": 300})
    assert rows(worlds[0]) != rows(worlds[1])


def test_a_history_has_about_the_clicks_that_were_asked_for(world, pair):
    world.live.model.habits = world.live.model.habits.changed({"clicks_per_day": 1000})
    assert 2700 < world.history(3) < 3300


def test_offers_convert_at_their_own_rates(world):
    good, poor = world.offer("Good"), world.offer("Poor")
    world.publisher("Acme")
    world.live.model.offers.update({good.number: Profile(cr=0.2), poor.number: Profile(cr=0.01)})
    world.history(3)
    counts = [sum(row.offer == each.number for row in world.conversions.rows) for each in (good, poor)]
    assert counts[0] > 5 * counts[1] > 0


def test_conversions_come_after_their_clicks(world, pair):
    world.history(1)
    assert all(row.at > row.clicked_at for row in world.conversions.rows)


def test_an_hour_of_broken_tracking_loses_conversions_and_no_clicks(world, pair):
    now = world.now_ms()
    hole = Incident("broken", now - 5 * HOUR, now - 4 * HOUR)
    world.live.model.incidents.append(hole)
    world.history(1)
    inside = [sum(hole.covers(row.at) for row in table.rows) for table in (world.clicks, world.conversions)]
    assert inside[0] > 0
    assert inside[1] == 0


def test_a_burst_of_fraud_is_many_clicks_of_one_publisher(world, pair):
    now, (_, publisher) = world.now_ms(), pair
    burst = Incident("fraud", now - 5 * HOUR, now - 3 * HOUR, publisher=publisher.number, factor=20)
    world.live.model.incidents.append(burst)
    world.history(1)
    fraud = sum(row.sub_id == "burst" for row in world.clicks.rows)
    assert fraud > len(world.clicks) / 2


def test_live_traffic_follows_the_clock(world, pair, clock):
    world.live.go_live(world.now_ms())
    counts = []
    for _ in range(3):
        clock.advance(timedelta(hours=2))
        world.catch_up()
        counts.append(len(world.clicks))
    assert 0 < counts[0] < counts[1] < counts[2]


def test_a_paused_offer_gets_no_live_traffic(world, pair, clock):
    offer, _ = pair
    world.live.go_live(world.now_ms())
    clock.advance(timedelta(hours=1))
    world.catch_up()
    world.directory.update(offer, {"active": False})
    before = len(world.clicks)
    clock.advance(timedelta(hours=3))
    world.catch_up()
    assert (len(world.clicks), world.tracker.sent_to_fallback > 0) == (before, True)


def test_some_approved_conversions_are_rejected_days_later(world, pair, clock):
    world.live.model.habits = world.live.model.habits.changed({"late_rejections": 0.5})
    world.history(0.5)
    before = sum(row.status == "Rejected" for row in world.conversions.rows)
    clock.advance(timedelta(days=4))
    world.catch_up()
    assert sum(row.status == "Rejected" for row in world.conversions.rows) > before


def test_pending_conversions_are_settled_in_the_end(world, clock):
    offer, _ = world.offer("Shoes", manually_approve_conversions=True), world.publisher("Acme")
    world.live.model.offers[offer.number] = Profile(cr=1.0)
    world.history(0.5)
    waiting = sum(row.status == "Pending" for row in world.conversions.rows)
    clock.advance(timedelta(days=4))
    world.catch_up()
    assert waiting > sum(row.status == "Pending" for row in world.conversions.rows) == 0


def test_days_have_quiet_nights(world, pair):
    world.history(4)
    of_hour = [row.at % DAY // HOUR for row in world.clicks.rows]
    assert of_hour.count(20) > 3 * of_hour.count(3)


def test_the_collapse_scenario_keeps_its_numbers(world, report):
    made = play(world, "collapse", {"good": 2, "bad": 3, "clicks": 60, "good_cr": 0.1})
    assert (made["click_rows"], made["conversion_rows"]) == (300, 12)
    assert {int(row["offer_id"]) for row in report()["data"]} == set(made["good_numbers"])


@pytest.mark.parametrize("requested", [{"nothing": 1}, {"bad": -1}, {"bad": "many"}])
def test_a_scenario_refuses_what_it_does_not_know(api, requested):
    assert api.post("/_sim/scenarios/collapse", json=requested).status_code == 400


def test_impressions_are_counted_where_they_are_wanted(world, pair):
    world.live.model.habits = world.live.model.habits.changed({"impressions": 2.5})
    world.history(0.5)
    assert 2.2 < len(world.tracker.impressions) / len(world.clicks) < 2.8
