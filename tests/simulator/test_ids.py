"""String keys and small numbers name the same thing, wherever an id may stand."""

import pytest

from bridge.simulator.ids import Ids, floor, is_ulid


def test_an_offer_is_found_by_either_id(world, api, offers):
    offer = world.offer("Shoes")
    by_key = api.get(f"{offers}/{offer.key}").json()
    by_number = api.get(f"{offers}/{offer.number}").json()
    assert by_key == by_number


def test_a_bulk_call_takes_both_ids_side_by_side(world, api, offers):
    first, second = world.offer("A"), world.offer("B")
    api.put(f"{offers}/bulk", json={"active": False, "data": [first.key, str(second.number)]})
    assert world.paused == [first.key, second.key]


@pytest.mark.parametrize("kind", ["key", "number"])
def test_reports_are_filtered_by_either_id(world, report, kind):
    wanted = world.offer("A", clicks=3, conversions=1)
    world.offer("B", clicks=3, conversions=1)
    rows = report("click", **{"filter[offer_id]": str(getattr(wanted, kind))})["data"]
    assert {row["offer"] for row in rows} == {"A"}


def test_an_offer_number_finds_no_publisher(world, api):
    offer = world.offer("Shoes")
    assert api.get(f"/api/v2/publishers/{offer.number}").status_code == 404


def test_the_same_seed_gives_the_same_ids():
    one, other = Ids(3), Ids(3)
    assert [one.key(), one.ulid(5)] == [other.key(), other.ulid(5)]


def test_transaction_ids_sort_by_the_millisecond_that_they_carry():
    ids = Ids(1)
    early, late = ids.ulid(1_700_000_000_000), ids.ulid(1_700_000_000_001)
    assert early < floor(1_700_000_000_001) <= late


def test_the_known_transaction_id_of_a_sibling_product_starts_where_its_time_says():
    # facts, section 3.1: decodes to 2024-04-16T23:34:19.225Z
    assert floor(1_713_310_459_225)[:10] == "01HVMM5SAS"


@pytest.mark.parametrize("text", ["", "short", "8" + "0" * 25, "01HVMM5SAS879C0AQZ295VEVNI"])
def test_what_is_no_transaction_id_is_told_apart(text):
    assert not is_ulid(text)
