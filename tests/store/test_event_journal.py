"""A webhook is an event once, whoever sends it how often, and nobody handles it twice."""

import asyncio
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from own_loop import run

from bridge.store import duplicate_events, ids, journal
from bridge.store.engine import Store
from bridge.store.journal import EventState
from bridge.web.group_commit import GATHER, RECENT, GroupCommitWriter, JournalClosed


def row(key, now, **more):
    return {
        "id": ids.new(),
        "source": "crm",
        "dedupe_key": key,
        "method": "POST",
        "body": b"{}",
        "received_at": now,
    } | more


def test_the_second_delivery_is_told_the_first_events_id(store, now):
    with store.write() as session:
        [first] = duplicate_events.record(session, [row("a", now)])
    with store.write() as session:
        [second] = duplicate_events.record(session, [row("a", now)])
    assert (second.event_id, first.duplicate, second.duplicate) == (first.event_id, False, True)


def test_two_equal_rows_in_one_commit_are_one_event(store, now):
    with store.write() as session:
        first, second, other = duplicate_events.record(session, [row("a", now), row("a", now), row("b", now)])
    assert [first.duplicate, second.duplicate, other.duplicate] == [False, True, False]
    with store.read() as session:
        assert journal.counts(session) == {"received": 2}


def test_the_same_key_of_another_source_is_another_event(store, now):
    with store.write() as session:
        receipts = duplicate_events.record(session, [row("a", now), row("a", now, source="github")])
    assert not any(receipt.duplicate for receipt in receipts)


def test_a_claimed_event_is_nobody_elses(store, now):
    with store.write() as session:
        duplicate_events.record(session, [row("a", now)])
    with store.write() as session:
        assert len(journal.take(session, limit=10, now=now)) == 1
    with store.write() as session:
        assert journal.take(session, limit=10, now=now) == []


def test_a_vanished_workers_event_comes_back_and_its_late_write_does_nothing(store, now):
    with store.write() as session:
        duplicate_events.record(session, [row("a", now)])
    with store.write() as session:
        [frozen] = journal.take(session, limit=10, now=now)
    later = now + journal.LEASE
    with store.write() as session:
        [taken] = journal.take(session, limit=10, now=later)
    with store.write() as session:
        journal.refuse(session, frozen, EventState.DEAD, problem="too late", now=later)
    with store.write() as session:
        journal.finish(session, [taken], now=later)
    with store.read() as session:
        assert journal.counts(session) == {"done": 1}


def test_an_event_that_fails_too_often_becomes_a_dead_letter(store, now):
    with store.write() as session:
        duplicate_events.record(session, [row("a", now)])
    for attempt in range(journal.MAX_ATTEMPTS):
        with store.write() as session:
            [event] = journal.take(session, limit=10, now=now + timedelta(seconds=attempt))
            journal.give_back(session, [event], problem="it raises", now=now)
    with store.read() as session:
        assert journal.counts(session) == {"dead": 1}


def test_a_time_without_a_zone_is_refused(store, now):
    with pytest.raises(Exception, match="no time zone"), store.write() as session:
        duplicate_events.record(session, [row("a", now.replace(tzinfo=None))])


@pytest.fixture
def writer(store: Store):
    made = GroupCommitWriter(store)
    made.start()
    yield made
    made.stop()


def test_each_request_is_answered_with_its_own_receipts(writer, now):
    first = run(lambda: writer.record([row("a", now), row("b", now)]))
    second = run(lambda: writer.record([row("b", now)]))
    assert [one.duplicate for one in (*first, *second)] == [False, False, True]
    assert second[0].event_id == first[1].event_id


class Counted(Store):
    """A store that counts the commits of the journal."""

    commits = 0

    @contextmanager
    def write_plainly(self):
        self.commits += 1
        with super().write_plainly() as connection:
            yield connection


def journalled(store: Store, now, together=(), then=(), **ways) -> tuple[int, bool]:
    """Journal some events that wait already, and others one by one. How many commits that were; is it a rush?"""

    async def all_of_them() -> None:
        waiting = [asyncio.ensure_future(made.record([row(key, now)])) for key in together]
        await asyncio.sleep(0)
        made.start()
        await asyncio.gather(*waiting)
        for key in then:
            await made.record([row(key, now)])

    counted = Counted(store.engine)
    made = GroupCommitWriter(counted, **{"rest": lambda _: None} | ways)
    run(all_of_them)
    made.stop()
    return counted.commits, made.is_rush()


def test_a_commit_waits_for_more_only_where_another_has_just_ended(store, now):
    rested, seconds = [], iter([0.0, 0.0, RECENT / 2, 1.0, 2.0, 2.0, 3.0])
    journalled(store, now, then="abc", rest=rested.append, clock=lambda: next(seconds))
    assert rested == [GATHER]  # the second came soon after the first, the third a second after that


def test_what_comes_while_a_commit_waits_is_in_it(store, now):
    async def three() -> None:
        loop.append(asyncio.get_running_loop())
        await made.record([row("a", now)])
        await made.record([row("b", now)])
        await asyncio.wrap_future(late[0])

    def rest(_seconds: float) -> None:
        late.append(asyncio.run_coroutine_threadsafe(made.record([row("c", now)]), loop[0]))
        while made.waiting() == 0:
            time.sleep(0)

    loop: list[Any] = []
    late: list[Any] = []
    counted = Counted(store.engine)
    made = GroupCommitWriter(counted, rest=rest, clock=lambda: 0.0)
    made.start()
    run(three)
    made.stop()
    assert counted.commits == 2


def test_commits_of_many_requests_are_a_rush_and_single_ones_end_it(store, now):
    many = [f"together {number}" for number in range(200)]
    assert journalled(store, now, many) == (1, True)
    assert journalled(store, now, many, [f"then {number}" for number in range(20)]) == (21, False)


@pytest.mark.slow
def test_when_the_journal_cannot_be_written_the_sender_is_told(sqlite_url, now, tmp_path):
    from bridge.store.engine import make_engine

    engine = make_engine(f"sqlite:///{tmp_path / 'empty.db'}")  # no tables: as good as a full disk
    broken = GroupCommitWriter(Store(engine))
    broken.start()
    with pytest.raises(JournalClosed):
        run(lambda: broken.record([row("a", now)]))
    broken.stop()
    engine.dispose()
