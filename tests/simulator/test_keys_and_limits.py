"""Who may ask, and how often."""

import pytest

from bridge.simulator import World
from bridge.simulator.keys import ApiKey
from bridge.simulator.limiter import Limiter, busiest


class Ticks:
    """A stopwatch moved by hand."""

    def __init__(self):
        self.at = 0.0

    def __call__(self):
        return self.at


@pytest.mark.parametrize("headers", [{"API-KEY": ""}, {"API-KEY": "wrong"}])
def test_without_a_valid_key_there_is_nothing(api, headers):
    assert api.get("/api/v2/publishers", headers=headers).status_code == 401


def test_a_bearer_token_is_a_key_too(api, world):
    answer = api.get("/api/v2/publishers", headers={"API-KEY": "", "Authorization": f"Bearer {world.api_key}"})
    assert answer.status_code == 200


@pytest.mark.parametrize(("level", "read", "write"), [("None", 403, 403), ("Read", 200, 403), ("Write", 200, 200)])
def test_a_key_has_a_permission_per_section(api, world, level, read, write):
    world.keys.add(ApiKey("narrow", "k2", {"publishers": level}))
    headers = {"API-KEY": "k2"}
    seen = [
        api.get("/api/v2/publishers", headers=headers).status_code,
        api.post("/api/v2/publishers", json={"name": "x"}, headers=headers).status_code,
    ]
    assert (seen, api.get("/api/v2/advertisers", headers=headers).status_code) == ([read, write], 200)


def test_the_limit_slides(world):
    ticks = Ticks()
    limiter = Limiter(ticks)
    seen = []
    for at in (0.0, 0.5, 0.9, 1.0, 1.1, 1.5):
        ticks.at = at
        seen.append(limiter.wait(2) is None)
    assert seen == [True, True, False, True, False, True]


def test_the_busiest_second_is_found_wherever_it_begins():
    assert busiest([0.0, 0.9, 1.0, 1.2, 1.89, 3.0]) == 4


@pytest.mark.parametrize(
    ("style", "shown"), [("none", None), ("seconds", "1"), ("date", "Mon, 02 Mar 2026 12:00:01 GMT")]
)
def test_above_the_limit_comes_429_with_or_without_a_hint(world, api, style, shown):
    world.configure({"rate_per_second": 1, "retry_after": style})
    answers = [api.get("/api/v2/publishers") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 429]
    assert answers[1].headers.get("retry-after") == shown


def test_the_log_counts_refused_requests_too(api, world):
    world.configure({"rate_per_second": 2})
    for _ in range(5):
        api.get("/api/v2/publishers")
    summary = api.get("/_sim/requests/summary").json()
    assert (summary["total"], summary["max_in_one_second"], summary["max_answered_in_one_second"]) == (5, 5, 2)


def test_the_log_knows_operation_and_key_but_holds_no_secret(api, world):
    api.post("/api/v2/users", json={"email": "a@example.com", "password": "s3cret", "role": "admin"})
    text = api.get("/_sim/requests", params={"operation": "users.create"}).text
    assert '"operation":"users.create"' in text
    assert "s3cret" not in text
    assert world.api_key not in text


@pytest.mark.parametrize(
    ("query", "many"),
    [({}, 3), ({"status": "404"}, 1), ({"method": "POST"}, 1), ({"after": "2"}, 1), ({"path": "adv"}, 1)],
)
def test_the_log_can_be_asked(api, query, many):
    api.get("/api/v2/publishers")
    api.post("/api/v2/advertisers", json={"name": "x"})
    api.get("/api/v2/nothing")
    assert api.get("/_sim/requests", params=query).json()["total"] == many


def test_every_answer_names_its_request_and_the_time(api):
    answer = api.get("/api/v2/publishers")
    assert (answer.headers["x-request-id"], answer.headers["date"]) == ("sim-000001", "Mon, 02 Mar 2026 12:00:00 GMT")


def test_a_world_without_a_clock_runs_with_the_real_one():
    world = World()
    assert not world.clock.frozen
