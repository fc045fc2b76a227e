"""What else can be done to the world from outside."""

from datetime import timedelta

import pytest


def test_the_index_lists_every_route(api):
    index = api.get("/_sim/").json()
    assert {"GET /_sim/requests", "POST /_sim/faults", "GET /_sim/state"} <= set(index)


def test_the_clock_can_be_moved(api, clock, now):
    api.post("/_sim/clock", json={"advance": 3600})
    assert clock.now() == now + timedelta(hours=1)


def test_the_clock_can_be_set(api):
    answer = api.post("/_sim/clock", json={"now": "2026-05-01T00:00:00Z"})
    assert answer.json() == {"now": "2026-05-01T00:00:00+00:00", "frozen": True}


def test_a_change_by_hand_is_a_persons(api, world):
    offer = world.offer("Shoes")
    api.patch(f"/_sim/entities/offers/{offer.number}", json={"active": False})
    assert (world.paused, world.directory.writes.journal[-1].by) == ([offer.key], "person")


def test_an_offer_can_be_made_with_a_chosen_id(api, offers):
    api.post("/_sim/entities/offers", json={"id": "o1", "name": "Shoes"})
    assert api.get(f"{offers}/o1").json()["data"]["name"] == "Shoes"


def test_an_event_is_made_under_its_offer(api, world, offers):
    offer = world.offer("Shoes")
    api.post("/_sim/entities/offer_events", json={"offer": offer.key, "name": "Lead"})
    assert api.get(f"{offers}/{offer.key}/events").json()["meta"]["total_count"] == 1


def test_clicks_and_conversions_are_injected_over_a_stretch(api, world, report):
    offer = world.offer("Shoes")
    api.post("/_sim/clicks", json={"offer": offer.key, "count": 20, "conversions": 4, "within": 3600})
    assert (len(report("click")["data"]), len(report()["data"])) == (20, 4)


def test_injected_clicks_respect_a_pause(api, world):
    offer = world.offer("Shoes", active=False)
    world.publisher("Acme")
    assert api.post("/_sim/clicks", json={"offer": offer.key, "count": 3}).json()["sent_to_fallback"] == 3


def test_a_conversion_is_injected_on_a_click(api, world):
    world.offer("Shoes")
    click = api.post("/_sim/click", json={}).json()
    row = api.post("/_sim/conversions", json={"transaction_id": click["transaction_id"], "payout": 4}).json()
    assert (row["transaction_id"], world.conversions.rows[0].payout) == (click["transaction_id"], 4)


def test_settings_are_turned_while_it_runs(api, world):
    api.patch("/_sim/settings", json={"create_status": 201})
    assert api.post("/api/v2/publishers", json={"name": "x"}).status_code == 201


@pytest.mark.parametrize(
    "requested", [{"nothing": 1}, {"rate_per_second": "5"}, {"error_shape": "xml"}, {"strict": True}]
)
def test_a_setting_that_does_not_exist_is_refused(api, requested):
    assert api.patch("/_sim/settings", json=requested).status_code == 400


def test_the_state_shows_archived_entities_too(api, world):
    world.directory.archive(world.offer("Shoes"))
    assert [offer["archived"] for offer in api.get("/_sim/state").json()["offers"]] == [True]


def test_one_part_of_the_state_can_be_asked_for(api, world):
    world.offer("Shoes", active=False)
    assert api.get("/_sim/state", params={"only": "paused"}).json() == {"paused": world.paused}
    assert len(world.paused) == 1


def test_a_part_that_there_is_not_is_refused_with_those_there_are(api):
    answer = api.get("/_sim/state", params={"only": "offer"})
    assert (answer.status_code, "offers" in answer.text) == (400, True)


def test_the_traffic_model_can_be_shaped_and_started(api, world, clock):
    offer, _ = world.offer("Shoes"), world.publisher("Acme")
    shape = {"clicks_per_day": 5000, "offers": {offer.key: {"cr": 0.5}}, "live": True}
    told = api.patch("/_sim/traffic", json=shape).json()
    api.post("/_sim/clock", json={"advance": 7200})
    assert (told["offers"][str(offer.number)]["cr"], len(world.conversions) > 50) == (0.5, True)


def test_an_incident_is_announced(api, world):
    publisher = world.publisher("Acme")
    answer = api.post("/_sim/incidents", json={"kind": "fraud", "publisher": publisher.key})
    assert (answer.status_code, len(world.live.model.incidents)) == (200, 1)


def test_keys_come_and_go(api):
    api.post("/_sim/keys", json={"name": "second", "key": "k2", "permissions": {"offers": "Read"}})
    headers = {"API-KEY": "k2"}
    before = api.get("/api/v2/publishers", headers=headers).status_code
    api.delete("/_sim/keys/k2")
    assert (before, api.get("/api/v2/publishers", headers=headers).status_code) == (200, 401)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("clock", {"advance": "soon"}),
        ("clock", {"advance": 1e30}),
        ("clock", {"now": "2026-01-01T00:00:00"}),
        ("clock", {"now": "9999-01-01T00:00:00Z"}),
        ("incidents", {"kind": []}),
        ("postbacks", {"url": "http://crm.test/", "headers": []}),
        ("postbacks", {"url": "ftp://crm.test/"}),
        ("entities/offers", {"id": 5}),
        ("keys", {"name": "x", "key": "k", "permissions": {"offers": "All"}}),
        ("faults", {"kind": "drop", "seed": {}}),
    ],
)
def test_nonsense_is_refused_in_words(api, path, body):
    answer = api.post(f"/_sim/{path}", json=body)
    assert (answer.status_code, "error" in answer.json()) == (400, True)
