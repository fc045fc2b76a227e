"""The download centre: life cycle, files, limits, signed addresses."""

import csv
import io
from datetime import timedelta

import pytest


@pytest.fixture
def start(api, world):
    def ask(kind="conversions", verb="POST", **query):
        asked = {
            "start_time": "2026-01-01 00:00:00",
            "end_time": "2026-12-31 00:00:00",
            "fields": "real_tx_id,offer_id,status",
            "extra_parameters": "",
            **query,
        }
        return api.request(verb, f"/api/v2/download-center/{world.integration}/{kind}", params=asked)

    return ask


@pytest.fixture
def finished(api, start, clock):
    """The export object once it is done."""

    def wait(*args, **query):
        started = start(*args, **query).json()
        clock.advance(timedelta(seconds=5))
        return api.get(f"/api/v2/download-center/exports/{started['id']}").json()["data"]

    return wait


def address(api, export, **query):
    return api.get(
        "/api/v2/download-center/artifact-url", params={"artifact_name": export["artifact"]["name"], **query}
    ).json()["url"]


def test_an_export_starts_pending_and_bare(start):
    assert start().json()["status"] == "PENDING"


def test_its_status_follows_the_clock(api, start, clock):
    key = start().json()["id"]
    seen = []
    for seconds in (0, 0.7, 1):
        clock.advance(timedelta(seconds=seconds))
        seen.append(api.get(f"/api/v2/download-center/exports/{key}").json()["data"]["status"])
    assert seen == ["PENDING", "IN_PROGRESS", "COMPLETED"]


def test_the_file_holds_every_row_in_the_columns_asked_for(api, world, finished):
    world.offer("Shoes", clicks=30, conversions=12)
    export = finished()
    rows = list(csv.reader(io.StringIO(api.get(address(api, export)).text)))
    assert (rows[0], len(rows), export["results_meta"]["total"]) == (["real_tx_id", "offer_id", "status"], 13, 12)


def test_the_delimiter_and_extra_columns_are_taken(api, world, finished):
    world.offer("Shoes", clicks=1)
    export = finished("clicks", delimiter=";", fields="offer_id", extra_parameters="keyword_x")
    assert api.get(address(api, export)).text.splitlines() == ["offer_id;keyword_x", "1001;"]


def test_filters_narrow_an_export(api, world, finished):
    world.offer("A", clicks=3)
    world.offer("B", clicks=4)
    assert finished("clicks", **{"filter[offer_id]": "1002"})["results_meta"]["total"] == 4


def test_the_postback_log_can_be_exported(api, world, finished, clock):
    world.postback_log.add(world.now_ms(), dict.fromkeys(("offer_id", "response_code"), "7"))
    export = finished("postback-logs", fields="offer_id,response_code", extra_parameters="")
    assert api.get(address(api, export)).text.splitlines() == ["offer_id,response_code", "7,7"]


@pytest.mark.parametrize("missing", ["start_time", "end_time", "fields", "extra_parameters"])
def test_each_required_parameter_is_required(api, world, missing):
    asked = {
        "start_time": "2026-01-01 00:00:00",
        "end_time": "2026-12-31 00:00:00",
        "fields": "status",
        "extra_parameters": "",
    }
    del asked[missing]
    answer = api.post(f"/api/v2/download-center/{world.integration}/clicks", params=asked)
    assert (answer.status_code, missing in answer.json()["error"]) == (400, True)


def test_an_unknown_column_is_refused(start):
    assert start(fields="nonsense").status_code == 400


@pytest.mark.parametrize("status", [402, 429])
def test_the_eleventh_export_of_a_day_is_refused(world, start, status):
    world.configure({"exports_refused_status": status})
    assert [start().status_code for _ in range(11)] == [200] * 10 + [status]


def test_deleting_an_export_gives_no_new_one(api, world, start):
    world.configure({"exports_per_day": 1})
    key = start().json()["id"]
    api.delete(f"/api/v2/download-center/exports/{key}")
    assert start().status_code == 402


def test_the_next_day_has_new_ones(world, start, clock):
    world.configure({"exports_per_day": 1})
    first, second = start().status_code, start().status_code
    clock.advance(timedelta(days=1))
    assert (first, second, start().status_code) == (200, 402, 200)


def test_a_deleted_export_is_gone_with_its_file(api, finished):
    export = finished()
    url = address(api, export)
    api.delete(f"/api/v2/download-center/exports/{export['id']}")
    found = [api.get(url).status_code, api.get(f"/api/v2/download-center/exports/{export['id']}").status_code]
    assert found == [404, 404]


def test_an_address_needs_no_key_and_expires(api, finished, clock):
    url = address(api, finished())
    fresh = api.get(url, headers={"API-KEY": ""}).status_code
    clock.advance(timedelta(minutes=6))
    assert (fresh, api.get(url).status_code) == (200, 403)


def test_a_tampered_address_is_refused(api, finished):
    assert api.get(address(api, finished())[:-1] + "x").status_code == 403


def test_an_unfinished_export_has_no_address(api, start):
    name = f"conversion_logs-{start().json()['id']}.csv"
    answer = api.get("/api/v2/download-center/artifact-url", params={"artifact_name": name})
    assert answer.status_code == 404


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("guess", 403), ("right", 200)])
def test_a_shared_report_wants_its_token_and_no_key(api, finished, token, status):
    export = finished()
    query = {"artifact_name": export["artifact"]["name"]}
    if token:
        query["token"] = export["guest_token"] if token == "right" else token
    del api.headers["API-KEY"]
    assert api.get("/api/v2/download-center/shared/artifact-url", params=query).status_code == status


def test_the_control_plane_can_let_an_export_fail(api, start, clock):
    key = start().json()["id"]
    api.patch(f"/_sim/exports/{key}", json={"fail_with": "out of disk"})
    clock.advance(timedelta(seconds=5))
    export = api.get(f"/api/v2/download-center/exports/{key}").json()["data"]
    assert (export["status"], export["error"]) == ("ERROR", "out of disk")


def test_a_file_can_be_made_as_long_as_wanted(api, world, finished):
    world.configure({"inflate_exports": 5000})
    world.offer("Shoes", clicks=3)
    export = finished("clicks")
    assert (export["results_meta"]["total"], len(api.get(address(api, export)).text.splitlines())) == (5000, 5001)


@pytest.mark.parametrize(
    ("query", "many"),
    [
        ({"filter[type]": "click_logs"}, 1),
        ({"filter[status]": "COMPLETED"}, 2),
        ({"filter[results_meta.total][gte]": "2"}, 1),
        ({"filter[results_meta.total][lte]": "1"}, 1),
        ({"filter[reports_query_option.filters.offer_id.equalvalues]": "1001"}, 1),
        ({"filter[reports_query_option.start_date]": "2026-01-01"}, 2),
        ({"filter[reports_query_option.start_date]": "2026-01-02"}, 0),
    ],
)
def test_exports_are_listed_by_the_references_filters(api, world, finished, query, many):
    world.offer("Shoes", clicks=2, conversions=1)
    finished("clicks")
    finished("conversions", **{"filter[offer_id]": "1001"})
    answer = api.get("/api/v2/download-center/exports", params=query)
    assert answer.json()["meta"]["total_count"] == many


def test_get_starts_a_download_too(start):
    assert start(verb="GET").status_code == 200
