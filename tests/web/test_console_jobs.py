"""The jobs of an account manager, followed by links and forms from the start page, with the actions that each takes."""

from datetime import UTC, datetime

import pytest
from console_visitor import Visitor
from network import ONBOARDING
from rule_texts import minute_rule

from bridge.store.roles import Role

ALL = "{at_most: {targets: 500, share: 100%}}"


def stopping(mode, number, every="1m"):
    """A network in which a rule finds this many offers without a conversion."""

    def make(network):
        network.now = datetime.now(UTC)
        for each in range(number):
            network.world.offer(f"Bad {each + 1}", clicks=3, conversions=0, active=True)
        rule = minute_rule("no-conversion", mode, guards=ALL).replace("need: {clicks: 100}", "need: {clicks: 2}")
        network.rule(rule.replace("every: 1m", f"every: {every}"))
        network.work()

    return make


def go_on(network):
    network.pass_time(minutes=1)
    network.work()


def test_why_an_offer_was_paused_is_two_actions_away(network, browser):
    stopping("live", 3)(network)
    visitor = Visitor(browser(Role.VIEWER))
    visitor.search("1002")
    visitor.follow("Why")
    assert visitor.actions == 2
    assert "no-conversion" in visitor.page.text
    assert "0 of 3 clicks" in visitor.page.text


def test_one_comes_back_and_39_stay_in_three_actions(network, browser):
    stopping("live", 40)(network)
    assert len(network.paused) == 40
    visitor = Visitor(browser())
    visitor.search("1009")
    visitor.press("Yes, end the pause")
    assert visitor.actions == 3
    go_on(network)
    assert len(network.paused) == 39
    assert "Bad 9" not in network.paused


def test_two_of_223_are_approved_in_four_actions(network, browser):
    stopping("approve", 223)(network)
    visitor = Visitor(browser())
    visitor.follow("223 changes")
    visitor.press("Approve the selected", tick=("offer 1007", "offer 1130"))
    assert visitor.actions == 4
    go_on(network)
    assert network.paused == ["Bad 130", "Bad 7"]


def test_everything_is_halted_and_resumed_from_any_page(network, browser):
    stopping("live", 1)(network)
    visitor = Visitor(browser())
    visitor.follow("Webhooks")
    visitor.press("Halt all changes", why="outage")
    assert visitor.actions == 3
    assert "outage" in visitor.page.text
    visitor.press("Resume")
    assert "Nothing is sent to Integr8" not in visitor.page.text


@pytest.mark.parametrize(("page", "button"), [("1002", "Halt its advertiser"), ("no-conversion", "Halt this rule")])
def test_a_part_is_halted_in_three_actions(network, browser, page, button):
    stopping("live", 3)(network)
    visitor = Visitor(browser())
    visitor.search(page)
    visitor.press(button, why="odd numbers")
    assert visitor.actions == 3
    assert "is halted by" in visitor.page.text


def test_thresholds_are_swept_without_a_shell(network, browser):
    stopping("shadow", 2, every="1h")(network)  # seven backtests of a week
    visitor = Visitor(browser())
    visitor.search("no-conversion")
    visitor.press("Sweep", low="0.5%", high="2%")
    assert visitor.actions == 3
    network.work()
    visitor.search("no-conversion")
    assert "Thresholds of cr" in visitor.page.text
    assert "0.75%" in visitor.page.text  # as rules write it
    assert "Not yet" not in visitor.page.text


def test_the_webhook_that_made_a_publisher_is_replayed_in_five_actions(network, browser):
    network.now = datetime.now(UTC)
    network.rule(ONBOARDING)
    network.crm({"id": "1", "type": "deal.signed", "email": "ann@example.com"})
    network.work()
    network.pass_time(minutes=2)
    network.work()
    visitor = Visitor(browser())
    visitor.search("ann@example.com")
    visitor.follow("Ann")
    visitor.follow("a webhook")
    visitor.press("Replay")
    assert visitor.actions == 5
    assert "goes through the rules, with the current revision" in visitor.page.text


def test_a_rule_goes_live_in_three_actions_past_what_it_would_have_done(network, browser):
    stopping("shadow", 2)(network)
    visitor = Visitor(browser())
    visitor.search("no-conversion")
    visitor.follow("live")
    assert "It would have changed 2 items" in visitor.page.text
    visitor.press("Yes, move to live")
    assert visitor.actions == 3
    assert "mode: live" in (network.home / "rules" / "rule.yaml").read_text()
