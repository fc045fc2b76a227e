"""One message of a name waits at a time, and none is missed."""

import time

import redis

from bridge.cli.local.supervisor import free_port
from bridge.services.queue import QUEUES, Queue

DRAIN = "journal.drain"


def waiting(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        return client.llen(QUEUES[DRAIN])


def test_a_thousand_webhooks_leave_one_message(queue, redis_url):
    for _ in range(1000):
        assert queue.nudge(DRAIN)
    assert waiting(redis_url) == 1


def test_what_comes_after_a_worker_has_begun_gets_a_message_of_its_own(queue, redis_url):
    queue.nudge(DRAIN)
    queue.begun(DRAIN)
    queue.nudge(DRAIN)
    assert waiting(redis_url) == 2


def test_another_name_has_a_message_of_its_own(queue, redis_url):
    queue.nudge(DRAIN)
    queue.nudge("rules.run_due")
    assert waiting(redis_url) == 2


def test_an_emptied_redis_gets_a_new_message(queue, redis_url):
    queue.nudge(DRAIN)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    queue.nudge(DRAIN)
    assert waiting(redis_url) == 1


def test_a_mark_whose_message_was_lost_ends_by_itself(queue, redis_url):
    queue.nudge(DRAIN)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.pttl(f"bridge:nudged:{DRAIN}") <= 3_000


def test_nobody_asks_for_what_a_worker_will_look_at_itself(queue, redis_url):
    queue.hold_off(DRAIN, 60)
    queue.nudge(DRAIN)
    assert (waiting(redis_url), queue.held_off(DRAIN)) == (0, True)
    queue.let_go(DRAIN)
    queue.nudge(DRAIN)
    assert (waiting(redis_url), queue.held_off(DRAIN)) == (1, False)


def test_another_worker_that_begins_meanwhile_lets_it_stand(queue, redis_url):
    queue.nudge(DRAIN)  # its message is on its way to another worker
    queue.hold_off(DRAIN, 60)
    queue.begun(DRAIN)
    queue.nudge(DRAIN)
    assert (waiting(redis_url), queue.held_off(DRAIN)) == (1, True)


def test_a_worker_that_does_not_look_after_all_is_missed_soon(queue, redis_url):
    queue.hold_off(DRAIN, 0.05)
    with redis.Redis.from_url(redis_url) as client:
        while client.exists(f"bridge:nudged:{DRAIN}"):
            assert client.pttl(f"bridge:nudged:{DRAIN}") <= 100
    queue.nudge(DRAIN)
    assert waiting(redis_url) == 1


def test_holding_off_without_redis_harms_nothing():
    for lost in (Queue(f"redis://127.0.0.1:{free_port()}/0"), Queue(None)):
        lost.hold_off(DRAIN, 0.2)
        assert not lost.held_off(DRAIN)
        lost.let_go(DRAIN)


def test_without_redis_the_asker_goes_on_at_once():
    lost = Queue(f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    assert not lost.nudge(DRAIN)
    assert time.monotonic() - began < 2
    lost.close()


def test_without_an_address_the_sweep_finds_the_work():
    assert not Queue(None).nudge(DRAIN)
