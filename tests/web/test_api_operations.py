"""Drafts, sources, reports and exports over the API: the same answers as on the command line."""

import threading
from dataclasses import replace
from datetime import timedelta

import pytest
from api_client import Caller
from network import TOKEN
from rule_texts import pause_rule
from werkzeug.serving import make_server

from bridge.cli.local.supervisor import free_port
from bridge.operations.channel_entry import add_channel
from bridge.store.journal import Event
from bridge.store.notifications import EMPTY, Notice
from bridge.store.roles import Role
from bridge.store.slots import Slot, SlotState

TIMED = pause_rule(
    "shadow",
    fresh="",
    hold="",
    guards="{if_over: approve, at_most: {share: 100%}}",
    more="tests:\n  - {given: {clicks: 2400, conversions: 2}, expect: yes}",
)
ONE_DAY = {"from": "2026-02-20T00:00:00+00:00", "to": "2026-02-21T00:00:00+00:00"}


@pytest.fixture
def viewer(app, token):
    return Caller(app, token(Role.VIEWER))


@pytest.fixture
def operator(app, token):
    return Caller(app, token(Role.OPERATOR))


@pytest.fixture
def admin(app, token):
    return Caller(app, token(Role.ADMIN))


# --- a text that is not live -----------------------------------------------------------------------


def test_a_good_text_is_told_to_be_good(viewer):
    found = viewer.post("/rules/check", text=TIMED)["data"]
    assert (found["ok"], found["errors"], found["rules"]) == (True, [], ["low-cr"])
    assert [one["passed"] for one in found["tests"]] == [True]


def test_a_mistake_is_named_with_its_place_and_the_word_that_was_meant(viewer):
    [line] = viewer.post("/rules/check", text=TIMED.replace("guards:", "guard:"))["data"]["errors"]
    assert line.startswith("text:11:")
    assert "did you mean 'guards'" in line


def test_a_failing_test_of_the_text_is_an_error(viewer):
    found = viewer.post("/rules/check", text=TIMED.replace("expect: yes", "expect: no"))["data"]
    assert not found["ok"]
    assert "text:13:" in found["errors"][0]


def test_a_text_that_works_against_a_live_rule_is_warned_of(viewer, network):
    network.rule(TIMED)
    against = TIMED.replace("low-cr", "wake-up").replace("pause:", "activate:").replace("expect: yes", "expect: yes")
    found = viewer.post("/rules/check", text=against)["data"]
    assert any("low-cr" in line for line in found["warnings"])


def test_what_a_text_would_decide_differently_is_told_before_it_is_live(viewer, network):
    network.world.offer("Fair", clicks=1000, conversions=30, active=True)
    network.rule(TIMED)
    network.work()
    [found] = viewer.post("/rules/diff", text=TIMED.replace("< 1%", "< 4.5%").partition("tests:")[0])["data"]["rules"]
    assert [(one["subject"], one["before"], one["after"]) for one in found["changes"]] == [("offer=1001", "no", "yes")]


def test_a_broken_text_cannot_be_compared_and_the_answer_says_where(viewer):
    assert "text:1:" in viewer.post("/rules/diff", 400, text="schema: 9")["detail"]


def test_the_home_directory_is_checked_as_its_files_are_now(viewer, network):
    (network.home / "rules" / "new.yaml").write_text("schema: 9\n")
    found = viewer.get("/check")["data"]
    assert not found["ok"]
    assert found["errors"][0].startswith("rules/new.yaml:")


def test_editors_get_the_schema_of_rules(viewer):
    assert viewer.get("/schemas/rule")["data"]["schema"]["properties"]["trigger"]


def test_receivers_get_the_schemas_of_what_they_receive(viewer):
    assert "bridge.paused" in viewer.get("/schemas/notices")["data"]["schema"]


# --- sources ---------------------------------------------------------------------------------------


def test_an_admin_gets_the_address_to_paste_at_integr8(admin):
    found = admin.get("/sources/postback/url", base_url="https://bridge.example.com")["data"]["url"]
    assert found.startswith(f"https://bridge.example.com/hooks/postback/{TOKEN}?type=conversion&")


