"""A CSV posted to a source: all of it is right or nothing is taken, and every row can be followed to its end."""

import csv
import json

import pytest
from click.testing import CliRunner
from network import TOKEN, YAML, Network

from bridge.cli import cli
from bridge.operations import decide
from bridge.store.journal import Event

SOURCES = YAML.replace(
    "sources:\n",
    "sources:\n"
    '  many: {verify: bearer, token: "${CRM_TOKEN}", format: csv,'
    " expects: {email: email, name: text, country: 'country?'}}\n",
)
RULE = """
schema: 1
id: many-publishers
mode: live
trigger: {webhook: {source: many}}
when: {all: ['body.name != "nobody"']}
then:
  - id: pub
    ensure: publisher
    key: {email: "{{ body.email }}"}
    with: {name: "{{ body.name }}"}
  - ensure: user
    key: {email: "{{ body.email }}"}
    with: {role: accountManager, password: generate, first_name: "{{ pub.id }}"}
on_failure: undo
"""
FILE = "email,name\nann@example.com,Ann\nbob@example.com,Bob\ncyd@example.com,Cyd\n"


@pytest.fixture
def many(tmp_path, sqlite_url, now, monkeypatch):
    made = Network(tmp_path / "many", sqlite_url, now, monkeypatch, yaml=SOURCES)
    made.rule(RULE)
    monkeypatch.setenv("BRIDGE_HOME", str(made.home))
    yield made
    made.close()


def post(network, text):
    headers = {"authorization": f"Bearer {TOKEN}", "content-type": "text/csv"}
    return network.webhooks.post("/hooks/many", data=text, headers=headers)


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, list(arguments))
    assert found.exit_code == code, found.output
    return found.output


def results(event):
    return json.loads(run("events", "results", event, "--json"))


def people(network):
    return sorted(one.view()["name"] for one in network.world.directory.publishers.living())


def test_every_row_becomes_an_event_and_what_it_asks_for(many):
    answer = post(many, FILE)
    assert (answer.status_code, len(answer.get_json()["events"])) == (202, 3)
    many.work()
    assert people(many) == ["Ann", "Bob", "Cyd"]


def test_a_mistake_in_one_row_stops_all_of_them_and_names_its_place(many):
    answer = post(many, FILE + "nonsense,Dan\n,Eve\n")
    assert answer.status_code == 422
    assert "row 4, email" in answer.get_json()["detail"]
    assert "row 5, email" in answer.get_json()["detail"]
    assert many.all(Event) == []


def test_the_same_file_again_is_one_file(many):
    first, second = post(many, FILE).get_json(), post(many, FILE).get_json()
    assert second["duplicate"] is True
    assert [one["event_id"] for one in first["events"]] == [one["event_id"] for one in second["events"]]


def test_the_result_has_a_line_for_each_row(many):
    event = post(many, FILE).get_json()["event_id"]
    many.work()
    found = results(event)
    assert [(one["row"], one["status"]) for one in found] == [(1, "done"), (2, "done"), (3, "done")]
    assert found[0]["made"].count("created") == 2


def test_any_row_leads_to_the_whole_file(many):
    rows = post(many, FILE).get_json()["events"]
    assert len(results(rows[2]["event_id"])) == 3


def test_before_the_work_is_done_rows_wait(many):
    event = post(many, FILE).get_json()["event_id"]
    assert {one["status"] for one in results(event)} == {"waiting"}
    decide.process_events(many.services, many.now)
    assert {one["status"] for one in results(event)} == {"waiting"}


def test_a_row_that_no_rule_wants_says_so(many):
    event = post(many, "email,name\nann@example.com,nobody\n").get_json()["event_id"]
    many.work()
    assert [one["status"] for one in results(event)] == ["nothing"]


def test_a_row_that_fails_says_why_and_hinders_no_other(many):
    many.world.faults.add({"kind": "status", "status": 422, "operation": "publishers.create", "count": 1})
    event = post(many, FILE).get_json()["event_id"]
    many.work()
    found = results(event)
    assert sorted(one["status"] for one in found) == ["done", "done", "failed"]
    [failed] = [one for one in found if one["status"] == "failed"]
    assert "step pub failed" in failed["message"]


def test_a_later_step_that_fails_takes_the_earlier_one_back(many):
    many.world.faults.add({"kind": "status", "status": 422, "operation": "users.create", "count": 1})
    event = post(many, "email,name\nann@example.com,Ann\n").get_json()["event_id"]
    many.work()
    assert people(many) == []
    assert [one["status"] for one in results(event)] == ["undone"]


def test_the_result_can_be_a_file(many, tmp_path):
    event = post(many, FILE).get_json()["event_id"]
    many.work()
    path = tmp_path / "publishers.result.csv"
    run("events", "results", event, "--output", str(path))
    with path.open(newline="") as file:
        assert [row["status"] for row in csv.DictReader(file)] == ["done"] * 3


def test_no_result_is_run_by_a_spreadsheet(many, tmp_path):
    """Integr8 refuses with the words of the row, which a partner wrote."""
    many.world.faults.add({"kind": "status", "status": 422, "operation": "publishers.create", "count": 9})
    event = post(many, "email,name\n=cmd@example.com,=1+1\n-5@example.com,Ann\n").get_json()["event_id"]
    many.work()
    path = tmp_path / "publishers.result.csv"
    run("events", "results", event, "--output", str(path))
    with path.open(newline="") as file:
        cells = [cell for row in csv.DictReader(file) for cell in row.values()]
    assert len(cells) == 12
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


def test_an_event_that_is_no_row_is_refused_with_a_hint(many):
    event = many.crm({"id": "1", "type": "deal"}).get_json()["event_id"]
    assert "is not a row of a CSV" in run("events", "results", event, code=1)
