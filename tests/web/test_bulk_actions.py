"""Undo of several runs and the end of many pauses: one question with count and money, then all of it; or nothing."""

import re
from datetime import UTC, datetime

import pytest
from api_client import Caller
from rule_texts import minute_rule

from bridge.store.holds import Hold, HoldState
from bridge.store.roles import Role

ALL = "{at_most: {targets: 100, share: 100%}}"


@pytest.fixture
def two_runs(network):
    """Two runs that paused an offer each."""
    network.now = datetime.now(UTC)
    network.world.offer("Good", clicks=200, conversions=10, active=True)
    network.world.offer("Bad", clicks=300, conversions=0, active=True)
    network.world.offer("Worse", clicks=300, conversions=0, active=True)
    for name in ("Bad", "Worse"):
        only = f"scope: {{per: [offer], where: {{offer.name: [{name}]}}}}"
        network.rule(
            minute_rule(f"stop-{name.lower()}", guards=ALL).replace("scope: {per: [offer]}", only), f"{name}.yaml"
        )
    network.work()
    assert network.paused == ["Bad", "Worse"]
    return network


def ticked(page):
    """The runs that can be ticked, and how many changes each stands for."""
    return dict(re.findall(r'name="run" value="(\d+)" data-changes="(\d+)"', page))


def go_on(network):
    network.pass_time(minutes=1)
    network.work()


def test_several_runs_are_undone_after_one_question_with_their_changes(two_runs, browser):
    operator = browser()
    runs = ticked(operator.open("/activity"))
    assert list(runs.values()) == ["1", "1"]
    question = operator.press("/activity", "/runs/undo", run=list(runs))
    assert "Undo 2 changes of 2 runs?" in question
    assert "Bad (offer 1002)" in question
    go_on(two_runs)
    assert two_runs.paused == ["Bad", "Worse"]  # nothing was done yet
    assert "undoes it" in operator.press("/activity", "/runs/undo", run=list(runs), sure="2")
    go_on(two_runs)
    assert two_runs.paused == []


def test_no_run_ticked_is_no_undo(two_runs, browser):
    assert "none was undone" in browser().press("/activity", "/runs/undo")
    go_on(two_runs)
    assert two_runs.paused == ["Bad", "Worse"]


def test_an_undo_of_no_change_is_told_and_not_asked_about(two_runs, browser):
    assert "run 999: not found" in browser().press("/activity", "/runs/undo", run="999")


def test_an_empty_name_halts_and_resumes_nothing(two_runs, browser):
    operator = browser()
    for name in ("rule", "account", "advertiser"):
        page = operator.press("/", "/halt", **{name: ""})
        assert ("not found" in page, "Halted:" in page) == (True, False)
    operator.press("/", "/halt")
    assert "Nothing was halted" in operator.press("/", "/resume", rule="")


def test_a_run_that_cannot_be_undone_keeps_no_other(two_runs, app, token):
    api_client = Caller(app, token(Role.OPERATOR))
    found = api_client.post("/runs/undo", runs=[1, 9999])["data"]["runs"]
    assert [(one["run"], one["problem"] is None) for one in found] == [(9999, False), (1, True)]
    assert api_client.post("/runs/undo", status=409, runs=[1], confirm=7)["title"] == "Confirmation needed"


def test_all_pauses_that_the_filter_shows_are_ended_after_one_question(network, browser):
    network.now = datetime.now(UTC)
    network.world.offer("Good", clicks=200, conversions=10, active=True)
    for number in range(12):
        network.world.offer(f"Bad {number}", clicks=200, conversions=0, active=True)
    network.rule(minute_rule("low", guards=ALL))
    network.work()
    assert len(network.paused) == 12
    operator = browser()
    assert "End 12 pauses?" in operator.press("/holds", "/holds/release", which="filter", rule="low")
    assert "nothing" in operator.press("/holds", "/holds/release", which="filter", rule="another").lower()
    assert "12 items go back" in operator.press("/holds", "/holds/release", which="filter", rule="low", sure="12")
    assert {hold.state for hold in network.all(Hold)} != {HoldState.ACTIVE}
