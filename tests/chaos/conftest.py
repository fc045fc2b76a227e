"""One rig for each database, shared by all rounds of a worker: what an earlier fault has broken shows in later ones."""

import os
import time
from pathlib import Path

import postgresql
import pytest
from chaos import proof, table
from chaos.load import Load
from chaos.rig import Rig

FULL = "CHAOS" in os.environ  # set by `make chaos`
NOTES = Path("build/chaos")
LONGEST = 180.0  # two leases and what Integr8 has to be asked after them


DATABASES = ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)] if FULL else ["sqlite"]


@pytest.fixture(scope="session")
def postgres(tmp_path_factory):
    """A server for each of pytest's workers: a round that ends it must not hit what the other one is doing."""
    with postgresql.databases(tmp_path_factory.mktemp("chaos") / "postgres", "template_chaos") as make:
        yield make


@pytest.fixture(scope="session", params=DATABASES)
def rig(request, tmp_path_factory):
    url = request.getfixturevalue("postgres")() if request.param == "postgresql" else None
    made = Rig(tmp_path_factory.mktemp("chaos") / "home", url)
    made.database = request.param
    yield made
    made.close()


@pytest.fixture
def survive(rig):
    """Send, strike in the middle, wait until it is quiet; then everything that was promised must hold."""

    def run(fault, *, seed=0):
        if rig.database not in fault.databases:
            pytest.skip(f"has no meaning on {rig.database}")
        started = time.monotonic()
        load = Load(rig, seed=seed, **fault.load)
        if fault.first:
            fault.strike(rig, load)
        load.start()
        if not fault.first:
            rig.until(lambda: load.answered, "the first webhook is answered")
            fault.strike(rig, load)
        load.finish()
        rig.loads.append(load)
        try:
            rig.until(lambda: proof.quiet(rig), "nothing waits any more", LONGEST)
            found = proof.problems(rig, rig.loads)
        except AssertionError as error:
            found = [str(error), *proof.open_work(rig)]
        rig.integr8.delete("/_sim/faults")
        if FULL:
            table.note(
                NOTES,
                fault=fault.name,
                database=rig.database,
                problems=found,
                webhooks=len(load.answered),
                repeats=load.repeats,
                effects=len(load.emails) + len(load.offers),
                seconds=round(time.monotonic() - started, 1),
            )
        assert not found, "\n".join([fault.name, *found[:20]])

    return run
