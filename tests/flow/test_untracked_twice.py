"""What a backtest says afterwards about missing conversions is what live said at each moment, verdict for verdict."""

from datetime import UTC, datetime, timedelta

import pytest

from bridge.decisions.live_facts import scope_facts
from bridge.operations import backtest
from bridge.operations.decide import live_inputs
from rules.evaluation.evaluate import evaluate

RULES = {
    "month": "cr < 1.5% @95% a month",
    "once": "cr < 1.5% @95%",
    "counted": "conversions < 3",
}
TEXT = """
schema: 1
id: {name}
mode: shadow
trigger: {{every: 12h}}
scope: {{per: [{per}]}}
data: {{window: 3d, need: {{clicks: 50}}}}
when: ["{when}"]
then: [{{pause: {per}, hold: 1d}}]
"""
STEP, DAYS = timedelta(hours=12), 17
#: Per offer: its advertiser, clicks in half a day, conversions of these, and the days on which any arrive.
OFFERS = {
    "steady": ("of a", 90, 4, (2, 99)),
    "bad": ("of a", 90, 0, (0, 99)),
    "never": ("of b", 90, 0, (0, 99)),
    "late": ("of c", 90, 4, (12, 99)),
    "hole": ("of d", 90, 4, (2, 5)),
    "hole again": ("of d", 0, 4, (8, 99)),  # the same offer after three days without a conversion
}


@pytest.fixture
def lived(network):
    """The answers of live at each moment, with their reasons, and the rules."""
    network.now = datetime(2026, 3, 2, 1, tzinfo=UTC)
    world, begun = network.world, network.now
    owners = {name: world.advertiser(name) for name in sorted({one[0] for one in OFFERS.values()})}
    homes = [world.publisher("first"), world.publisher("second")]
    offers = {name: world.offer(name, active=True, advertiser=owners[one[0]]) for name, one in OFFERS.items()}
    texts = [
        TEXT.format(name=f"{name}-{per}", when=when, per=per)
        for name, when in RULES.items()
        for per in ("offer", "publisher")
    ]
    rules = [rule for text in texts for rule in backtest.parse(network.services, text)]
    said = {}
    for step in range(int(timedelta(days=DAYS) / STEP)):
        day = step / 2
        for name, (_, clicks, sold, (first, last)) in OFFERS.items():
            offer = offers["hole" if name == "hole again" else name]
            count = sold if first <= day < last else 0
            if clicks or count:
                end = network.now + timedelta(hours=11)
                world.traffic(
                    offer, homes[: 1 + step % 2], max(clicks, count), count, start=network.now, end=end, revenue=8.0
                )
        network.now += STEP
        network.work()
        with network.services.store.read() as session:
            for rule in rules:
                facts = scope_facts(live_inputs(network.services), session, rule, network.now)
                said[network.now, rule.id] = told(evaluate(rule, facts, network.now))
    return network, rules, said, begun


def told(found):
    return {str(one): (int(found.answers[row]), found.explain(row).reason) for row, one in enumerate(found.subjects)}


def test_live_and_backtest_agree_on_what_is_untracked(lived):
    network, rules, said, begun = lived
    held = 0
    for rule in rules:
        with network.services.store.read() as session:
            past = backtest.history_of(network.services, session, rule, begun, network.now)
            for (now, name), before in said.items():
                if name == rule.id:
                    after = told(evaluate(rule, past.undisturbed(now), now))
                    common = before.keys() & after.keys()
                    assert common
                    assert {one: before[one] for one in common} == {one: after[one] for one in common}, (name, now)
                    held += sum("held back" in words for _, words in before.values())
    assert held > 0
    answers = {answer for one in said.values() for answer, _ in one.values()}
    assert answers == {-1, 0, 1}
