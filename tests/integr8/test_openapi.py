"""The document is valid and holds what the catalogue holds."""

import json

import openapi_spec_validator
import pytest

from bridge.integr8 import OPERATIONS
from bridge.integr8.openapi import document


@pytest.fixture(scope="module")
def made():
    return document()


def test_it_is_valid_openapi_3_1(made):
    openapi_spec_validator.validate(made)
    assert made["openapi"].startswith("3.1")


def test_every_operation_stands_in_it(made):
    found = {one["operationId"]: (verb, path) for path, item in made["paths"].items() for verb, one in item.items()}
    assert found == {name: (one.verb.lower(), one.path) for name, one in OPERATIONS.items()}


def test_it_says_what_is_inferred(made):
    assert "stated" in made["paths"]["/api/v2/reports/v2/conversion-table"]["get"]["description"]
    assert "inferred" in made["paths"]["/api/v2/publishers/bulk"]["put"]["description"]


def test_it_keeps_the_references_enums_and_required_fields(made):
    offer = made["components"]["schemas"]["OfferBody"]
    assert offer["required"] == ["advertiser_id", "name"]
    assert offer["properties"]["visibility"]["enum"] == ["Public", "Private", "Requires_Approval"]
    assert offer["additionalProperties"] is False


def test_a_shared_report_needs_no_security(made):
    assert made["paths"]["/api/v2/download-center/shared/artifact-url"]["get"]["security"] == []


def test_it_is_plain_json_and_the_same_each_time(made):
    assert json.dumps(made) == json.dumps(document())
