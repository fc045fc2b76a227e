"""Addresses of an earlier version: pages redirect, the API answers and says what the path is called now."""

import pytest


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("/entities?kind=offer", "/items?kind=offer"),
        ("/entities/offer/1002", "/items/offer/1002"),
        ("/rules/low-cr/trial", "/rules/low-cr/backtest-job"),
    ],
)
def test_an_old_page_redirects(visited, old, new):
    answer = visited.test_client().get(old)
    assert (answer.status_code, answer.headers["Location"]) == (308, new)


@pytest.mark.parametrize("path", ["/entitiesx", "/rules/low-cr/trials", "/api/v1/trialsx"])
def test_an_address_that_only_begins_alike_does_not(visited, path):
    answer = visited.test_client().get(path)
    assert answer.status_code != 308
    assert "Deprecation" not in answer.headers


def test_an_old_path_of_the_api_is_answered_with_a_warning(visited):
    old = visited.test_client().get("/api/v1/trials/1")
    new = visited.test_client().get("/api/v1/backtest-jobs/1")
    assert (old.status_code, old.get_json()) == (new.status_code, new.get_json())
    assert (old.headers["Deprecation"], old.headers["Link"]) == (
        "true",
        '</api/v1/backtest-jobs/1>; rel="successor-version"',
    )
    assert "Deprecation" not in new.headers
