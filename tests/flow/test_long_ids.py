"""Ad platforms write ids of 17 and 18 digits as JSON numbers. Two of them that differ by one are two things."""

import pytest
from network import ONBOARDING

from bridge.store.runs import Run

RULE = ONBOARDING.replace("id: onboarding", "id: deals").replace("body.id", "body.deal_id")


@pytest.mark.parametrize("together", [True, False])
def test_each_deal_is_acted_on(network, together):
    network.rule(RULE)
    for number, deal in enumerate((23851234567890321, 23851234567890322, 23851234567890321)):
        network.crm({"id": str(number), "type": "x", "deal_id": deal, "email": f"a{deal}@b.example"})
        if not together:
            network.work()
    network.work()
    assert len(network.all(Run)) == 2


@pytest.mark.parametrize("deal", [2**63, 2**64, 10**29 + 1])
def test_a_number_above_64_bits_is_acted_on(network, deal):
    network.rule(RULE)
    network.crm({"id": "1", "type": "x", "deal_id": deal, "email": "ann@b.example"})
    network.work()
    assert [run.outcome for run in network.all(Run)] == ["ready"]
