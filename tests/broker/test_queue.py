"""One message of a name waits at a time, and none is missed."""

import threading
import time

import redis

from bridge.cli.local.supervisor import free_port
from bridge.services.queue import QUEUES, RUSH, Queue, WakeUpSender

PROCESS = "journal.process"


def waiting(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        return client.llen(QUEUES[PROCESS])


def test_a_thousand_webhooks_leave_one_message(queue, redis_url):
    for _ in range(1000):
        assert queue.wake(PROCESS)
    assert waiting(redis_url) == 1


def test_what_comes_after_a_worker_has_begun_gets_a_message_of_its_own(queue, redis_url):
    queue.wake(PROCESS)
    queue.started(PROCESS)
    queue.wake(PROCESS)
    assert waiting(redis_url) == 2


def test_another_name_has_a_message_of_its_own(queue, redis_url):
    queue.wake(PROCESS)
    queue.wake("rules.run_due")
    assert waiting(redis_url) == 2


def test_an_emptied_redis_gets_a_new_message(queue, redis_url):
    queue.wake(PROCESS)
    with redis.Redis.from_url(redis_url) as client:
        client.flushall()
    queue.wake(PROCESS)
    assert waiting(redis_url) == 1


def test_a_mark_whose_message_was_lost_ends_by_itself(queue, redis_url):
    queue.wake(PROCESS)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.pttl(f"bridge:wake:{PROCESS}") <= 3_000


def test_nobody_asks_for_what_a_worker_will_look_at_itself(queue, redis_url):
    queue.debounce(PROCESS, 60)
    queue.wake(PROCESS)
    assert (waiting(redis_url), queue.debounced(PROCESS)) == (0, True)
    queue.clear(PROCESS)
    queue.wake(PROCESS)
    assert (waiting(redis_url), queue.debounced(PROCESS)) == (1, False)


def test_another_worker_that_begins_meanwhile_lets_it_stand(queue, redis_url):
    queue.wake(PROCESS)  # its message is on its way to another worker
    queue.debounce(PROCESS, 60)
    queue.started(PROCESS)
    queue.wake(PROCESS)
    assert (waiting(redis_url), queue.debounced(PROCESS)) == (1, True)


def test_a_worker_that_does_not_look_after_all_is_missed_soon(queue, redis_url):
    queue.debounce(PROCESS, 0.05)
    with redis.Redis.from_url(redis_url) as client:
        while client.exists(f"bridge:wake:{PROCESS}"):
            assert client.pttl(f"bridge:wake:{PROCESS}") <= 100
    queue.wake(PROCESS)
    assert waiting(redis_url) == 1


def test_a_rush_is_told_with_a_wake_up_and_ends_by_itself(queue, redis_url, monkeypatch):
    monkeypatch.setattr("bridge.services.queue.RUSH_MS", 60_000)
    queue.wake(PROCESS)
    assert not queue.is_rush()
    queue.wake(PROCESS, rush=True)
    assert (queue.is_rush(), waiting(redis_url)) == (True, 1)
    with redis.Redis.from_url(redis_url) as client:
        assert 0 < client.pttl(RUSH) <= 60_000


def test_a_sender_says_with_each_message_whether_there_is_a_rush():
    told = []

    class Told(Queue):
        def wake(self, name, *, rush=False):
            told.append((name, rush))
            heard.set()

    heard, answers = threading.Event(), [True, False]
    sender = WakeUpSender(Told(None), lambda: answers.pop(0))
    sender.start()
    for _ in range(2):
        sender.wake(PROCESS)
        assert heard.wait(60)
        heard.clear()
    sender.stop()
    assert told == [(PROCESS, True), (PROCESS, False)]


def test_without_redis_there_is_no_rush():
    for lost in (Queue(f"redis://127.0.0.1:{free_port()}/0"), Queue(None)):
        assert not lost.is_rush()


def test_holding_off_without_redis_harms_nothing():
    for lost in (Queue(f"redis://127.0.0.1:{free_port()}/0"), Queue(None)):
        lost.debounce(PROCESS, 0.2)
        assert not lost.debounced(PROCESS)
        lost.clear(PROCESS)


def test_without_redis_the_asker_goes_on_at_once():
    lost = Queue(f"redis://127.0.0.1:{free_port()}/0")
    began = time.monotonic()
    assert not lost.wake(PROCESS)
    assert time.monotonic() - began < 2
    lost.close()


def test_without_an_address_the_sweep_finds_the_work():
    assert not Queue(None).wake(PROCESS)
