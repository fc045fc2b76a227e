"""The API: who may ask for what, and that it does what the command line does."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from openapi_spec_validator import validate

from bridge.store.journal import Event
from bridge.store.people import Role
from bridge.web import access, api, health, problems
from bridge.web.access import OPEN, make

RULE = """
schema: 1
id: onboarding
mode: approve
trigger: {webhook: {source: crm}}
when: {all: [body.go = true]}
then:
  - ensure: publisher
    key: {email: "ann@example.com"}
    with: {name: Ann}
"""


@pytest.fixture
def app(network):
    made = Flask("api")
    access.register(made, network.house)
    made.register_blueprint(health.blueprint(network.house))
    api.register(made, network.house)
    problems.register(made)
    return made


class Caller:
    def __init__(self, app, token):
        self._http = app.test_client()
        self._headers = {"authorization": f"Bearer {token}"} if token else {}

    def get(self, path, status=200, **query):
        return self._answer(self._http.get(f"/api/v1{path}", headers=self._headers, query_string=query), status)

    def post(self, path, status=200, **body):
        return self._answer(self._http.post(f"/api/v1{path}", headers=self._headers, json=body), status)

    def delete(self, path, status=200):
        return self._answer(self._http.delete(f"/api/v1{path}", headers=self._headers), status)

    @staticmethod
    def _answer(found, status):
        assert found.status_code == status, found.get_data(as_text=True)
        return found.get_json()


@pytest.fixture
def token(network):
    def new(role, **more):
        with network.house.store.write() as session:
            return make(session, name=str(role), role=role, who="test", now=datetime.now(UTC), **more)

    return new


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
        if rule.endpoint not in OPEN and not documented and not hasattr(view, "needs"):
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

    from bridge.store.people import Token

    Caller(app, text).get("/runs")
    with network.house.store.write() as session:
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
    assert operator.post("/events/replay", 202, since=since, type="none")["data"]["events"] == 0
    assert operator.post("/events/replay", 202, since=since)["data"]["events"] == 1
    assert operator.post("/events/replay/cancel")["data"]["cancelled"] == 1


def test_a_dead_event_is_accepted_with_a_correction_or_discarded(operator, network):
    path = f"/events/{network.event_id}"
    operator.post(f"{path}/accept", 409)
    with network.house.store.write() as session:
        session.get(Event, network.event_id).state = "dead"
    operator.post(f"{path}/accept", 409, body="{")
    operator.post(f"{path}/discard", why="a test")
    assert operator.get(path)["data"]["state"] == "done"


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


def test_who_halted_is_in_the_audit(operator):
    operator.post("/halt", why="outage")
    assert operator.get("/audit")["data"][0]["what"] == "halt"
    assert operator.post("/resume")["data"]["was_halted"] is True


# --- the rest of the house -----------------------------------------------------------------------------


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
        operator.get(path, after=str(number))


@pytest.mark.parametrize("text", ["²", "٣", "-1", "x"])
def test_a_cursor_of_ours_is_a_number_and_anything_else_is_none(operator, text):
    operator.get("/runs", after=text)
