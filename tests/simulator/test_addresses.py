"""Every operation of the catalogue is answered at its own address and at every other that the facts know."""

import pytest

from bridge.integr8.catalogue import OPERATIONS
from bridge.simulator.dispatch import HANDLERS

PLACES = [
    (operation.name, number, route)
    for operation in OPERATIONS.values()
    for number, route in enumerate((operation.route, *operation.alternates))
]


def filled(path):
    """With ids that do not exist: what counts here is who answers."""
    for name in ("integrationID", "offerID", "userID", "publisherID", "advertiserID"):
        path = path.replace(f"{{{name}}}", "aaaaaaaaaa")
    return path.replace("{offerEventID}", "b").replace("{offerLandingPageID}", "c").replace("{exportID}", "d")


def test_every_operation_has_somebody_who_answers():
    assert set(HANDLERS) == set(OPERATIONS)


def test_a_lenient_simulator_hears_every_address(api, world):
    heard = []
    for _, _, route in PLACES:
        api.request(route.verb, filled(route.path), json={})
        heard.append(world.log.entries[-1].operation)
    assert heard == [name for name, _, _ in PLACES]


def test_a_strict_one_hears_only_the_canonical_ones(strict_api, world):
    heard = set()
    for _, number, route in PLACES:
        strict_api.request(route.verb, filled(route.path), json={})
        if number == 0:
            heard.add(world.log.entries[-1].operation)
        assert (world.log.entries[-1].operation is not None) == (number == 0), str(route)
    assert heard == set(OPERATIONS)


@pytest.mark.parametrize(
    "path", ["/api/v1/publishers", "/api/v2/nothing", "/api/v2/publishers/a/b", "/api/v2//publishers"]
)
def test_anything_else_is_not_found(api, path):
    assert api.get(path).status_code == 404
