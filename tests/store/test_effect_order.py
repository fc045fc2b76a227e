"""Effects on one target: whatever the order in which workers come to them, the newest decision stands in the end."""

from datetime import timedelta

import pytest
from effect_books import Books
from sqlalchemy import select

from bridge.effects.handlers import Applied, Failed, RetryLater
from bridge.store.holds import Hold
from bridge.store.ledger import Effect, StoredPlan

LATER = timedelta(minutes=2)
BACK = {"verb": "activate", "wanted": {"active": True}}
PAUSE = {"verb": "pause", "wanted": {"active": False}, "urgent": True}


@pytest.fixture
def books(store, now):
    return Books(store, now)


def in_two_plans(books, older, newer, **plan):
    books.effect(step="a", **older)
    books.effect(plan_id=books.plan(**plan), step="b", **newer)


def verbs(batches):
    return [(batch.verb, job.wanted) for batch in batches for job in batch.jobs]


def shown(books):
    with books.store.read() as session:
        found = session.scalars(select(Effect).order_by(Effect.id))
        return [(one.step, str(one.state), one.overtaken_by) for one in found]


def state_of_plans(books):
    with books.store.read() as session:
        return [str(one) for one in session.scalars(select(StoredPlan.state).order_by(StoredPlan.id))]


@pytest.mark.parametrize(("older", "newer"), [(BACK, PAUSE), (PAUSE, BACK)], ids=["pause last", "return last"])
def test_of_two_that_wait_at_once_only_what_was_decided_last_is_done(books, older, newer):
    in_two_plans(books, older, newer)
    [batch] = books.claim()
    assert batch.verb == newer["verb"]
    assert shown(books) == [("a", "skipped", 2), ("b", "claimed", None)]
    assert state_of_plans(books) == ["done", "ready"]


@pytest.mark.parametrize("how", ["waits", "is unknown"])
def test_what_is_tried_again_does_not_overwrite_what_was_decided_and_done_meanwhile(books, how):
    books.effect(step="a", **PAUSE)
    [batch] = books.claim()
    if how == "waits":
        books.conclude(batch, RetryLater(batch.jobs[0], 60, "429"))
    else:
        books.call_log(batch).write("offers.set_status", batch.jobs, lambda: None)  # and then the worker is gone
    books.effect(plan_id=books.plan(), step="b", due_at=books.now + LATER, **BACK)
    [newer] = books.claim(LATER)  # both are free by now
    books.conclude(newer, Applied(newer.jobs[0]), after=LATER)
    assert (newer.verb, books.claim(2 * LATER)) == ("activate", [])
    assert shown(books) == [("a", "skipped", 2), ("b", "applied", None)]


def test_the_newer_one_waits_while_another_worker_has_the_older_one_in_hand(books):
    books.effect(step="a", **BACK)
    [older] = books.claim()
    books.effect(plan_id=books.plan(), step="b", **PAUSE)
    assert books.claim() == []
    books.conclude(older, Applied(older.jobs[0]))
    [newer] = books.claim()
    assert (newer.verb, newer.jobs[0].attempts) == ("pause", 1)


def test_a_yes_makes_an_old_plan_the_newest_decision(books, now):
    books.effect(step="a", plan_id=books.plan(created_at=now - LATER, decided_at=now), **PAUSE)
    books.effect(step="b", plan_id=books.plan(created_at=now - LATER / 2), **BACK)
    assert verbs(books.claim()) == [("pause", {"active": False})]


def test_a_clock_that_was_set_back_changes_no_order(books, now):
    in_two_plans(books, BACK, PAUSE, created_at=now - timedelta(hours=1))
    assert verbs(books.claim()) == [("pause", {"active": False})]


def test_two_that_want_the_same_are_both_done(books):
    in_two_plans(books, PAUSE, PAUSE)
    [batch] = books.claim()
    assert len(batch.jobs) == 2


def test_steps_of_one_plan_are_left_to_the_plan(books):
    books.effect(step="a", **PAUSE)
    books.effect(step="b", **BACK)
    assert len(books.claim()) == 2


def test_a_newer_one_that_has_failed_stands_in_nobodys_way(books):
    in_two_plans(books, BACK | {"due_at": books.now + LATER}, PAUSE)
    [newer] = books.claim()
    books.conclude(newer, Failed(newer.jobs[0], "refused"))
    assert verbs(books.claim(LATER)) == [("activate", {"active": True})]


def test_of_an_update_only_the_fields_that_were_decided_again_are_dropped(books):
    older = {"verb": "update", "wanted": {"name": "Old", "cap": 5}}
    in_two_plans(books, older, {"verb": "update", "wanted": {"name": "New", "url": "u"}})
    assert verbs(books.claim()) == [("update", {"cap": 5}), ("update", {"name": "New", "url": "u"})]


def test_steps_that_wait_for_an_overtaken_one_are_not_begun(books):
    books.effect(step="c", verb="notify", target="ops", after=["a"], due_at=None, subject="offer=42", wanted={"x": 1})
    in_two_plans(books, PAUSE, BACK)
    books.claim()
    assert shown(books)[0] == ("c", "skipped", None)
    assert state_of_plans(books)[0] == "done"


def test_a_hold_stands_again_when_what_has_overtaken_its_return_fails(books, now):
    with books.store.write() as session:
        books.effect(step="p", target="1")
        hold = Hold(
            rule_id="r", effect_id=1, account="main", integration="default", kind="offer", target_id="42",
            subject="offer=42", since=now, count=1, state="released", ended_at=now,
        )  # fmt: skip
        session.add(hold)
    in_two_plans(books, BACK | {"releases": 1}, PAUSE)
    first = next(batch for batch in books.claim() if any(job.target_id == "42" for job in batch.jobs))
    books.conclude(first, *(Failed(job, "refused") for job in first.jobs if job.target_id == "42"))
    assert str(books.one(Hold).state) == "active"
