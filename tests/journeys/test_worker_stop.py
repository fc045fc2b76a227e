"""A worker that is asked to go while its call hangs. What kills do is in tests/chaos, one service for all of them."""

import pytest
from sqlalchemy import select
from waiting import wait_for

from bridge.cli.local import demo
from bridge.store.ledger import Effect

pytestmark = pytest.mark.journey


@pytest.fixture
def stage(boss, tmp_path):
    made = demo.set_up(boss, tmp_path / "home")
    yield made
    made.integr8.close()
    made.store.close()


def finish(boss, stage):
    """The whole story must still come true: every offer, one publisher, one login, no write twice."""
    proof = demo.wait(boss, stage)
    assert proof.complete, proof
    summary = stage.integr8.get("/_sim/requests/summary").json()
    assert summary["max_in_one_second"] <= 20


def test_a_worker_that_is_asked_to_go_ends_within_its_grace_and_hands_back_what_it_held(boss, stage):
    """Its call hangs for longer than the supervisor waits. Without handing back, the rest would wait for a lease."""
    slow = {"kind": "slow", "seconds": 40, "when": "after", "operation": "offers.set_status", "count": 1}
    stage.integr8.post("/_sim/faults", json=slow)
    demo.send(stage, lambda _text: None)
    wait_for(lambda: demo.ask_integr8(stage).paused)
    worker = boss._children["effects"].process
    worker.terminate()
    assert worker.wait(timeout=240) == 0  # of its own accord: nobody here kills it after the grace
    with stage.store.read() as session:
        held = session.scalars(select(Effect).where(Effect.verb == "pause", Effect.claimed_by.is_not(None))).all()
    assert [one.state for one in held] == []
    finish(boss, stage)
