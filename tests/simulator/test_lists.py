"""Numbered pages, filters, sorting."""

import pytest


@pytest.fixture
def crowd(world):
    return [world.publisher(f"P{number:03}", country="DE" if number % 2 else "US") for number in range(120)]


def names(answer):
    return [item["name"] for item in answer.json()["data"]]


def test_meta_counts_what_the_filter_let_through(api, crowd):
    answer = api.get("/api/v2/publishers", params={"filter[country]": "DE", "page[size]": "50"})
    assert answer.json()["meta"] == {"total_count": 60, "total_page": 2}


def test_pages_together_hold_everything_once(api, crowd):
    pages = [api.get("/api/v2/publishers", params={"page[size]": "50", "page[number]": str(n)}) for n in (1, 2, 3)]
    assert [name for page in pages for name in names(page)] == [each.fields["name"] for each in crowd]


def test_beyond_the_last_page_there_is_nothing(api, crowd):
    assert names(api.get("/api/v2/publishers", params={"page[number]": "99"})) == []


@pytest.mark.parametrize(
    "query",
    [
        {"page[size]": "101"},
        {"page[size]": "0"},
        {"page[size]": "ten"},
        {"page[number]": "0"},
        {"page[number]": "-1"},
        {"filter[nothing]": "x"},
        {"filter[name][like]": "x"},
        {"sort": "nothing"},
        {"limit": "5"},
    ],
)
def test_a_query_that_means_nothing_is_refused(api, crowd, query):
    assert api.get("/api/v2/publishers", params=query).status_code == 400


def test_sorting_goes_by_several_fields_and_minus_turns_one_round(api, crowd):
    answer = api.get("/api/v2/publishers", params={"sort": "country,-name", "page[size]": "2"})
    assert names(answer) == ["P119", "P117"]


def test_numbers_are_compared_as_numbers(api, world):
    for number in range(3):
        world.offer(f"O{number}", default_payout={"payout": 9 + number})
    path = f"/api/v2/integrations/{world.integration}/offers"
    answer = api.get(
        path, params={"filter[default_payout.payout][gte]": "10", "filter[default_payout.payout][lte]": "10.5"}
    )
    assert names(answer) == ["O1"]


@pytest.mark.parametrize("query", [{"filter[name]": "P001,P002"}, {"filter[name]": ["P001", "P002"]}])
def test_several_values_mean_any_of_them(api, crowd, query):
    assert names(api.get("/api/v2/publishers", params=query)) == ["P001", "P002"]


def test_booleans_are_filtered_by_their_json_names(api, world):
    world.publisher("On")
    world.publisher("Off", active=False)
    assert names(api.get("/api/v2/publishers", params={"filter[active]": "false"})) == ["Off"]


def test_encoded_brackets_are_understood(api, crowd):
    assert len(names(api.get("/api/v2/publishers?page%5Bsize%5D=3"))) == 3


def test_fields_cuts_the_objects(api, crowd):
    answer = api.get("/api/v2/publishers", params={"fields": "id,name", "page[size]": "1"})
    assert list(answer.json()["data"][0]) == ["id", "name"]


@pytest.mark.parametrize("name", ["Ann", "ANN", "ann"])
def test_what_is_ruled_out_at_a_glance_is_what_the_filter_rules_out(api, world, name):
    for one in ("Ann", "Anna", "Bob"):
        world.publisher(one)
    assert names(api.get("/api/v2/publishers", params={"filter[name]": name})) == ["Ann"]
    assert names(api.get("/api/v2/publishers", params={"filter[name]": name, "sort": "-name"})) == ["Ann"]
    assert api.get("/api/v2/publishers", params={"filter[name]": "nobody"}).json()["meta"]["total_count"] == 0
