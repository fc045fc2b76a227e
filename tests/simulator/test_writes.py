"""Bodies are checked as the reference states them: required fields, types, enums; the field is named."""

import pytest


@pytest.fixture
def advertiser(world):
    return world.advertiser("Acme")


def test_a_create_answers_with_the_id_only(api, world):
    answer = api.post("/api/v2/publishers", json={"name": "Acme Media"})
    found = world.directory.publishers.get(answer.json()["created_item_id"])
    assert (list(answer.json()), found.fields["name"]) == (["created_item_id"], "Acme Media")


def test_an_update_answers_with_an_empty_object_and_keeps_what_was_not_sent(api, world):
    publisher = world.publisher("Acme", email="a@example.com")
    answer = api.patch(f"/api/v2/publishers/{publisher.key}", json={"name": "Acme 2"})
    assert (answer.json(), publisher.fields["email"]) == ({}, "a@example.com")


def test_patching_an_offer_without_its_name_is_refused(api, world, offers):
    offer = world.offer("Shoes")
    answer = api.patch(f"{offers}/{offer.key}", json={"active": False})
    assert (answer.status_code, answer.json()["error"].split(":")[0]) == (400, "name")


@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, "email"),
        ({"email": "a@b.c", "password": "x", "role": "boss"}, "role"),
        ({"email": 5, "password": "x", "role": "admin"}, "email"),
        ({"email": "a@b.c", "password": "x", "role": "admin", "city": None}, "city"),
    ],
)
def test_a_wrong_user_is_refused_and_the_field_is_named(api, body, named):
    answer = api.post("/api/v2/users", json=body)
    assert (answer.status_code, answer.json()["error"].split(":")[0]) == (400, named)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("advertiser_id", "11"),
        ("advertiser_id", True),
        ("active", 1),
        ("active", "true"),
        ("currency", "GBP"),
        ("visibility", "public"),
        ("default_payout", [1]),
        ("default_payout", {"payout": "5"}),
    ],
)
def test_an_offer_with_a_wrong_type_is_refused(api, offers, advertiser, field, value):
    body = {"name": "Shoes", "advertiser_id": advertiser.number, field: value}
    answer = api.post(offers, json=body)
    assert (answer.status_code, answer.json()["error"].startswith(field)) == (400, True)


def test_an_unknown_advertiser_is_a_failed_request_not_a_bad_one(api, offers):
    assert api.post(offers, json={"name": "Shoes", "advertiser_id": 999}).status_code == 402


def test_two_users_cannot_share_a_login(api):
    body = {"email": "a@example.com", "password": "x", "role": "admin"}
    assert [api.post("/api/v2/users", json=body).status_code for _ in range(2)] == [200, 402]


def test_two_publishers_may_look_the_same(api):
    assert [api.post("/api/v2/publishers", json={"name": "Acme"}).status_code for _ in range(2)] == [200, 200]


def test_a_password_is_never_shown(api):
    created = api.post("/api/v2/users", json={"email": "a@example.com", "password": "s3cret", "role": "admin"})
    user = api.get(f"/api/v2/users/{created.json()['created_item_id']}").json()["data"]
    assert "password" not in user


@pytest.mark.parametrize("body", [b"", b"name=Acme", b"[]", b'{"name":'])
def test_a_body_that_is_no_json_object_is_refused(api, body):
    assert api.post("/api/v2/publishers", content=body).status_code == 400


def test_an_unknown_field_is_ignored_and_remarked(api, world):
    api.post("/api/v2/publishers", json={"name": "Acme", "nmae": "x"})
    assert world.log.entries[-1].remarks == ["unknown fields: nmae"]


def test_a_strict_simulator_refuses_an_unknown_field(strict_api):
    assert strict_api.post("/api/v2/publishers", json={"name": "Acme", "nmae": "x"}).status_code == 400


def test_events_and_landing_pages_live_under_their_offer(api, world, offers):
    offer, other = world.offer("A"), world.offer("B")
    event = api.post(f"{offers}/{offer.key}/events", json={"name": "Lead"}).json()["created_item_id"]
    page = {"name": "Main", "redirect_url": "https://example.com"}
    landing = api.post(f"{offers}/{offer.key}/landing-pages", json=page).json()["created_item_id"]
    found = [
        api.get(f"{offers}/{home.key}/{tail}").status_code
        for home in (offer, other)
        for tail in (f"events/{event}", f"landing-pages/{landing}")
    ]
    assert found == [200, 200, 404, 404]


def test_an_unknown_integration_is_not_found(api):
    assert api.get("/api/v2/integrations/nowhere/offers").status_code == 404


@pytest.mark.parametrize(
    ("shape", "key"), [("error", "error"), ("message", "message"), ("errors", "errors"), ("problem", "detail")]
)
def test_the_shape_of_errors_can_be_switched(api, world, shape, key):
    world.configure({"error_shape": shape})
    assert key in api.post("/api/v2/publishers", json={}).json()
