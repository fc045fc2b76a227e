"""The failure catalogue against real processes. `make test` runs the quick part on SQLite, `make chaos` everything."""

import os

import pytest
from chaos.faults import FAULTS, combination

pytestmark = pytest.mark.journey
SEEDS = range(1, 5)
WANTED = os.environ.get("ROUNDS", "").lower().split(",")  # parts of names, to run a few rounds only
full = pytest.mark.skipif("CHAOS" not in os.environ, reason="only in make chaos")


@pytest.mark.skipif("CHAOS" in os.environ, reason="make chaos runs each of them for itself")
def test_survives_the_quick_part_of_the_catalogue(survive):
    for fault in FAULTS:
        if fault.quick:
            survive(fault)


def wanted(fault):
    return any(part in fault.name.lower() for part in WANTED)


@full
@pytest.mark.parametrize("fault", [one for one in FAULTS if wanted(one)], ids=lambda fault: fault.name)
def test_survives(survive, fault):
    survive(fault)


@full
@pytest.mark.parametrize("seed", [seed for seed in SEEDS if wanted(combination(seed))])
def test_survives_combinations(survive, seed):
    survive(combination(seed), seed=seed)
