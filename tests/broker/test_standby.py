"""A task that stands by hears of new work without a message, and no wake-up is lost where it ends."""

import threading
import time
from types import SimpleNamespace

import pytest
import redis
from celery.worker.components import Pool

from bridge.cli.local.supervisor import free_port
from bridge.services import container
from bridge.services.queue import QUEUES, RUSH, Queue, WakeUp
from tasks import standby

PROCESS = WakeUp("journal.process")
DEADLINE = 60


@pytest.fixture
def server(redis_url):
    with redis.Redis.from_url(redis_url, decode_responses=True) as client:
        yield client


@pytest.fixture
def other(redis_url):
    """The queue of another process."""
    found = Queue(redis_url)
    yield found
    found.close()


def messages(server):
    return server.llen(QUEUES[PROCESS.task])


def until(server, there):
    """Wait until somebody stands by for the task, or nobody does."""
    end = time.monotonic() + DEADLINE
    while server.exists(PROCESS.idle) != there:
        assert time.monotonic() < end


@pytest.fixture
def standing(other, server):
    """Somebody who stands by for a minute; asking ends it and says what it has heard."""
    heard = []
    thread = threading.Thread(target=lambda: heard.append(other.stand_by(PROCESS, DEADLINE)))
    thread.start()
    until(server, there=True)

    def answer():
        thread.join(DEADLINE)
        return heard

    yield answer
    server.rpush(PROCESS.signal, "")
    thread.join(DEADLINE)


def test_a_wake_up_reaches_who_stands_by_without_a_message(queue, standing, server):
    assert queue.wake(PROCESS.task, rush=True)
    assert standing() == [True]
    assert (messages(server), server.exists(PROCESS.mark, PROCESS.signal, PROCESS.idle)) == (0, 0)
    assert server.exists(RUSH)


def test_who_has_heard_of_work_no_longer_stands_by(queue, standing, server):
    queue.wake(PROCESS.task)
    assert standing() == [True]
    queue.wake(PROCESS.task)
    assert messages(server) == 1


def test_only_one_stands_by(queue, standing):
    assert not queue.stand_by(PROCESS, DEADLINE)
    queue.wake(PROCESS.task)
    assert standing() == [True]


def test_nobody_stands_by_where_a_message_waits(queue, other, server):
    queue.wake("effects.perform")
    assert not other.stand_by(PROCESS, DEADLINE, ["journal", "effects"])
    assert not server.exists(PROCESS.idle)


def test_after_its_time_the_next_wake_up_is_a_message(queue, other, server):
    assert not other.stand_by(PROCESS, 0.05)
    queue.wake(PROCESS.task)
    assert (messages(server), server.exists(PROCESS.signal)) == (1, 0)


def test_a_wake_up_at_the_last_moment_is_heard(queue, other, server, monkeypatch):
    assert not other.stand_by(PROCESS, 0.05)  # makes the client

    def too_early(*_, **__):
        queue.wake(PROCESS.task)

    monkeypatch.setattr(other._waiter, "blpop", too_early)
    assert other.stand_by(PROCESS, 0.05)
    assert (messages(server), server.exists(PROCESS.signal)) == (0, 0)


def test_of_a_killed_one_a_single_wake_up_is_lost(queue, server):
    server.set(PROCESS.idle, "", px=60_000)  # as it stands after a kill
    queue.wake(PROCESS.task)
    assert messages(server) == 0
    queue.wake(PROCESS.task)
    assert messages(server) == 1
    assert 0 < server.pttl(PROCESS.signal) <= 3_000


def test_the_key_of_a_killed_one_ends_soon(standing, server):
    assert 0 < server.pttl(PROCESS.idle) <= 1_000 * (DEADLINE + 1)


def test_accounts_stand_by_for_their_own(queue, standing, server):
    queue.send(WakeUp(PROCESS.task, "other"))
    assert server.exists(PROCESS.idle)
    assert server.llen(f"{QUEUES[PROCESS.task]}.other") == 1


def test_a_worker_that_rests_is_not_overtaken(queue, standing, server):
    queue.debounce(PROCESS.task, DEADLINE)
    queue.wake(PROCESS.task)
    assert (server.exists(PROCESS.idle), messages(server)) == (1, 0)


def test_without_redis_nobody_stands_by():
    for lost in (Queue(f"redis://127.0.0.1:{free_port()}/0"), Queue(None)):
        assert not lost.stand_by(PROCESS, DEADLINE)
        lost.close()


# --- a task that stands by -------------------------------------------------------------------------


class Answers:
    """A queue whose `stand_by` gives these answers."""

    def __init__(self, *answers):
        self.left = list(answers)

    def stand_by(self, wanted, seconds, queues):
        return self.left.pop(0)


@pytest.fixture
def worker(monkeypatch):
    """A worker with some processes, whose queue gives these answers."""

    def prepare(*answers, processes=2):
        found = Answers(*answers)
        monkeypatch.setattr(standby, "most_processes", lambda: processes)
        monkeypatch.setattr(container, "services", lambda: type("Services", (), {"queue": found}))
        return found

    return prepare


def looks(*answers):
    left = list(answers)
    return left, lambda: left.pop(0)


def test_it_looks_again_as_often_as_it_is_wanted(worker):
    found, (left, look) = worker(True, True, False), looks(True, True, True, True)
    standby.work(PROCESS, look)
    assert (len(left), found.left) == (1, [])


def test_it_does_not_stand_by_where_something_is_left(worker):
    found, (left, look) = worker(True), looks(False, True)
    standby.work(PROCESS, look)
    assert (left, found.left) == ([True], [True])


def test_a_single_process_is_free_for_everything_else(worker):
    found, (left, look) = worker(True, processes=1), looks(True, True)
    standby.work(PROCESS, look)
    assert (left, found.left) == ([True], [True])


def test_a_task_ends_far_below_its_time_limit(worker, monkeypatch):
    monkeypatch.setattr(standby, "AT_MOST", -1.0)
    found, (left, look) = worker(True), looks(True, True)
    standby.work(PROCESS, look)
    assert (left, found.left) == ([True], [True])


def test_a_worker_that_shuts_down_waits_for_nothing(worker, monkeypatch):
    monkeypatch.setattr(container, "leaving", threading.Event())
    container.leaving.set()
    found, (left, look) = worker(True), looks(True, True)
    standby.work(PROCESS, look)
    assert (left, found.left) == ([True], [True])


@pytest.mark.parametrize(
    ("concurrency", "autoscale", "most"), [(1, None, 1), (3, None, 3), (2, (4, 1), 4), (2, (1, 1), 1)]
)
def test_a_worker_knows_how_many_processes_it_may_have(monkeypatch, concurrency, autoscale, most):
    """The attributes are those that Celery's component for the pool sets."""
    worker = SimpleNamespace(concurrency=concurrency, optimization=None)
    Pool(worker, autoscale=autoscale)
    monkeypatch.setattr(standby, "_worker", [worker])
    assert standby.most_processes() == most
