"""Real processes under fire: what was promised holds when one of them is killed in the middle."""

import os
import signal
import time

import httpx
import pytest
import redis

from bridge.cli.local import demo
from bridge.cli.local.supervisor import GRACE, Supervisor
from bridge.store.ledger import LEASE

pytestmark = pytest.mark.journey


@pytest.fixture
def boss():
    made = Supervisor(log=False)
    yield made
    made.stop()


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


def kill(boss, name):
    os.kill(boss.pids()[name], signal.SIGKILL)


def test_the_worker_is_killed_after_its_write_and_before_the_answer(boss, stage):
    slow = {"kind": "slow", "seconds": 3, "when": "after", "operation": "offers.set_status", "count": 1}
    stage.integr8.post("/_sim/faults", json=slow)
    demo.send(stage, lambda _text: None)
    until = time.monotonic() + 60
    while not demo.ask_integr8(stage).paused and time.monotonic() < until:
        time.sleep(0.05)
    kill(boss, "worker")
    finish(boss, stage)


def test_the_web_process_is_killed_and_what_it_answered_is_there(boss, stage):
    demo.send(stage, lambda _text: None)
    kill(boss, "web")
    finish(boss, stage)
    with stage.store.read() as session:
        from bridge.store import journal

        assert sum(journal.counts(session).values()) == 6


def test_redis_is_emptied_and_killed(boss, stage):
    with redis.Redis.from_url(stage.stack.redis_url) as client:
        client.flushall()
    demo.send(stage, lambda _text: None)
    with redis.Redis.from_url(stage.stack.redis_url) as client:
        client.flushall()
    kill(boss, "valkey")
    finish(boss, stage)


def test_integr8_stumbles(boss, stage):
    for fault in (
        {"kind": "rate_limited", "retry_after": "seconds", "seconds": 1, "count": 3},
        {"kind": "status", "status": 503, "count": 3, "skip": 5},
        {"kind": "drop", "when": "after", "operation": "publishers.create", "count": 1},
        {"kind": "truncate", "operation": "offers.list", "count": 1},
        {"kind": "partial_bulk", "share": 0.5, "count": 1},
    ):
        assert stage.integr8.post("/_sim/faults", json=fault).is_success
    demo.send(stage, lambda _text: None)
    until = time.monotonic() + 100
    while time.monotonic() < until:
        boss.revive()
        proof = demo.ask_integr8(stage)
        if (proof.paused, proof.publishers, proof.users) == (demo.BAD_OFFERS, 1, 1):
            break
        time.sleep(0.25)
    assert (proof.paused, proof.wrongly_paused, proof.publishers, proof.users) == (demo.BAD_OFFERS, 0, 1, 1)


def test_a_poison_message_harms_nobody(boss, stage):
    with redis.Redis.from_url(stage.stack.redis_url) as client:
        for queue in ("journal", "effects", "maintenance"):
            client.lpush(queue, b"this is no message")
    demo.send(stage, lambda _text: None)
    finish(boss, stage)
    assert httpx.get(f"{stage.stack.address}/healthz").is_success


def test_a_worker_that_is_asked_to_go_ends_within_its_grace_and_hands_back_what_it_held(boss, stage):
    """Its call hangs for longer than the supervisor waits. Without handing back, the rest would wait for a lease."""
    slow = {"kind": "slow", "seconds": 40, "when": "after", "operation": "offers.set_status", "count": 1}
    stage.integr8.post("/_sim/faults", json=slow)
    demo.send(stage, lambda _text: None)
    wait_until(lambda: demo.ask_integr8(stage).paused, 60)
    worker = boss._children["effects"].process
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(timeout=GRACE) == 0
    asked = time.monotonic()
    finish(boss, stage)
    assert time.monotonic() - asked < LEASE.total_seconds() / 2


def wait_until(look, seconds):
    end = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < end
        time.sleep(0.05)
