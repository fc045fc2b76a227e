"""A server that asks for a pause of ten years is waited for an hour, whatever waits."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.store.ledger import Effect
from bridge.store.slots import Slot

TEN_YEARS = 315_360_000  # s
HOUR = timedelta(hours=1, minutes=1)  # and a little, so that not all come at once


@pytest.mark.parametrize("style", ["seconds", "date"])
def test_a_pause_of_an_offer_waits_no_longer_than_an_hour(network, style):
    network.world.offer("Good", clicks=1000, conversions=50, active=True)
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    network.world.faults.add(
        {
            "kind": "rate_limited",
            "retry_after": style,
            "seconds": TEN_YEARS,
            "operation": "offers.set_status",
            "count": 9,
        }
    )
    network.rule(pause_rule())
    network.work()
    assert network.paused == []
    [effect] = network.all(Effect)
    assert network.now < effect.due_at <= network.now + HOUR
    # The account waits as a whole, for no longer.
    assert network.services.client().budget.state().closed_for <= HOUR.total_seconds()


@pytest.mark.parametrize("style", ["seconds", "date"])
def test_reports_and_lists_are_asked_for_again_within_an_hour(network, style):
    network.world.offer("Bad", clicks=1000, conversions=1, active=True)
    for operation in ("offers.list", "reports.*"):
        network.world.faults.add(
            {"kind": "rate_limited", "retry_after": style, "seconds": TEN_YEARS, "operation": operation, "count": 50}
        )
    network.rule(pause_rule())
    network.work()
    waiting = [one for one in network.all(Slot) if one.ended_at is None and one.kind != "rule"]
    assert waiting
    assert all(one.claimed_until is None or one.claimed_until <= network.now + HOUR for one in waiting)
    assert network.services.client().budget.state().closed_for <= HOUR.total_seconds()
