"""`rules` on the command line: revisions, reloading, and what would change."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from rule_texts import onboarding_rule

from bridge.cli import cli

RULE = onboarding_rule(mode="shadow", when="body.size > 10")


@pytest.fixture
def home(network, monkeypatch):
    """Two revisions of one rule, and one event."""
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))
    network.now = datetime.now(UTC) - timedelta(minutes=1)
    network.rule(RULE)
    network.pass_time(seconds=1)
    network.rule(RULE.replace("> 10", "> 20"))
    network.event_id = network.crm({"id": "1", "size": 15}).get_json()["event_id"]
    network.work()
    return network


def run(*arguments, code=0):
    found = CliRunner().invoke(cli, ["rules", *arguments])
    assert found.exit_code == code, found.output
    return found.output


def revisions():
    return json.loads(run("history", "onboarding", "--json"))


@pytest.mark.parametrize("broken", [b"id: caf\xe9", None], ids=["not UTF-8", "a link to nowhere"])
def test_a_file_that_cannot_be_read_is_named_and_all_other_tests_run(home, broken):
    path = home.home / "rules" / "broken.yaml"
    path.symlink_to("nowhere") if broken is None else path.write_bytes(broken)
    assert "broken.yaml:1:1: " in run("test", code=1)


def test_a_backtest_of_a_file_that_cannot_be_read_names_it(home):
    path = home.home / "broken.yaml"
    path.write_bytes(b"id: caf\xe9")
    assert "broken.yaml:1:1: not UTF-8" in run("backtest", str(path), "--from", "2026-01-01", code=1)


def test_all_revisions_are_listed_newest_first_and_the_live_one_is_marked(home):
    assert [one["live"] for one in revisions()] == [True, False]


def test_the_text_of_an_old_revision_can_be_read(home):
    assert "body.size > 10" in run("history", "onboarding", "--revision", revisions()[1]["revision"][:10])


def test_a_revision_that_never_was_says_so(home):
    assert "rules history onboarding" in run("history", "onboarding", "--revision", "zzz", code=1)


def test_showing_a_rule_can_show_its_history_too(home):
    assert json.loads(run("show", "onboarding", "--history", "--json")) == revisions()


def test_an_unknown_rule_says_where_to_look(home):
    assert "rules list" in run("history", "nothing", code=1)


def test_a_reload_speaks_json(home):
    assert json.loads(run("reload", "--json")) == {"rules": 1, "changed": False, "problems": []}


def test_a_draft_is_compared_with_the_live_rule_on_the_newest_events(home, tmp_path):
    draft = tmp_path / "draft.yaml"
    draft.write_text(RULE)
    [row] = json.loads(run("diff", str(draft), "--json"))
    assert (row["subject"], row["live"], row["new"]) == (f"event={home.event_id}", "no", "yes")


def test_the_schema_for_editors_is_json(home):
    assert json.loads(run("schema"))["$schema"].startswith("https://json-schema.org")


def test_an_explanation_speaks_json_with_the_last_looks(home):
    found = json.loads(run("explain", "onboarding", "--subject", f"event={home.event_id}", "--json"))
    assert found["answer"] == "no"
    assert len(found["evaluations"]) == 1
    assert found["looks"] == found["evaluations"]  # its name in 0.1.0
