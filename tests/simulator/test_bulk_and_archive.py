"""Many at once, and what deleting means."""

import pytest

COLLECTIONS = ["offers", "publishers", "advertisers"]


@pytest.fixture
def place(world):
    return lambda resource: (
        f"/api/v2/integrations/{world.integration}/offers" if resource == "offers" else f"/api/v2/{resource}"
    )


@pytest.fixture
def three(world):
    def make(resource):
        return [getattr(world, resource.removesuffix("s"))(f"{resource} {number}") for number in range(3)]

    return make


@pytest.mark.parametrize("resource", COLLECTIONS)
def test_bulk_status_switches_all(api, place, three, resource):
    entities = three(resource)
    answer = api.put(f"{place(resource)}/bulk", json={"active": False, "data": [each.key for each in entities]})
    assert (answer.json(), [each.fields["active"] for each in entities]) == ({}, [False] * 3)


@pytest.mark.parametrize("resource", COLLECTIONS)
def test_bulk_delete_archives_all(api, place, three, resource):
    entities = three(resource)
    api.request("DELETE", f"{place(resource)}/bulk", json={"data": [each.key for each in entities[:2]]})
    assert [each.archived for each in entities] == [True, True, False]


@pytest.mark.parametrize("verb", ["PUT", "POST", "PATCH"])
def test_a_lenient_simulator_takes_every_verb_for_bulk_status(api, world, offers, verb):
    offer = world.offer("Shoes")
    api.request(verb, f"{offers}/bulk", json={"active": False, "data": [offer.key]})
    assert world.paused == [offer.key]


@pytest.mark.parametrize("verb", ["POST", "PATCH", "GET"])
def test_a_strict_simulator_takes_only_the_canonical_verb(strict_api, offers, verb):
    answer = strict_api.request(verb, f"{offers}/bulk", json={"active": False, "data": ["x"]})
    assert answer.status_code == 405


def test_an_alternate_address_is_answered_and_remarked(api, world):
    world.offer("Shoes")
    answer = api.get(f"/api/v2/{world.integration}/offers")
    assert (answer.status_code, world.log.entries[-1].remarks) == (200, ["reached by an alternate route"])


@pytest.mark.parametrize(
    "body", [{}, {"data": ["x"]}, {"active": False}, {"active": False, "data": []}, {"active": False, "data": [5]}]
)
def test_a_bulk_call_without_meaning_is_refused(api, offers, body):
    assert api.put(f"{offers}/bulk", json=body).status_code == 400


def test_unknown_ids_of_a_bulk_call_are_passed_over_in_silence(api, world, offers):
    offer = world.offer("Shoes")
    answer = api.put(f"{offers}/bulk", json={"active": False, "data": ["nothing", offer.key]})
    assert (answer.json(), world.paused) == ({}, [offer.key])


def test_or_they_fail_the_whole_call_when_it_is_set_so(api, world, offers):
    world.configure({"bulk_unknown": "refuse"})
    offer = world.offer("Shoes")
    answer = api.put(f"{offers}/bulk", json={"active": False, "data": [offer.key, "nothing"]})
    assert (answer.status_code, world.paused) == (404, [])


def test_a_deleted_offer_is_gone_for_the_api(api, world, offers):
    offer = world.offer("Shoes")
    deleted = api.delete(f"{offers}/{offer.key}")
    again = api.get(f"{offers}/{offer.key}")
    assert (deleted.status_code, deleted.content, again.status_code) == (204, b"", 404)


def test_deleting_twice_is_not_found(api, world, offers):
    offer = world.offer("Shoes")
    assert [api.delete(f"{offers}/{offer.key}").status_code for _ in range(2)] == [204, 404]


def test_an_archived_offer_keeps_its_rows(world, report):
    offer = world.offer("Shoes", clicks=5)
    world.directory.archive(offer)
    assert len(report("click")["data"]) == 5


def test_a_person_can_restore_what_was_archived(api, world, offers):
    offer = world.offer("Shoes")
    api.delete(f"{offers}/{offer.key}")
    api.post(f"/_sim/entities/offers/{offer.key}/restore")
    assert api.get(f"{offers}/{offer.key}").status_code == 200


def test_each_write_is_journalled_with_its_request(api, world, offers):
    offer = world.offer("Shoes")
    for _ in range(2):
        api.put(f"{offers}/bulk", json={"active": False, "data": [offer.key]})
    summary = api.get("/_sim/writes").json()
    assert (summary["by_entity"], list(summary["repeated"].values()), list(summary["without_effect"].values())) == (
        {f"offer/{offer.key}": {"status": 2}},
        [2],
        [1],
    )


def test_two_equal_creates_are_seen_as_repeated(api):
    for _ in range(2):
        api.post("/api/v2/publishers", json={"name": "Acme"})
    assert list(api.get("/_sim/writes").json()["repeated"].values()) == [2]
