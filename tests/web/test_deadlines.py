"""One timer stands for the deadlines of all requests of an event loop; each ends as asyncio.timeout would end it."""

import asyncio

import pytest
from own_loop import run

from bridge.web.deadlines import Deadlines, within


def test_what_is_in_time_is_returned():
    async def answer():
        return await within(60, asyncio.sleep(0, "in time"))

    assert run(answer) == "in time"


def test_what_takes_longer_is_cancelled():
    ended = []

    async def forever():
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    with pytest.raises(TimeoutError):
        run(lambda: within(0.01, forever()))
    assert ended == ["cleaned up"]


def test_a_task_that_was_late_once_can_wait_again():
    async def twice():
        with pytest.raises(TimeoutError):
            await within(0.01, asyncio.Event().wait())
        assert asyncio.current_task().cancelling() == 0
        return await within(60, asyncio.sleep(0, "the second time"))

    assert run(twice) == "the second time"


def test_whoever_is_cancelled_by_others_is_not_late():
    async def cancelled():
        task = asyncio.ensure_future(within(60, asyncio.Event().wait()))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(cancelled)


def test_whoever_is_late_and_cancelled_by_others_is_cancelled():
    async def both():
        async def stubborn():
            try:
                await asyncio.Event().wait()
            finally:
                task.cancel()  # a second time, by somebody else, before the first has arrived

        task = asyncio.ensure_future(within(0.01, stubborn()))
        with pytest.raises(asyncio.CancelledError):
            await task

    run(both)


def test_each_ends_at_its_own_deadline_whichever_was_first_to_ask():
    async def in_order():
        late, all_of_them = [], asyncio.Event()
        deadlines = Deadlines(asyncio.get_running_loop())

        def end(name):
            late.append(name)
            if name == "last":
                all_of_them.set()

        deadlines.add(0.03, lambda: end("last"))
        deadlines.add(0.01, lambda: end("first"))
        gone = deadlines.add(0.02, lambda: end("removed"))
        deadlines.add(0.02, lambda: end("second"))
        deadlines.remove(gone)
        await all_of_them.wait()
        return late

    assert run(in_order) == ["first", "second", "last"]


def test_requests_that_end_in_time_make_one_timer(monkeypatch):
    made = []

    async def many():
        loop = asyncio.get_running_loop()
        call_at = loop.call_at
        monkeypatch.setattr(loop, "call_at", lambda when, *rest: made.append(when) or call_at(when, *rest))
        for _ in range(50):
            await within(60, asyncio.sleep(0))

    run(many)
    assert len(made) == 1
