"""`events` on the command line: finding, sending again, and deciding about what was put aside."""

import json
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner
from rule_texts import onboarding_rule

from bridge.cli import cli
from bridge.store.journal import Event


@pytest.fixture
def home(network, monkeypatch):
    """One event of type deal and one of type note, both handled."""
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))
    network.now = datetime.now(UTC)
    network.rule(onboarding_rule())
    for kind in ("deal", "note"):
        setattr(network, kind, network.crm({"id": kind, "type": kind, "go": False}).get_json()["event_id"])
    network.work()
    return network


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, ["events", *arguments])
    assert found.exit_code == code, found.output
    return found.output


def put_aside(network, event_id):
    with network.services.store.write() as session:
        session.get(Event, event_id).state = "dead"


def test_events_are_found_by_their_type(home):
    assert [one["event"] for one in json.loads(run("list", "--type", "note", "--json"))] == [home.note]


def test_events_go_through_the_rules_again_by_type(home):
    assert len(json.loads(run("replay", "--type", "deal", "--json"))["replays"]) == 1


def test_a_replay_of_everything_must_be_asked_for_in_words(home):
    assert "name events, or a filter" in run("replay", code=2)


def test_a_filter_that_finds_nothing_is_a_failure(home):
    for words in (["--type", "dea"], ["--source", "cmr"], ["--source", ""]):
        assert "no event is named or matches, so none was replayed" in run("replay", *words, code=1)


def test_a_filter_that_would_be_passed_over_is_wrong_usage(home):
    for words in ([home.deal, "--type", "note"], ["--type", "note", "--cancel"], [home.deal, "--cancel"]):
        assert "only one of these" in run("replay", *words, code=2)


def test_replays_that_wait_are_cancelled(home):
    run("replay", "--since", "1h", "--per-minute", "1")
    assert "2 replays cancelled" in run("replay", "--cancel")


def test_a_dead_event_is_accepted_with_a_correction(home, tmp_path):
    put_aside(home, home.deal)
    fixed = tmp_path / "fixed.json"
    fixed.write_text('{"id": "deal", "type": "deal", "go": true}')
    assert "goes through the rules" in run("accept", home.deal, "--body", str(fixed))
    assert [one["event"] for one in json.loads(run("list", "--state", "received", "--json"))] == [home.deal]


def test_a_dead_event_is_discarded_with_a_reason(home):
    put_aside(home, home.deal)
    run("discard", home.deal, "--why", "a test")
    assert "discarded by" in run("show", home.deal)


def test_an_event_that_was_handled_is_not_put_aside(home):
    assert "replay it instead" in run("discard", home.deal, code=1)
