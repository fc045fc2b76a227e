"""Faults on request: they strike what they were told to, as often as they were told to."""

import httpx
import pytest

PUBLISHERS = "/api/v2/publishers"


@pytest.fixture
def fault(api):
    def switch_on(kind, **requested):
        answer = api.post("/_sim/faults", json={"kind": kind, **requested})
        answer.raise_for_status()
        return answer.json()

    return switch_on


def codes(api, many, path=PUBLISHERS):
    return [api.get(path).status_code for _ in range(many)]


def test_a_fault_strikes_its_operation_only(api, fault):
    fault("status", status=503, operation="publishers.*")
    assert (codes(api, 1), codes(api, 1, "/api/v2/advertisers")) == ([503], [200])


def test_a_fault_lets_some_pass_and_strikes_so_often(api, fault):
    fault("status", skip=1, count=2)
    assert codes(api, 5) == [200, 500, 500, 200, 200]


def test_chance_comes_from_the_seed(api, fault):
    runs = []
    for _ in range(2):
        number = fault("status", probability=0.5, seed=11)["id"]
        runs.append(codes(api, 20))
        api.delete(f"/_sim/faults/{number}")
    assert runs[0] == runs[1]
    assert 3 < runs[0].count(500) < 17


def test_all_faults_can_be_switched_off(api, fault):
    fault("status")
    api.delete("/_sim/faults")
    assert codes(api, 1) == [200]


@pytest.mark.parametrize(
    ("style", "shown"), [("none", None), ("seconds", "3"), ("date", "Mon, 02 Mar 2026 12:00:03 GMT")]
)
def test_429_comes_with_or_without_a_hint(api, fault, style, shown):
    fault("rate_limited", retry_after=style, seconds=3)
    assert api.get(PUBLISHERS).headers.get("retry-after") == shown


def test_a_proxys_page_is_html(api, fault):
    fault("html")
    answer = api.get(PUBLISHERS)
    assert (answer.status_code, answer.headers["content-type"].split(";")[0]) == (502, "text/html")


def test_truncated_json_is_a_complete_answer_with_half_a_text(api, fault, world):
    world.publisher("Acme")
    fault("truncate")
    answer = api.get(PUBLISHERS)
    with pytest.raises(ValueError, match=r"(Unterminated|Expecting)"):
        answer.json()


@pytest.mark.parametrize(("when", "created"), [("before", 0), ("after", 1)])
@pytest.mark.parametrize("kind", ["drop", "status", "html"])
def test_a_write_is_applied_or_not_as_the_fault_says(api, fault, kind, when, created):
    fault(kind, when=when)
    try:
        api.post(PUBLISHERS, json={"name": "Acme"})
    except httpx.RemoteProtocolError:
        assert kind == "drop"
    assert len(api.get("/_sim/state").json()["publishers"]) == created


def test_a_dropped_request_stands_in_the_log_without_a_status(api, fault, world):
    fault("drop")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(PUBLISHERS)
    assert (world.log.entries[-1].status, world.log.entries[-1].faults) == (0, ["drop"])


def test_half_a_body_and_a_closed_connection(api, fault):
    fault("cut")
    with pytest.raises(httpx.RemoteProtocolError):
        api.get(PUBLISHERS)


def test_a_partial_bulk_says_nothing_of_what_it_left_out(api, fault, world, offers):
    made = [world.offer(f"O{number}").key for number in range(4)]
    fault("partial_bulk", share=0.5)
    answer = api.put(f"{offers}/bulk", json={"active": False, "data": made})
    assert (answer.status_code, answer.json(), world.paused) == (200, {}, made[:2])


def test_a_person_deletes_the_target_in_the_same_moment(api, fault, world):
    publisher = world.publisher("Acme")
    fault("deleted", operation="publishers.update")
    answer = api.patch(f"{PUBLISHERS}/{publisher.key}", json={"name": "New"})
    assert (answer.status_code, publisher.archived) == (404, True)


def test_a_person_changes_the_target_in_the_same_moment(api, fault, world, offers):
    offer = world.offer("Shoes")
    fault("changed", operation="offers.get", fields={"active": False})
    assert api.get(f"{offers}/{offer.key}").json()["data"]["active"] is False


def test_a_report_page_can_repeat_itself(fault, world, report):
    world.offer("Shoes", clicks=10)
    first = report("click", **{"page[size]": "5"})
    fault("repeat_page", operation="reports.*")
    again = report("click", **{"page[size]": "5", "page[after]": first["pageInfo"]["endCursor"]})
    assert again == first


@pytest.mark.parametrize(
    "requested",
    [
        {"kind": "nonsense"},
        {"kind": "drop", "when": "never"},
        {"kind": "drop", "much": 1},
        {"kind": "drop", "count": "two"},
        {"kind": "drop", "operation": "offers.pause"},
    ],
)
def test_an_unknown_fault_is_refused(api, requested):
    assert api.post("/_sim/faults", json=requested).status_code == 400