def test_an_operator_does_not_get_an_address_that_holds_a_token(operator):
    assert "admin" in operator.get("/sources/postback/url", 403)["detail"]


def test_a_sample_comes_with_its_proof(admin):
    assert f"Bearer {TOKEN}" in admin.get("/sources/crm/sample")["data"]["curl"]


def test_a_source_that_is_not_there_is_answered_with_those_that_are(admin):
    assert "crm, postback" in admin.get("/sources/crn/url", 404)["detail"]


def reached_at(network, address):
    network.services.settings = replace(network.services.settings, public_url=address)


@pytest.fixture
def webhooks(network):
    """The network's webhook endpoint on a free port of loopback; yields its address."""
    server = make_server("127.0.0.1", 0, network.webhooks.application, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_an_operator_tries_a_source_out(operator, network, webhooks):
    reached_at(network, webhooks)
    assert operator.post("/sources/crm/test")["data"]["status"] == 202
    assert [one.event_type for one in network.all(Event)] == ["test"]


def test_trying_a_source_whose_service_does_not_answer_says_what_to_look_at(operator, network):
    reached_at(network, f"http://127.0.0.1:{free_port()}")
    found = operator.post("/sources/crm/test", 502)["detail"]
    assert "public_url" in found
    assert TOKEN not in found


# --- reports ---------------------------------------------------------------------------------------


def test_feeds_are_read_when_an_operator_asks(operator, network):
    network.world.offer("Fair", clicks=10, conversions=1)
    assert "main/default/clicks" in operator.post("/reports/poll", 202)["data"]["feeds"]
    assert "reports.poll" in network.wake_ups.names
    network.work()
    assert sum(one["facts"] for one in operator.get("/feeds")["data"]) == 11


def test_asking_twice_reads_once(operator, network):
    for _ in range(2):
        operator.post("/reports/poll", 202)
        network.pass_time(seconds=1)
    waiting = [one for one in network.all(Slot) if one.state == SlotState.DUE and one.kind == "feed"]
    assert len(waiting) == len({one.key for one in waiting})


def test_what_a_shadow_rule_would_have_done_is_told_beside_what_people_did(viewer, network):
    network.world.offer("Bad", clicks=1000, conversions=0, active=True)
    network.rule(TIMED)
    network.work()
    network.pass_time(minutes=1)
    found = viewer.get("/reports/shadow", rule="low-cr")["data"]
    assert [(one["verb"], one["target"], one["people"]) for one in found["would_have"]] == [("pause", "1001", "nobody")]
    assert found["nobody"] == 1


def test_an_export_is_begun_watched_and_fetched(operator, network):
    begun = operator.post("/reports/exports", 202, kind="clicks", **ONE_DAY)["data"]
    assert begun["left_today"] == 9
    network.pass_time(minutes=10)
    found = operator.get(f"/reports/exports/{begun['id']}")["data"]
    assert found["status"] == "COMPLETED"
    assert found["url"].startswith("http")


def test_the_eleventh_export_of_a_day_is_refused_with_the_time_of_the_next(operator, network):
    for _ in range(10):
        operator.post("/reports/exports", 202, kind="clicks", **ONE_DAY)
    free = network.now + timedelta(days=1)
    assert f"{free:%Y-%m-%d %H:%M} UTC" in operator.post("/reports/exports", 409, kind="clicks", **ONE_DAY)["detail"]


def test_an_export_sent_again_with_its_key_is_counted_once(app, operator):
    for _ in range(2):
        answer = app.test_client().post(
            "/api/v1/reports/exports",
            json={"kind": "clicks", **ONE_DAY},
            headers={**operator._headers, "Idempotency-Key": "october"},
        )
    assert answer.get_json()["data"]["left_today"] == 9
    assert answer.headers["Idempotency-Replayed"] == "true"


def test_an_export_of_an_account_that_is_not_there_says_which_are(operator):
    assert (
        "accounts are: main" in operator.post("/reports/exports", 404, kind="clicks", account="x", **ONE_DAY)["detail"]
    )


def test_an_export_that_integr8_does_not_know_is_not_there(operator):
    operator.get("/reports/exports/nowhere", 404)


# --- listings, narrowed down -----------------------------------------------------------------------


def test_runs_are_found_by_what_they_touched(viewer, network):
    network.world.offer("Bad", clicks=1000, conversions=0, active=True)
    network.rule(TIMED)
    network.work()
    assert len(viewer.get("/runs", target="offer=1001")["data"]) == 1
    assert viewer.get("/runs", target="offer=1")["data"] == []


def test_ended_holds_are_listed_when_they_are_asked_for(viewer):
    assert viewer.get("/holds", state="all", target="offer=1")["data"] == []
    assert "low-cr" in viewer.get("/holds", 422, state="all", rule="low-cr")["detail"]


def test_the_audit_is_narrowed_down_to_a_person(viewer, operator):
    operator.post("/halt", why="x")
    assert [one["what"] for one in viewer.get("/audit", who="operator", what="halt")["data"]] == ["halt"]
    assert viewer.get("/audit", who="nobody")["data"] == []


def test_an_event_that_is_no_row_of_a_csv_has_no_results(viewer, network):
    event = network.crm({"id": "1"}).get_json()["event_id"]
    assert "not a row of a CSV" in viewer.get(f"/events/{event}/results", 409)["detail"]


def test_the_doctor_says_what_to_paste_where_routes_differ(operator):
    found = operator.get("/doctor", live=True)["data"]
    assert any(one["name"] == "main: routes" for one in found["checks"])
    assert found["paste"] == []


# --- what a person finds and reads on the pages ------------------------------------------------------


def test_a_search_finds_what_the_console_finds_and_leads_to_its_page(viewer, network):
    network.world.offer("Summer sale", clicks=10, active=True)
    network.rule(TIMED)
    network.work()
    found = viewer.get("/search", q="summer")["data"]
    assert [(one["kind"], one["name"], one["address"]) for one in found] == [
        ("offer", "Summer sale", "/items/offer/1001")
    ]
    assert viewer.get("/search", q="low-cr")["data"][0]["exact"]
    assert viewer.get("/search", q="nowhere-at-all")["data"] == []
    viewer.get("/search", 422)


def test_an_item_carries_what_happened_to_it(viewer, network):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(TIMED.replace("shadow", "live").replace("if_over: approve", "if_over: stop"))
    network.work()
    moments = viewer.get("/entities/offer/1001")["data"]["moments"]
    assert {(one["kind"], one["rule_id"]) for one in moments} >= {("effect", "low-cr")}
    assert "1 of 1,000 clicks" in next(one["detail"] for one in moments if one["kind"] == "effect")


def test_a_message_is_read_with_its_request_and_its_last_answer(viewer, admin, network):
    add_channel(network.services, "ops", "webhook", "https://127.0.0.1:9/hook", who="test", now=network.now)
    with network.services.store.write() as session:
        for state, channel in (("failed", "ops"), ("sent", "gone")):
            session.add(Notice(**EMPTY | {
                "channel": channel, "topic": "message", "dedupe_key": state, "text": "hello", "created_at": network.now,
                "due_at": network.now, "state": state, "error": "HTTP 503" if state == "failed" else None,
            }))  # fmt: skip
    [listed] = viewer.get("/notices", state="failed")["data"]
    told = viewer.get(f"/notices/{listed['id']}")["data"]
    assert (told["error"], told["request"]["data"]["text"]) == ("HTTP 503", "hello")
    [other] = viewer.get("/notices", channel="gone")["data"]
    assert viewer.get(f"/notices/{other['id']}")["data"]["request"] is None
    viewer.get("/notices/4711", 404)
    assert admin.post("/channels/ops/service-alerts", told=True)["data"] == {"channels": ["ops"]}
    assert admin.post("/channels/ops/service-alerts", told=False)["data"] == {"channels": []}
