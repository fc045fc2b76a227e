"""What goes over the wire."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from bridge.integr8 import OPERATIONS, Client, LocalBudget, errors

START, END = datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 3, 2, 12, 0, 0, 1, tzinfo=UTC)
IDS = {"offerID": "42", "userID": "u1", "publisherID": "p1", "advertiserID": "a1", "offerEventID": "e1",
       "offerLandingPageID": "l1", "exportID": "exp1"}  # fmt: skip
BODIES = {
    "users.create": {"email": "a@b.example", "password": "secret", "role": "admin"},
    "users.update": {"phone": "1"},
    "landing_pages.create": {"name": "n", "redirect_url": "https://x.example"},
    "landing_pages.update": {"name": "n", "redirect_url": "https://x.example"},
    "offers.create": {"name": "n", "advertiser_id": 7},
    "offers.update": {"name": "n", "advertiser_id": 7},
}


def _arguments(operation):
    body = BODIES.get(operation.name, {"name": "n"} if operation.request else None)
    if operation.bulk_key:
        body = {"data": ["1"]} | ({"active": True} if operation.action == "set_status" else {})
    query = {}
    if operation.resource in {"reports", "downloads"}:
        query = {"start_time": START, "end_time": END}
    if operation.resource == "downloads":
        query |= {"fields": "payout"} | ({} if operation.action == "postback_logs" else {"extra_parameters": ""})
    if operation.name in {"exports.url", "exports.shared_url"}:
        query = {"artifact_name": "a.csv"}
    path = {name: IDS[name] for name in operation.parameters if name in IDS}
    return {"path": path, "query": query, "body": body}


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_every_operation_goes_to_its_place_with_both_headers(client, integr8, operation):
    client.call(operation.name, **_arguments(operation))
    expected = operation.path.format_map(IDS | {"integrationID": "dhkwd4izck"})
    (seen,) = integr8.seen
    assert seen.line == f"{operation.verb} {expected}"
    assert seen.headers["content-type"] == "application/json"
    assert ("api-key" in seen.headers) == operation.authenticated


def test_a_report_says_its_time_in_utc_and_its_page(client, integr8):
    berlin = timezone(timedelta(hours=1))
    list(client.reports.conversions(START.astimezone(berlin), END, filter={"offer_id": "42"}))
    assert integr8.seen[0].query == {
        "integration_id": ["dhkwd4izck"],
        "start_time": ["2026-03-01 00:00:00"],
        "end_time": ["2026-03-02 12:00:01"],  # a part of a second is a second more, so that no row is lost
        "timezone": ["UTC"],
        "page[size]": ["100"],
        "filter[offer_id]": ["42"],
    }


def test_filters_and_sort_take_the_form_of_the_reference(client, integr8):
    list(client.offers.list(filter={"active": True, "manager.id": {"gte": 3}, "a": {"b": "x"}}, sort=["-name", "id"]))
    assert integr8.seen[0].query == {
        "page[number]": ["1"],
        "page[size]": ["100"],
        "sort": ["-name,id"],
        "filter[active]": ["true"],
        "filter[manager.id][gte]": ["3"],
        "filter[a.b]": ["x"],
    }


@pytest.mark.parametrize("operator", ["ne", "in", "like", "NE"])
def test_an_operator_that_integr8_does_not_have_is_refused(client, integr8, operator):
    with pytest.raises(errors.InvalidCall, match=f"unknown operator '{operator}'"):
        list(client.offers.list(filter={"advertiser_id": {operator: 2}}))
    assert integr8.seen == []


def test_several_values_of_a_filter_repeat_its_key(client, integr8):
    key = "reports_query_option.filters.offer_id.equalvalues"
    list(client.exports.list(filter={key: ["1", "2"]}))
    assert integr8.seen[0].query[f"filter[{key}]"] == ["1", "2"]


def test_an_id_is_one_segment_of_the_path_whatever_it_holds(client, integr8):
    client.publishers.get("a/b c?d")
    assert integr8.lines == ["GET /api/v2/publishers/a/b c?d"]  # as decoded by the server
    assert "?" not in str(integr8.seen[0].query)


def test_an_override_moves_an_operation(make_client, integr8):
    client = make_client(routes={"offers.set_status": "PATCH /api/v2/offers/{integrationID}/status"})
    client.offers.set_status([42], active=False)
    assert integr8.lines == ["PATCH /api/v2/offers/dhkwd4izck/status"]


@pytest.mark.parametrize(
    ("name", "route", "words"),
    [
        ("offers.lisd", "GET /x", "no such operation"),
        ("users.list", "GET /x/{offerID}", "is not a parameter"),
        ("users.list", "nowhere", "is not a route"),
    ],
)
def test_an_override_that_cannot_work_is_refused_at_once(make_client, name, route, words):
    with pytest.raises(ValueError, match=words):
        make_client(routes={name: route})


@pytest.mark.parametrize("tail", ["", "/", "/api/v2", "/api/v2/"])
def test_the_base_url_may_end_in_any_usual_way(integr8, tail):
    with Client(integr8.url + tail, "k", integration="i", budget=LocalBudget(100)) as client:
        client.users.get("u1")
    assert integr8.lines == ["GET /api/v2/users/u1"]


def test_amounts_travel_as_numbers_and_come_back_exact(client, integr8):
    from decimal import Decimal

    client.offers.create(name="n", advertiser_id=7, default_payout={"payout": Decimal("1.10"), "payout_type": "CPA"})
    assert b'"payout":1.1,' in integr8.seen[0].body
    assert client.offers.get("42")["default_payout"]["payout"] == Decimal("1.10")


def test_the_key_is_in_no_repr(client):
    assert "nobody-may-see" not in repr(client) + repr(client.context) + repr(client.__dict__["context"].call_options)
