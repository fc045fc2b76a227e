"""A number that no database can hold, or that is none, is answered and never a fault."""

from urllib.parse import quote

import pytest
from api_client import api_of

from bridge.store.roles import Role
from bridge.web.access import make

ODD = ("9223372036854775808", "9" * 5_000, "-1", "1e400", "١٢", "x")
PAGES = ("/activity?before={}", "/items?before={}", "/runs/{}", "/events?before={}", "/mutes?before={}",
         "/holds?before={}", "/changes?before={}", "/audit?before={}", "/approvals?before={}")  # fmt: skip
API = ("/runs/{}", "/runs?after={}", "/runs?limit={}", "/entities?after={}", "/effects?after={}", "/approvals/{}",
       "/activity/stream?after={}&seconds=0", "/holds?after={}", "/audit?after={}")  # fmt: skip


@pytest.mark.parametrize("number", ODD, ids=lambda one: one[:20])
def test_a_page_answers_any_number(browser, number):
    visitor = browser()
    for page in PAGES:
        assert visitor.get(page.format(number)).status_code in {200, 404, 422}, page


@pytest.mark.parametrize(
    "key", ["[]", "{}", "null", "NaN", "[1, 2, 3, 4]", '["a", "b", "c", ["d"]]', '["a", "b", "c"]']
)
def test_a_place_in_the_list_of_mutes_that_is_none_is_refused(browser, key):
    assert browser().get(f"/mutes?before={quote(key)}").status_code == 422


@pytest.mark.parametrize("number", ODD, ids=lambda one: one[:20])
def test_the_api_answers_any_number(network, number):
    with network.services.store.write() as session:
        token = make(session, name="t", role=Role.VIEWER, who="test", now=network.now)
    client = api_of(network.services).test_client()
    for path in API:
        answer = client.get("/api/v1" + path.format(number), headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code in {200, 404, 422}, path


def test_a_text_with_nul_is_refused(browser):
    assert browser().get("/items?q=a%00b").status_code == 422
