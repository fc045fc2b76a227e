"""An outage of Integr8: effects wait as rows, and go on when a cheap call is answered."""

from decimal import Decimal

import pytest
from sqlalchemy import update

from bridge.effects.claims import claim_batch
from bridge.integr8.rate_limiter import Outcome
from bridge.operations import decide
from bridge.operations.perform import perform_effects
from bridge.store.ledger import Effect


@pytest.fixture
def waiting(network):
    """Three offers of one webhook each, decided and not yet paused."""
    network.rule(RULE)
    for number in range(3):
        offer = network.world.offer(f"Offer {number}", clicks=0, conversions=0, active=True)
        network.crm({"type": "bad", "id": offer.key, "offer": str(offer.number)})
    while decide.process_events(network.services, network.now).events:
        pass
    return network


RULE = """
schema: 1
id: bad-offer
mode: live
trigger: {webhook: {source: crm, dedupe: body.id}}
when: {all: [body.type = "bad"]}
then:
  - pause: offer
    which: "{{ body.offer }}"
    hold: 24h
"""


def trip(network):
    budget = network.services.client().budget
    for number in range(2):
        budget.settle(str(number), Outcome.LOST)


def test_while_nobody_answers_effects_are_not_even_claimed(waiting):
    waiting.world.faults.add({"kind": "drop"})
    trip(waiting)
    assert not perform_effects(waiting.services, waiting.now)
    assert {effect.attempts for effect in waiting.all(Effect)} == {0}


def test_what_needs_no_integr8_goes_on(waiting):
    with waiting.services.store.write() as session:
        session.execute(update(Effect).where(Effect.id == 1).values(verb="notify"))
    batches = claim_batch(waiting.services.store, waiting.now, away=lambda: ["main"])
    assert [batch.verb for batch in batches] == ["notify"]


def test_after_an_outage_the_oldest_come_first_and_of_these_the_most_expensive(waiting):
    with waiting.services.store.write() as session:
        for number, (plan, money) in enumerate([(2, 1), (1, 5), (1, 9)], start=1):
            values = {"plan_id": plan, "money_24h": Decimal(money), "subject": f"{number}"}
            session.execute(update(Effect).where(Effect.id == number).values(values))
    [batch] = claim_batch(waiting.services.store, waiting.now)
    assert list(batch.effects) == [3, 2, 1]


def test_a_long_pause_that_the_server_asked_for_is_waited_out_by_rows(network):
    client = network.services.client()
    client.budget.settle("x", Outcome.THROTTLED, 600.0)
    assert network.services.seconds_away("main") == pytest.approx(600, abs=5)
