"""The command line as people use it: what it prints, what it refuses, how it exits."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import click
import pytest
from click.testing import CliRunner

from bridge.cli import COMMANDS, cli, targets
from bridge.cli.session import cell, show
from bridge.config import rulebook
from bridge.operations import confirmation

RULE = """
schema: 1
id: onboarding
title: Publishers from deals
owner: partners
mode: approve
trigger: {webhook: {source: crm}}
when: {all: [body.go = true]}
then:
  - ensure: publisher
    key: {email: "ann@example.com"}
    with: {name: Ann}
tests:
  - {given: {body: {go: true}}, expect: yes}
"""


@pytest.fixture
def run(monkeypatch):
    def invoke(*arguments, code=0):
        found = CliRunner().invoke(cli, list(arguments))
        assert found.exit_code == code, found.output
        return found.output

    return invoke


@pytest.fixture
def home(network, monkeypatch, run):
    monkeypatch.setenv("BRIDGE_HOME", str(network.home))
    network.now = datetime.now(UTC)  # commands read the real clock
    network.rule(RULE)
    network.event_id = network.crm({"id": "1", "go": True}).get_json()["event_id"]
    network.work()
    return network


def test_every_command_of_the_design_exists():
    wanted = "demo up init check doctor halt resume rules events runs approvals holds api reports tokens db simulator"
    assert set(wanted.split()) <= set(COMMANDS)


@pytest.mark.parametrize("command", sorted(COMMANDS))
def test_every_command_has_a_help_text(run, command):
    assert "Usage:" in run(command, "--help")


@pytest.mark.parametrize("listing", ["rules", "runs", "events", "approvals", "holds"])
def test_every_listing_speaks_json(home, run, listing):
    assert isinstance(json.loads(run(listing, "list", "--json")), list)


def test_what_waits_can_be_seen_and_approved(home, run):
    assert "onboarding" in run("approvals", "list")
    assert "1 effect" in run("approvals", "approve", "1")
    home.pass_time(minutes=1)
    home.work()
    assert len(list(home.world.directory.publishers.living())) == 1


def test_a_person_is_asked_about_what_is_large(home, run, monkeypatch):
    """Without a terminal nobody could answer, so a script goes on as it always did."""
    monkeypatch.setattr(confirmation, "CONFIRM_FROM", 0)
    monkeypatch.setattr(targets, "somebody_can_answer", lambda: True)
    assert "approve 1 change: " in run("approvals", "approve", "1", code=1)
    assert "ready, 1 effect" in run("approvals", "approve", "1", "--yes")
    home.pass_time(minutes=1)
    home.work()
    assert "undo 1 change: " in run("runs", "undo", "1", code=1)
    monkeypatch.setattr(targets, "somebody_can_answer", lambda: False)
    assert "undoes run 1" in run("runs", "undo", "1")


def test_what_cannot_be_done_says_why_and_exits_with_one(home, run):
    assert "approvals list" in run("approvals", "approve", "99", code=1)


def test_wrong_usage_exits_with_two(home, run):
    assert "write KIND=ID" in run("runs", "undo", "1", "--only", "offer", code=2)


def test_a_run_reads_as_a_story(home, run):
    story = run("runs", "show", "1")
    assert "onboarding (approve)" in story
    assert "ensure publisher" in story


def test_an_event_shows_its_body_and_its_runs(home, run):
    shown = json.loads(run("events", "show", home.event_id, "--json"))
    assert shown["body"]["go"] is True
    assert shown["runs"][0]["rule"] == "onboarding"


def test_an_explanation_names_the_condition(home, run):
    text = run("rules", "explain", "onboarding", "--subject", f"event={home.event_id}")
    assert "body.go" in text


def test_an_unknown_rule_lists_those_that_exist(home, run):
    assert "rules are: onboarding" in run("rules", "explain", "onboarding2", "--subject", "event=x", code=1)


def test_the_rules_own_tests_run(home, run):
    assert "yes" in run("rules", "test")


def test_one_account_is_halted_listed_and_resumed(home, run):
    assert "account main is halted since" in run("halt", "--why", "outage", "--account", "main")
    assert "account main" in run("halts")
    assert "account main" in run("resume", code=1)
    assert "resumed" in run("resume", "--account", "main")
    assert "nothing is halted" in run("halts")


@pytest.mark.parametrize("name", ["--rule", "--account", "--advertiser"])
def test_an_empty_name_is_not_everything(home, run, name):
    assert "not found" in run("halt", "--why", "outage", name, "", code=1)
    assert "nothing is halted" in run("halts")
    run("halt", "--why", "outage")
    run("resume", name, "", code=1)
    assert "everything" in run("halts")


def test_a_halt_is_seen_and_ends(home, run):
    assert "halted since" in run("halt", "--why", "outage")
    assert "outage" in run("resume")
    run("resume", code=1)


def test_everything_can_be_halted_while_a_secret_is_missing(home, run, monkeypatch):
    monkeypatch.delenv("CRM_TOKEN")
    told = run("halt", "--why", "outage")
    assert "CRM_TOKEN is not set" in told
    assert "halted since" in told
    monkeypatch.setenv("CRM_TOKEN", home.variables["CRM_TOKEN"])
    assert "outage" in run("halts")


def test_a_directory_that_is_no_home_is_not_halted(tmp_path, monkeypatch):
    monkeypatch.setenv("BRIDGE_HOME", str(tmp_path))
    monkeypatch.delenv("DATABASE_URL", raising=False)
    found = CliRunner().invoke(cli, ["halt", "--why", "outage"])
    assert "bridge.yaml is missing" in str(found.exception)
    assert list(tmp_path.iterdir()) == []


def test_a_broken_rule_is_named_with_its_place_and_the_remedy(home, run):
    (home.home / "rules" / "broken.yaml").write_text(RULE.replace("guards", "x").replace("when:", "whenn:"))
    assert "rules/broken.yaml:8:1: unknown key 'whenn'; did you mean 'when'?" in run("check", str(home.home), code=1)


def test_a_missing_variable_is_named_with_the_remedy(home, run, monkeypatch):
    monkeypatch.delenv("CRM_TOKEN")
    assert "CRM_TOKEN is not set; export it" in run("check", str(home.home), code=1)


def test_a_starter_directory_passes_its_own_check(run, tmp_path, monkeypatch):
    run("init", str(tmp_path / "mine"))
    assert "3 rules, 0 errors" in run("check", str(tmp_path / "mine"))
    assert "is not empty" in run("init", str(tmp_path / "mine"), code=1)


def test_a_secret_in_clear_is_refused(run, tmp_path):
    run("init", str(tmp_path / "mine"))
    file = tmp_path / "mine" / "bridge.yaml"
    file.write_text(file.read_text().replace('"${CRM_SECRET}"', "whsec_in_clear"))
    assert "sources.crm.secret: a secret is written in clear" in run("check", str(tmp_path / "mine"), code=1)


def test_runs_are_found_by_event_target_and_time(home, run):
    assert len(json.loads(run("runs", "list", "--event", home.event_id, "--json"))) == 1
    assert len(json.loads(run("runs", "list", "--target", "publisher=email=ann@example.com", "--json"))) == 1
    assert run("runs", "list", "--target", "offer=1") == "no such runs\n"


def test_holds_are_found_by_target(home, run):
    assert run("holds", "list", "--target", "offer=1", "--rule", "onboarding") == "nothing is held\n"


def test_one_plan_is_shown_with_what_changed_since(home, run):
    shown = run("approvals", "show", "1")
    assert "changed since: nothing" in shown
    assert "still so" in shown


def test_doctor_names_the_remedy_where_integr8_cannot_be_reached(home, run):
    file = home.home / "bridge.yaml"
    file.write_text(file.read_text().replace("http://integr8.test", "http://127.0.0.1:9"))  # nobody listens there
    told = {one["name"]: one for one in json.loads(run("doctor", "--json", code=1))["checks"]}
    assert "accounts.main.base_url" in told["main: offers"]["remedy"]
    assert told["database"]["status"] == "ok"


def test_a_rules_directory_that_is_gone_keeps_every_rule_alive(home):
    """Nobody deletes all rules by taking the directory away: it was not mounted, or is being exchanged."""
    (home.home / "rules").rename(home.home / "rules.aside")
    reading, _ = rulebook.publish(home.services.store, home.services.settings, now=home.now)
    assert [str(one) for one in reading.errors] == [
        "rules:1:1: there is no such directory; put it back, or make an empty one if there are to be no rules"
    ]
    with home.services.store.read() as session:
        assert list(home.services.library.current(session).revisions) == ["onboarding"]


def test_an_empty_rules_directory_means_no_rules(home):
    for path in (home.home / "rules").glob("*"):
        path.unlink()
    rulebook.publish(home.services.store, home.services.settings, now=home.now)
    with home.services.store.read() as session:
        assert list(home.services.library.current(session).revisions) == []


@pytest.mark.parametrize("text", ["offer=rmmtwwqbig", "publisher=email=a@b.de", "42"])
def test_an_item_may_have_an_id_without_a_digit(text):
    assert targets.chosen_targets([text]).texts == [text]


@pytest.mark.parametrize("text", ["offer=", "offers", "=", ""])
def test_what_can_be_no_item_is_wrong_usage(text):
    with pytest.raises(click.UsageError, match="write KIND=ID"):
        targets.chosen_targets([text])


@pytest.mark.parametrize(
    "text", ["[us] shoes", "[/b] shoes", "[bold]shoes[/bold]", "[red]", ":fire: sale", "{per: [offer]}"]
)
def test_a_table_shows_a_text_as_it_is(text, capsys):
    show([{"name": text}], ("name",), json=False, empty="none")
    assert text in capsys.readouterr().out


MONEY = {"0.0": "0", "0E-8": "0", "1E+2": "100", "12.50": "12.50", "-0.005": "-0.005"}


@pytest.mark.parametrize("money", MONEY)
def test_an_amount_is_plain_digits_in_every_table(money):
    assert cell(Decimal(money)) == MONEY[money]


ROWS = [
    "runs show", "runs undo", "runs undo 1", "holds release", "holds release 1", "approvals show", "approvals approve",
    "approvals reject --why x", "tokens revoke", "reports imports remove",
]  # fmt: skip


@pytest.mark.parametrize("command", ROWS)
@pytest.mark.parametrize("number", [2**63, 10**20, int("9" * 400)])
def test_a_number_that_no_row_can_have_is_refused_in_words(run, command, number):
    said = " ".join(run(*command.split(), str(number), code=2).split())
    assert "there is none of that number" in said.replace("│ ", "")


@pytest.mark.parametrize(
    "command",
    [
        "events list --limit 99999999999999999999", "runs list --limit 99999999999999999999", "runs list --limit -1",
        "runs list --since 99999999999d", "runs list --since 999999999999999999999999h", "events list --since 40000d",
        "reports fetch --days 99999999999",
    ],
)  # fmt: skip
def test_an_amount_that_nobody_means_is_refused_in_words(run, command):
    assert "Traceback" not in run(*command.split(), code=2)


def test_an_item_is_found_and_tells_what_happened_to_it(home, run):
    home.world.offer("Summer sale", clicks=10, active=True)
    home.pass_time(hours=1)
    home.work()
    assert "Summer sale" in run("items", "list", "--kind", "offer", "--text", "summer")
    assert "/items/offer/1001" in run("search", "summer")
    assert "offer 1001: Summer sale, active" in run("items", "show", "offer=1001")
    assert json.loads(run("items", "show", "offer=1001", "--json"))["name"] == "Summer sale"
    assert "not among" in run("items", "show", "offer=4711", code=1)
