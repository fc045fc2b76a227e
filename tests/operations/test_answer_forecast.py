"""What a rule will write about its answers is foretold before it is live, near to what it writes then."""

from datetime import timedelta

import pytest
from rule_texts import pause_rule

from bridge.config import rules_directory
from bridge.operations.answer_forecast import forecast, forecasts_in_home
from bridge.operations.answer_sizes import written

RULE = pause_rule(fresh="").replace("every: 15m", "every: 1m").replace("mode: live", "mode: shadow")


@pytest.fixture
def busy(network):
    """Offers with traffic in the last hours, some of them near the rule's threshold."""
    for number in range(40):
        network.world.offer(f"Offer {number}", clicks=400, conversions=number % 6, active=True)
    network.work()
    network.pass_time(minutes=30)
    network.work()
    return network


def foretold(network):
    (network.home / "rules" / "rule.yaml").write_text(RULE)
    [revision] = rules_directory.read(network.services.settings).revisions
    with network.services.store.read() as session:
        return forecast(network.services, session, revision, network.now)


@pytest.mark.slow
def test_the_forecast_is_near_to_what_the_rule_writes_then(busy):
    found = foretold(busy)
    assert found.items == 40
    busy.rule(RULE)
    began = busy.now
    for _ in range(60):
        busy.pass_time(minutes=1)
        busy.work()
    with busy.services.store.read() as session:
        [size] = written(session, busy.now).values()
    hour = timedelta(hours=1) / (busy.now - began) * size  # the first sample of six hours among it
    assert 0.5 < found.size / (4 * hour) < 2


def test_a_rule_about_webhooks_and_one_without_items_have_none(network):
    assert foretold(network) is None
    text = "schema: 1\nid: greet\nmode: live\ntrigger: {webhook: {source: crm}}\nwhen: {all: [body.go]}\n"
    (network.home / "rules" / "rule.yaml").write_text(text + "then: [{ensure: publisher, key: {email: a@b.c}}]\n")
    [revision] = rules_directory.read(network.services.settings).revisions
    with network.services.store.read() as session:
        assert forecast(network.services, session, revision, network.now) is None


def test_check_says_it_of_a_rule_that_is_not_live(busy):
    (busy.home / "rules" / "new.yaml").write_text(RULE)
    [line] = forecasts_in_home(busy.home, busy.now)
    assert line.startswith("low-cr: would write 0.0 MB about its answers to 40 items in 24 hours")
    busy.rule(RULE, "new.yaml")
    busy.pass_time(minutes=1)
    busy.work()
    assert forecasts_in_home(busy.home, busy.now) == ()  # what it wrote is known
