"""The table holds what the reference holds."""

from typing import get_type_hints

import pytest

from bridge.integr8 import (
    OPERATIONS,
    RESOURCES,
    Route,
    body_types,
    schemas,
)
from bridge.integr8.catalogue import Kind, Paging, Retry

COUNTS = {
    "users": 5, "offers": 7, "publishers": 7, "advertisers": 7, "offer_events": 5, "landing_pages": 5,
    "reports": 3, "downloads": 4, "exports": 5,
}  # fmt: skip
TYPES = {
    schemas.UserCreate: body_types.UserFields,
    schemas.UserUpdate: body_types.UserChanges,
    schemas.OfferBody: body_types.OfferFields,
    schemas.PublisherBody: body_types.PublisherFields,
    schemas.AdvertiserBody: body_types.AdvertiserFields,
    schemas.OfferEventBody: body_types.OfferEventFields,
    schemas.LandingPageBody: body_types.LandingPageFields,
}


def test_all_48_operations_are_there():
    assert {name: sum(1 for one in OPERATIONS.values() if one.resource == name) for name in RESOURCES} == COUNTS


@pytest.mark.parametrize(("schema", "shape"), TYPES.items(), ids=lambda one: one.__name__)
def test_what_an_editor_completes_is_what_the_schema_accepts(schema, shape):
    assert set(schema().fields) == set(get_type_hints(shape))


@pytest.mark.parametrize("operation", OPERATIONS.values(), ids=lambda one: one.name)
def test_every_operation_is_consistent_in_itself(operation):
    assert operation.evidence
    assert operation.title
    assert (operation.paging is Paging.CURSOR) == (operation.kind is Kind.REPORT)
    assert (operation.paging is Paging.NUMBERED) == (operation.kind is Kind.LIST)
    assert (operation.retry is Retry.SAFE) == (operation.verb == "GET")
    assert all(set(route.parameters) <= set(operation.parameters) for route in operation.alternates)
    assert operation.route not in operation.alternates


def test_no_two_operations_share_a_place():
    places = [operation.route for operation in OPERATIONS.values()]
    assert len(set(places)) == len(places)


def test_only_creates_and_export_starts_must_never_be_repeated():
    unsafe = {name for name, one in OPERATIONS.items() if one.retry is Retry.UNSAFE}
    assert unsafe == {name for name in OPERATIONS if name.endswith(".create") or name.startswith("downloads.")}


def test_a_shared_report_needs_no_key():
    assert [name for name, one in OPERATIONS.items() if not one.authenticated] == ["exports.shared_url"]


@pytest.mark.parametrize("text", ["/api/v2/users", "FETCH /users", "PUT users", ""])
def test_a_route_that_is_none_is_refused(text):
    with pytest.raises(ValueError, match="is not a route"):
        Route.parse(text)
