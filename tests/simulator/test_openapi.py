"""The OpenAPI document that is made from the catalogue, run by schemathesis against the strict simulator."""

from datetime import timedelta

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.pytest.lazy import get_all_tests

from bridge.integr8.catalogue import OPERATIONS
from bridge.integr8.openapi import document
from bridge.simulator import Clock, World, create_app

# "The parameters were valid but the request failed": a taken login, an advertiser that does not exist.
ACCEPTED = ["2xx", "401", "402", "403", "404"]
BOUNDS = settings(max_examples=8, derandomize=True, suppress_health_check=list(HealthCheck), database=None)


def _world():
    """One of everything, nothing limited, so that good requests can succeed."""
    world = World(seed=7, clock=Clock(at=Clock().now()))
    world.configure({"exports_per_day": 0})
    offer = world.offer("Shoes", clicks=20, conversions=5)
    goal, page = {"name": "Lead"}, {"name": "Main", "redirect_url": "https://example.com"}
    world.directory.create("offer_events", goal, offer=offer.key)
    world.directory.create("landing_pages", page, offer=offer.key)
    world.directory.create("users", {"email": "a@example.com", "role": "admin"})
    return world


def _export(world, app):
    """A finished one; its object."""
    query = {
        "start_time": "2026-01-01 00:00:00",
        "end_time": "2027-01-01 00:00:00",
        "fields": "status",
        "extra_parameters": "",
    }
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://integr8.test") as client:
        client.headers["API-KEY"] = world.api_key
        client.post(f"/api/v2/download-center/{world.integration}/clicks", params=query).raise_for_status()
    world.clock.advance(timedelta(minutes=1))
    world.catch_up()
    return world.jobs.newest()[0]


def _schema(world):
    app = create_app(world, strict=True)
    app.add_url_rule("/openapi.json", view_func=document)
    export = _export(world, app)
    known = {repository.noun.path_name: repository.all()[0].key for repository in world.directory.repositories.values()}
    pinned = {
        **known,
        "integrationID": world.integration,
        "integration_id": world.integration,
        "exportID": export.id,
        "artifact_name": export.artifact_name,
    }
    config = SchemathesisConfig.from_dict(
        {"parameters": pinned, "checks": {"positive_data_acceptance": {"expected-statuses": ACCEPTED}}}
    )
    return schemathesis.openapi.from_wsgi("/openapi.json", app, config=config)


@pytest.fixture(scope="module")
def described():
    """The world, its document, and the export that it has finished."""
    world = _world()
    yield world, _schema(world), world.jobs.newest()[0]
    world.close()


def _restore(world, job):
    """What an earlier example archived must not make the next one a 404."""
    for repository in world.directory.repositories.values():
        world.directory.restore(repository.all()[0])
    world.jobs.keep(job)


def _not_expressible(case):
    """A list's field names, the order of two times, a zone's name: no schema states them, the API refuses them."""
    operation = OPERATIONS[case.operation.definition.raw["operationId"]]
    return [CHECKS.get_one("positive_data_acceptance")] if operation.query is not None else []


@pytest.mark.slow
@pytest.mark.parametrize("operation", sorted(OPERATIONS))
def test_the_simulator_keeps_to_the_document(operation, described):
    """Requests are made up here, and not by `schema.parametrize`: each of pytest's processes would make all of them."""
    world, schema, job = described

    def check(case):
        _restore(world, job)
        case.call_and_validate(headers={"API-KEY": world.api_key}, excluded_checks=_not_expressible(case))

    made = get_all_tests(
        schema=schema.include(operation_id=operation), test_func=check, settings=BOUNDS, given_kwargs=None
    )
    (found,) = made
    _, test = found.ok()
    test()


def test_the_document_has_every_operation_once():
    verbs = [(path, verb) for path, item in document()["paths"].items() for verb in item if verb != "parameters"]
    assert len(verbs) == len(OPERATIONS) == 48
