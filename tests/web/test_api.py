"""The API: who may ask for what, and that it does what the command line does."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from api_client import Caller
from openapi_spec_validator import validate
from rule_texts import onboarding_rule

from bridge.store import backtest_results
from bridge.store.journal import Event
from bridge.store.ledger import StoredPlan
from bridge.store.roles import Role
from bridge.web.access import OPEN_ENDPOINTS

RULE = onboarding_rule(mode="approve")


@pytest.fixture
def operator(app, token, network):
    network.now = datetime.now(UTC)
    network.rule(RULE)
    network.event_id = network.crm({"id": "1", "go": True}).get_json()["event_id"]
    network.work()
    return Caller(app, token(Role.OPERATOR))


# --- who may -----------------------------------------------------------------------------------------


def test_every_route_says_who_may_use_it(app):
    silent = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        documented = rule.endpoint.startswith("api-docs") or rule.endpoint == "static"
        if rule.endpoint not in OPEN_ENDPOINTS and not documented and not hasattr(view, "needs"):
            silent.append(rule.endpoint)
    assert silent == []


def test_without_a_token_nothing_is_told(app):
    body = Caller(app, None).get("/runs", status=401)
    assert "tokens create" in body["detail"]


@pytest.mark.parametrize("text", ["", "nonsense", "ib_000000000000_wrong", "ib__", "Basic x"])
def test_a_wrong_token_is_refused(app, text):
    Caller(app, text or "x").get("/runs", status=401)


def test_a_viewer_may_look_and_not_touch(app, token):
    viewer = Caller(app, token(Role.VIEWER))
    viewer.get("/overview")
    assert "operator" in viewer.post("/halt", status=403, why="x")["detail"]


def test_an_expired_token_is_none(app, token):
    Caller(app, token(Role.ADMIN, lifetime=timedelta(seconds=-1))).get("/runs", status=401)


def test_a_revoked_token_is_none(app, token, network):
    text = token(Role.ADMIN)
    from sqlalchemy import update

    from bridge.store.tokens import Token

    Caller(app, text).get("/runs")
    with network.services.store.write() as session:
        session.execute(update(Token).values(revoked_at=datetime.now(UTC)))
    Caller(app, text).get("/runs", status=401)


def test_the_secret_is_not_in_the_database(token, network):
    text = token(Role.ADMIN)
    raw = b"".join(path.read_bytes() for path in network.home.parent.glob("bridge.db*"))
    assert text.rpartition("_")[2].encode() not in raw


# --- what they can do --------------------------------------------------------------------------------


def test_the_document_describes_the_api(app):
    validate(app.test_client().get("/api/v1/openapi.json").get_json())


@pytest.mark.parametrize(
    "path", ["/overview", "/events", "/runs", "/approvals", "/holds", "/rules", "/feeds", "/calls", "/audit"]
)
def test_every_listing_answers(operator, path):
    assert "data" in operator.get(path)


def test_a_plan_is_approved(operator, network):
    [plan] = operator.get("/approvals")["data"]
    assert operator.post(f"/approvals/{plan['id']}/approve")["data"]["state"] == "ready"
    network.pass_time(minutes=1)
    network.work()
    assert len(list(network.world.directory.publishers.living())) == 1
    assert "does not wait" in operator.post(f"/approvals/{plan['id']}/approve", status=409)["detail"]


def test_a_waiting_plan_shows_what_changed_since(operator):
    assert operator.get("/approvals/1")["data"]["changed"] == "nothing"


def test_events_go_through_the_rules_again_by_filter_and_can_be_cancelled(operator, network):
    since = (network.now - timedelta(hours=1)).isoformat()
    assert "no event" in operator.post("/events/replay", 422, since=since, type="none")["detail"]
    assert operator.post("/events/replay", 202, since=since)["data"]["events"] == 1
    assert operator.post("/events/replay/cancel")["data"]["cancelled"] == 1


def test_a_dead_event_is_accepted_with_a_correction_or_discarded(operator, network):
    path = f"/events/{network.event_id}"
    operator.post(f"{path}/accept", 409)
    with network.services.store.write() as session:
        session.get(Event, network.event_id).state = "dead"
    operator.post(f"{path}/accept", 409, body="{")
    operator.post(f"{path}/discard", why="a test")
    assert operator.get(path)["data"]["state"] == "done"


def test_an_empty_list_of_targets_is_refused_and_never_means_all(operator, network):
    for answer in ({"only": []}, {"only": ["offer=7"]}):
        assert operator.post("/approvals/1/approve", status=422, **answer)["status"] == 422
    assert operator.get("/approvals")["data"][0]["state"] == "waiting"


def test_a_program_that_says_how_many_changes_it_means_gets_no_other_number(operator, network):
    for wrong in (0, 2):
        asked = operator.post("/approvals/1/approve", 409, confirm=wrong)
        assert asked["title"] == "Confirmation needed"
        assert "approve 1 change: " in asked["detail"]
        assert '"confirm": 1' in asked["detail"]
    assert operator.post("/approvals/1/approve", confirm=1)["data"]["state"] == "ready"
    network.pass_time(minutes=1)
    network.work()
    assert "undo 1 change: " in operator.post("/runs/1/undo", 409, confirm=40)["detail"]
    operator.post("/runs/1/undo", confirm=1)


def test_a_run_is_shown_and_undone(operator, network):
    operator.post("/approvals/1/approve")
    network.pass_time(minutes=1)
    network.work()
    assert operator.get("/runs/1")["data"]["plans"][0]["effects"][0]["state"] == "applied"
    operator.post("/runs/1/undo")
    network.pass_time(minutes=1)
    network.work()
    assert list(network.world.directory.publishers.living()) == []


def test_an_explanation_comes_over_http(operator, network):
    found = operator.get("/rules/onboarding/explain", subject=f"event={network.event_id}")["data"]
    assert found["answer"] == "yes"
    assert found["trace"]["parts"]


def test_what_is_not_there_says_so(operator):
    for path in ("/runs/99", "/events/none", "/rules/none"):
        assert operator.get(path, status=404)["title"] == "Not done"


def test_a_listing_is_read_page_by_page(operator, network):
    for number in range(5):
        network.crm({"id": f"more-{number}", "go": False})
    seen, after = [], None
    while True:
        found = operator.get("/events", limit=2, **({"after": after} if after else {}))
        seen += [row["id"] for row in found["data"]]
        after = found["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 6


def test_nonsense_in_a_query_is_refused_in_words(operator):
    assert operator.get("/events", status=422, limit=100000)


def test_one_rule_is_halted_beside_everything_and_says_what_waits(operator, lived_in):
    lived_in()
    assert operator.post("/halt", why="odd", rule="low-cr")["data"]["scope"] == "rule"
    [found] = operator.get("/halts")["data"]
    assert (found["name"], found["waiting"]["events"]) == ("low-cr", 0)
    assert operator.post("/resume")["data"]["was_halted"] is False  # that would be the halt of everything
    assert operator.post("/resume", rule="low-cr")["data"]["was_halted"] is True
    assert operator.post("/halt", status=404, why="odd", rule="nowhere")["detail"].startswith("rule 'nowhere'")


def test_who_halted_is_in_the_audit(operator):
    operator.post("/halt", why="outage")
    assert operator.get("/audit")["data"][0]["what"] == "halt"
    assert operator.post("/resume")["data"]["was_halted"] is True


# --- the rest of the service -----------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/effects", "/entities", "/sources", "/rules/onboarding/history"])
def test_what_the_console_shows_is_there_for_programs_too(operator, path):
    assert isinstance(operator.get(path)["data"], list)


def test_an_effect_is_shown_with_its_calls(operator, network):
    operator.post("/approvals/1/approve")
    network.pass_time(minutes=1)
    network.work()
    [effect] = operator.get("/effects", state="applied")["data"]
    assert operator.get(f"/effects/{effect['id']}")["data"]["calls"]


def test_a_thing_at_integr8_is_found_by_part_of_its_name(operator, network):
    network.world.offer("Summer sale", active=True)
    network.pass_time(hours=1)
    network.work()
    [found] = operator.get("/entities", kind="offer", q="mmer")["data"]
    assert operator.get(f"/entities/offer/{found['ref']}")["data"]["name"] == "Summer sale"


def test_a_rule_runs_its_own_tests(operator):
    assert operator.post("/rules/onboarding/test")["data"] == []
    assert "not loaded" in operator.post("/rules/none/test", 404)["detail"]


def test_an_admin_makes_a_token_that_works_until_it_is_revoked(app, token):
    admin = Caller(app, token(Role.ADMIN))
    made = admin.post("/tokens", 201, name="grafana", role="viewer")["data"]["token"]
    Caller(app, made).get("/overview")
    number = next(row["id"] for row in admin.get("/tokens")["data"] if row["name"] == "grafana")
    admin.delete(f"/tokens/{number}")
    Caller(app, made).get("/overview", 401)


def test_an_operator_makes_no_tokens(operator):
    operator.post("/tokens", 403, name="x", role="admin")


def test_runs_are_told_as_they_happen(app, operator):
    answer = app.test_client().get("/api/v1/activity/stream?after=0&seconds=0", headers=operator._headers)
    lines = answer.get_data(as_text=True)
    assert answer.content_type == "text/event-stream"
    assert "id: 1\nevent: run\ndata: {" in lines


def test_a_stream_that_comes_back_goes_on_where_it_was(app, operator):
    headers = {**operator._headers, "Last-Event-ID": "1"}
    answer = app.test_client().get("/api/v1/activity/stream?seconds=0", headers=headers)
    assert "event: run" not in answer.get_data(as_text=True)


# --- writes that come twice ----------------------------------------------------------------------------


def keyed(app, operator, path, key, **body):
    return app.test_client().post(f"/api/v1{path}", headers={**operator._headers, "Idempotency-Key": key}, json=body)


def test_a_write_that_comes_twice_is_done_once(app, operator, network):
    path = f"/events/{network.event_id}/replay"
    first, second = (keyed(app, operator, path, "k1") for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.get_json() == second.get_json()
    assert len(operator.get("/events")["data"]) == 2


def test_a_key_is_for_one_request(app, operator):
    keyed(app, operator, "/halt", "k1", why="outage")
    assert keyed(app, operator, "/halt", "k1", why="something else").status_code == 422


def test_two_people_may_choose_the_same_key(app, operator, token):
    keyed(app, operator, "/halt", "k1", why="outage")
    other = Caller(app, token(Role.ADMIN))
    assert keyed(app, other, "/halt", "k1", why="another").status_code == 200


def test_a_refusal_is_repeated_too(app, operator):
    for _ in range(2):
        assert keyed(app, operator, "/runs/99/undo", "k1").status_code == 404


@pytest.mark.parametrize("number", [10**30, 2**63])
def test_a_number_too_large_for_an_id_is_no_fault(operator, number):
    for path in ("/runs", "/effects", "/approvals"):
        operator.get(f"{path}/{number}", status=404)
    for path in ("/runs", "/effects", "/holds", "/calls", "/audit"):
        operator.get(path, 422, after=str(number))


@pytest.mark.parametrize("text", ["²", "٣", "-1", "x"])
def test_a_cursor_of_ours_is_a_number_and_anything_else_is_refused(operator, text):
    assert "take `next` of the page before" in operator.get("/runs", 422, after=text)["detail"]


# --- pages, and what the console and the command line can do ---------------------------------------------


@pytest.fixture
def admin(app, operator, token):
    return Caller(app, token(Role.ADMIN))


LISTINGS = (
    "/events", "/runs", "/effects", "/approvals", "/holds", "/entities", "/rules", "/rules/onboarding/history",
    "/rules/onboarding/backtests", "/feeds", "/calls", "/audit", "/sources", "/channels", "/channel-mutes", "/tokens",
    "/users", "/notices",
)  # fmt: skip


@pytest.mark.parametrize("path", LISTINGS)
def test_every_listing_is_read_page_by_page(admin, network, path):
    network.pass_time(hours=1)
    network.work()
    whole = admin.get(path, limit=500)["data"]
    seen, after = [], None
    for _ in range(len(whole) + 1):
        found = admin.get(path, limit=1, **({"after": after} if after else {}))
        seen += found["data"]
        after = found["next"]
        if after is None:
            break
    assert [row.get("id", row) for row in seen] == [row.get("id", row) for row in whole]


def test_plans_are_ranked_by_money_and_one_that_was_answered_hides_no_other(operator, network):
    with network.services.store.write() as session:
        for money in (None, Decimal(5), Decimal(5)):
            plan = StoredPlan(run_id=1, rule_id="onboarding", state="waiting", created_at=network.now, money_24h=money)
            session.add(plan)
    first = operator.get("/approvals", limit=2)
    operator.post(f"/approvals/{first['next']}/reject", why="a test")
    rest = operator.get("/approvals", after=first["next"])["data"]
    assert [plan["money_24h"] and Decimal(plan["money_24h"]) for plan in first["data"] + rest] == [5, 5, None, None]


def test_the_mode_of_a_rule_is_changed(operator, network):
    assert operator.post("/rules/onboarding/mode", mode="shadow")["data"]["before"] == "approve"
    assert operator.get("/rules")["data"][0]["mode"] == "shadow"
    operator.post("/rules/onboarding/mode", 409, mode="shadow")


def test_a_rule_about_events_has_no_past_to_be_tried_on(operator):
    time_range = {"from": "2026-03-01T00:00:00+00:00", "to": "2026-03-02T00:00:00+00:00"}
    operator.post("/rules/onboarding/backtests", 400, **time_range)


def test_a_rule_about_traffic_is_tried_on_the_past(operator, network):
    network.rule(
        "schema: 1\nid: low\ntrigger: {every: 1h}\nscope: {per: [offer]}\ndata: {window: 24h, need: {clicks: 100}}\n"
        "when: {all: [cr < 1%]}\nthen: [{pause: offer, hold: 12h}]\n",
        "low.yaml",
    )
    time_range = {"from": "2026-03-01T00:00:00+00:00", "to": "2026-03-02T00:00:00+00:00"}
    asked = operator.post("/rules/low/backtests", 202, **time_range)["data"]
    assert asked["state"] == "waiting"
    network.work()
    done = operator.get(f"/backtest-jobs/{asked['id']}")["data"]
    assert (done["state"], done["evaluations_done"]) == ("done", 25)
    [made] = operator.get("/rules/low/backtests")["data"]
    figures = made["figures"]
    assert (made["id"], figures["evaluations"]) == (done["backtest_id"], 25)
    assert done["looks_done"] == 25  # the names of 0.1.0 are answered for one more version
    assert [figures[name] for name in ("looks", "kept", "lost")] == [
        figures[name] for name in ("evaluations", "loss_avoided", "profit_forgone")
    ]


def test_a_result_that_an_earlier_version_wrote_is_read_under_todays_names(operator, network):
    at = datetime(2026, 3, 1, tzinfo=UTC)
    with network.services.store.write() as session:
        backtest_results.keep(
            session,
            {
                "rule_id": "onboarding", "revision": "0" * 16, "made_at": at, "by": "anna", "start": at, "end": at,
                "against": "live", "plots": [], "page": "",
                "stored_figures": {"looks": 7, "kept": "1.50", "lost": "0", "fires": [{"kept": "1.50", "lost": "0"}]},
            },
        )  # fmt: skip
    [row] = operator.get("/rules/onboarding/backtests")["data"]
    assert row["figures"] | {"fires": None} == {
        "evaluations": 7, "loss_avoided": "1.50", "profit_forgone": "0", "fires": None,
        "looks": 7, "kept": "1.50", "lost": "0",
    }  # fmt: skip
    [pause] = row["figures"]["fires"]
    assert pause == {"loss_avoided": "1.50", "profit_forgone": "0", "kept": "1.50", "lost": "0"}


def test_a_silence_is_made_and_listed(operator):
    until = (datetime.now(UTC) + timedelta(hours=2)).isoformat()
    operator.post("/channel-mutes", 201, rule="onboarding", until=until, why="known outage")
    assert [row["rule_id"] for row in operator.get("/channel-mutes")["data"]] == ["onboarding"]
    operator.post("/channel-mutes", 400, until="2020-01-01T00:00:00+00:00", why="too late")
    for nothing in ({"rule": ""}, {"rule": "onbording"}, {"topic": ""}, {"topic": "pausd"}):
        operator.post("/channel-mutes", 422, until=until, why="known outage", **nothing)


def test_a_channel_that_is_not_there_is_not_tried(operator):
    operator.post("/channels/nowhere/test", 404)
    operator.post("/channels/nowhere/enable", 404)


def test_history_comes_in_as_csv_and_counts_once(app, operator):
    text = (
        "transaction_id,offer_id,publisher,status,request_time\n"
        "t1,42,7,Approved,2026-02-01 10:00:00\nt2,42,7,Approved,2026-02-01 11:00:00\n"
    )
    for new in (2, 0):
        answer = app.test_client().post(
            "/api/v1/reports/import?kind=clicks", data=text, content_type="text/csv", headers=operator._headers
        )
        assert answer.get_json()["data"]["new"] == new


def test_rows_of_another_kind_are_refused_in_words(app, operator):
    answer = app.test_client().post(
        "/api/v1/reports/import?kind=clicks", data="a,b\n1,2\n", content_type="text/csv", headers=operator._headers
    )
    assert answer.status_code == 400
    assert answer.get_json()["detail"]
    assert "tmp" not in answer.get_data(as_text=True)


def test_the_doctor_is_asked_over_http(operator):
    found = operator.get("/doctor")["data"]
    assert {"name", "status", "detail"} <= set(found["checks"][0])


# --- the description -----------------------------------------------------------------------------------


def operations(app):
    described = app.test_client().get("/api/v1/openapi.json").get_json()
    return described, {
        f"{verb.upper()} {path}": operation
        for path, verbs in described["paths"].items()
        for verb, operation in verbs.items()
        if verb in {"get", "post", "put", "patch", "delete"}
    }


def test_every_answer_names_its_fields(app):
    described, found = operations(app)
    generic = []
    for name, operation in found.items():
        good = next(answer for status, answer in operation["responses"].items() if status.startswith("2"))
        if "text/event-stream" in good["content"]:
            continue
        schema = described["components"]["schemas"][
            good["content"]["application/json"]["schema"]["$ref"].split("/")[-1]
        ]
        data = schema["properties"]["data"]
        if "$ref" not in data.get("items", data):
            generic.append(name)
    assert generic == []


def test_every_write_takes_an_idempotency_key_unless_its_answer_is_a_secret(app):
    _, found = operations(app)
    without = {
        name
        for name, operation in found.items()
        if not name.startswith("GET")
        and all(each.get("name") != "Idempotency-Key" for each in operation.get("parameters", []))
    }
    assert without == {
        "POST /api/v1/tokens",
        "POST /api/v1/users",
        "POST /api/v1/users/{user_id}/password",
        "POST /api/v1/effects/{effect_id}/secret",
    }


def test_every_refusal_is_described_as_a_problem(app):
    _, found = operations(app)
    for name, operation in found.items():
        assert "application/problem+json" in operation["responses"]["default"]["content"], name


def test_every_listing_takes_a_cursor(app):
    _, found = operations(app)
    for name, operation in found.items():
        good = operation["responses"].get("200", {}).get("content", {}).get("application/json")
        is_short = name.endswith(("/test", "/costs", "/reports/fetch", "/search"))  # by nature
        if good and good["schema"]["$ref"].endswith("Page") and not is_short:
            assert {"limit", "after"} <= {each["name"] for each in operation.get("parameters", [])}, name


def test_a_generated_password_is_handed_over_once(operator, network):
    network.rule(
        RULE.replace("id: onboarding", "id: login")
        .replace("mode: approve", "mode: live")
        .replace("ensure: publisher", "ensure: user")
        .replace("with: {name: Ann}", "with: {role: accountManager, password: generate}"),
        "login.yaml",
    )
    network.crm({"id": "login", "go": True})
    network.work()
    number = next(row["id"] for row in operator.get("/effects", rule="login")["data"])
    assert len(operator.post(f"/effects/{number}/secret")["data"]["secret"]["password"]) >= 20
    operator.post(f"/effects/{number}/secret", 409)


# --- a selection that would not be read --------------------------------------------------------------


def test_a_selection_under_another_content_type_is_no_selection_of_everything(app, operator):
    for kind in ("application/x-www-form-urlencoded", "text/plain", None):
        send = {"data": '{"only": ["publisher=7"]}', "headers": operator._headers, "content_type": kind}
        answer = app.test_client().post("/api/v1/approvals/1/approve", **send)
        assert answer.status_code == 415
        assert "send it with Content-Type: application/json" in answer.get_json()["detail"]
    assert [one["id"] for one in operator.get("/approvals")["data"]] == [1]


def test_a_body_that_is_announced_and_empty_is_no_selection_of_everything(app, operator):
    """Such as one of HTTP/1.0 without a length: it is lost on its way."""
    for kind in ("application/json", "application/json; charset=utf-8", "text/plain"):
        send = {"data": "", "headers": operator._headers, "content_type": kind}
        answer = app.test_client().post("/api/v1/approvals/1/approve", **send)
        assert answer.status_code == 400
        assert "Content-Type announces a body, and none came" in answer.get_json()["detail"]
    assert [one["id"] for one in operator.get("/approvals")["data"]] == [1]


def test_a_selection_in_the_address_is_no_selection_of_everything(operator):
    said = operator.post("/approvals/1/approve?only=publisher%3D7", 422)["detail"]
    assert said == "only: belongs into the body, as JSON; the address takes no parameters here"
    assert [one["id"] for one in operator.get("/approvals")["data"]] == [1]


def test_no_route_passes_over_what_is_sent_beside_its_json(app, token):
    headers = {"authorization": f"Bearer {token(Role.ADMIN)}"}
    asked = 0
    for rule in app.url_map.iter_rules():
        described = getattr(app.view_functions[rule.endpoint], "_apidoc", {}).get("arguments", {})
        if any(one["in"] == "json" for one in described.get("parameters", ())):
            path = app.url_map.bind("x").build(rule.endpoint, dict.fromkeys(rule.arguments, 1))
            [method] = rule.methods - {"OPTIONS"}
            send = app.test_client().open
            assert send(path, method=method, headers=headers, data="only=1").status_code == 415, path
            empty = send(path, method=method, headers=headers, data="", content_type="application/json")
            assert empty.status_code == 400, path
            assert send(f"{path}?only=1", method=method, headers=headers, json={}).status_code == 422, path
            asked += 1
    assert asked > 20
