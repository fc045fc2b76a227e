"""Under load a worker pauses between two batches, and whatever came meanwhile is in the next one."""

import pytest
import redis

from bridge.decisions.event_batches import MAX_EVENTS_PER_BATCH, BatchResult
from bridge.services.queue import QUEUES, RUSH
from tasks import journal

PROCESS = "journal.process"


@pytest.fixture
def worked(queue, redis_url):
    """Processes batches with these results; returns what happened, and how many messages waited after each rest."""

    def work(*results: BatchResult, each: float = 0.25) -> list[str]:
        happened, left, seconds = [], list(results), [0.0]

        def process():
            happened.append("batch")
            seconds[0] += each
            return left.pop(0)

        def rest(asked):
            rested.append(asked)
            queue.wake(PROCESS)  # the webhook endpoint, for one that comes meanwhile
            with redis.Redis.from_url(redis_url) as client:
                happened.append(f"rest, {client.llen(QUEUES[PROCESS])} messages")

        journal.process_batches(queue, process, rest=rest, clock=lambda: seconds[0])
        return happened

    rested = work.rested = []
    return work


def test_a_full_batch_is_followed_by_a_rest_and_a_look(worked):
    happened = worked(BatchResult(journal.BUSY_BATCH, more=False), BatchResult(0, more=False))
    assert happened == ["batch", "rest, 0 messages", "batch"]


@pytest.mark.parametrize(("took", "rested"), [(0.015, 0.015), (0.2, 0.2), (4.0, journal.MAX_REST_SECONDS)])
def test_the_rest_is_as_long_as_the_batch_took_and_has_an_end(worked, took, rested):
    worked(
        BatchResult(journal.BUSY_BATCH, more=False),
        BatchResult(0, more=False),
        each=took,
    )
    assert worked.rested == [pytest.approx(rested)]


@pytest.fixture
def rush(redis_url):
    with redis.Redis.from_url(redis_url) as client:
        client.set(RUSH, b"")


@pytest.mark.usefixtures("rush")
def test_in_a_rush_the_rest_is_as_long_as_it_may_be(worked):
    worked(
        BatchResult(journal.BUSY_BATCH, more=False),
        BatchResult(0, more=False),
        each=0.015,
    )
    assert worked.rested == [journal.MAX_REST_SECONDS]


@pytest.mark.usefixtures("rush")
def test_a_few_events_in_a_rush_are_followed_by_nothing(worked):
    assert worked(BatchResult(journal.BUSY_BATCH - 1, more=False)) == ["batch"]


def test_a_few_events_are_followed_by_nothing(worked):
    assert worked(BatchResult(journal.BUSY_BATCH - 1, more=False)) == ["batch"]


def test_a_few_events_with_more_behind_them_are_followed_by_those_at_once(worked):
    happened = worked(BatchResult(1, more=True), BatchResult(0, more=False))
    assert happened == ["batch", "batch"]


def test_what_waits_already_is_not_kept_waiting(worked):
    happened = worked(*[BatchResult(MAX_EVENTS_PER_BATCH, more=True)] * journal.BATCHES)
    assert happened == ["batch"] * journal.BATCHES


def test_no_worker_starts_while_another_pauses(worked, queue):
    queue.debounce(PROCESS, 60)
    assert worked() == []


def test_a_task_with_more_to_do_asks_for_another(worked, redis_url):
    happened = worked(*[BatchResult(journal.BUSY_BATCH, more=True)] * journal.BATCHES)
    with redis.Redis.from_url(redis_url) as client:
        assert client.llen(QUEUES[PROCESS]) == 1
    assert happened == ["batch", "rest, 0 messages"] * journal.BATCHES
