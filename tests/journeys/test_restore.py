"""A copy is made while everything works, everything is lost, the copy is put back. Integr8 has not gone back."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from chaos import proof
from chaos.load import Load
from chaos.rig import Rig

pytestmark = pytest.mark.journey
BRIDGE = str(Path(sys.executable).with_name("integr8-bridge"))


def bridge(home, *arguments):
    return subprocess.run(
        [BRIDGE, *arguments],
        env=os.environ | {"BRIDGE_HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )


def done(home, *arguments):
    found = bridge(home, *arguments)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def new_database(request):
    return request.getfixturevalue("postgres") if request.param == "postgresql" else lambda: None


@pytest.fixture
def first(tmp_path, new_database):
    made = Rig(tmp_path / "first", new_database(), two_workers=False)
    yield made
    made.close()


def writes(rig):
    rows = rig.integr8.get("/_sim/writes", params={"journal": 1}).json()["journal"]
    return [row for row in rows if row["by"] != "person" and row["changed"]]


def test_what_was_done_after_the_copy_is_not_done_twice(tmp_path, first, new_database):
    copy = tmp_path / "bridge.copy"
    load = Load(first, partners=40, offers=40)
    first.loads.append(load)
    load.start()
    first.until(lambda: len(load.answered) >= 20, "the load is under way", 180)
    done(first.home, "db", "backup", str(copy))
    load.finish()
    first.until(lambda: proof.quiet(first), "nothing waits any more", 240)
    before = writes(first)

    refused = bridge(first.home, "db", "restore", str(copy), "--overwrite")
    assert (refused.returncode, "stop web, worker and beat" in refused.stderr) == (1, True), refused.stderr
    first.leave()

    second = Rig(
        tmp_path / "second",
        new_database(),
        after=first,
        before_start=lambda home: done(home, "db", "restore", str(copy)),
        two_workers=False,
    )
    try:
        begin = second.last_tick()
        second.until(
            lambda: second.last_tick() > begin + 3, "the clock ticks, and everything could have been done", 240
        )
        assert writes(second) == before  # it starts halted, and what waited in the copy waits on
        done(second.home, "resume")
        second.until(lambda: proof.quiet(second), "what was under way is settled", 240)
        assert writes(second) == before
        load.again(second).finish()  # what was answered after the copy is only with its sender
        second.until(lambda: proof.quiet(second), "nothing waits any more", 240)
        assert writes(second) == before
        # What the lost part of the ledger paused is known as somebody's as soon as Integr8 is read again: then the
        # repeated webhooks find their offers paused, and no hold and no plan tells of it.
        found = [one for one in proof.problems(second, second.loads) if not any(offer in one for offer in load.offers)]
        assert "\n".join(found) == ""
    finally:
        second.leave()
