"""What a new text of a rule would decide differently, before it is live."""

import pytest
from rule_texts import onboarding_rule, pause_rule

from bridge.operations import OperationError
from bridge.operations.rule_diff import diff

TIMED = pause_rule("shadow", fresh="", hold="", guards="")
ON_EVENT = onboarding_rule(mode="shadow", when="body.size > 10")


def compare(network, text):
    file = network.home / "new.yaml"
    file.write_text(text)
    [found] = diff(network.services, file, now=network.now)
    return found


def test_offers_about_which_the_two_do_not_agree_are_named_with_the_reason(network):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Fair", clicks=1000, conversions=30, active=True)
    network.rule(TIMED)
    network.work()
    found = compare(network, TIMED.replace("< 1%", "< 4.5%"))
    [change] = found.changes
    assert (change.subject, change.before, change.after, found.same) == ("offer=1002", "no", "yes", 1)
    assert "below 4.50%" in change.why


def test_a_rule_on_events_is_compared_on_the_newest_ones(network):
    network.rule(ON_EVENT)
    ids = [network.crm({"id": str(size), "size": size}).get_json()["event_id"] for size in (5, 15, 25)]
    network.work()
    found = compare(network, ON_EVENT.replace("> 10", "> 20"))
    assert [(change.subject, change.before, change.after) for change in found.changes] == [
        (f"event={ids[1]}", "yes", "no")
    ]


def test_a_rule_that_is_new_is_told_as_such(network):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.rule(TIMED)
    network.work()
    found = compare(network, TIMED.replace("id: low-cr", "id: other"))
    assert found.before is None
    assert [(change.before, change.after) for change in found.changes] == [("-", "yes")]


def test_a_file_with_a_mistake_says_where(network):
    with pytest.raises(OperationError, match="did you mean 'when'"):
        compare(network, TIMED.replace("when:", "whenn:"))
