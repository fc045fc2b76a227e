"""The ledger under fire: a worker that vanishes, one that wakes up late, a halt, rivals for one key."""

from datetime import timedelta

import pytest
from effect_books import BOX, Books

from bridge.effects.claims import Halted
from bridge.effects.handlers import Ambiguous, Applied, Expired, Failed, RetryLater
from bridge.effects.outcomes import fill
from bridge.store import halts, ledger, one_time_secrets
from bridge.store.exact_json import freeze, thaw
from bridge.store.holds import Hold
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Call, Effect, StoredPlan


@pytest.fixture
def books(store, now):
    return Books(store, now)


def test_pauses_that_wait_travel_together_and_urgent_ones_first(books):
    books.effect("update", "9")
    for target in ("1", "2", "3"):
        books.effect("pause", target, urgent=True)
    first, second = books.claim()
    assert (first.verb, len(first.jobs)) == ("pause", 3)
    assert (second.verb, len(second.jobs)) == ("update", 1)


def test_what_is_claimed_is_nobody_elses(books):
    books.effect()
    assert len(books.claim()) == 1
    assert books.claim() == []


def test_a_worker_that_vanished_before_its_call_costs_one_lease(books):
    books.effect()
    books.claim()
    [batch] = books.claim(after=ledger.LEASE)
    assert batch.jobs[0].ambiguous is False


def test_what_a_vanished_worker_had_sent_is_unknown(books):
    books.effect()
    [batch] = books.claim()
    books.call_log(batch).write("offers.set_status", batch.jobs, lambda: None)
    [batch] = books.claim(after=ledger.LEASE)
    assert batch.jobs[0].ambiguous is True


def test_the_call_is_on_disk_before_it_leaves(books):
    books.effect()
    [batch] = books.claim()
    seen = []
    books.call_log(batch).write("offers.set_status", batch.jobs, lambda: seen.append(books.states()))
    assert seen == [{"42": "sent"}]
    call = books.one(Call)
    assert (call.operation, call.targets, call.outcome) == ("offers.set_status", 1, None)


def test_how_a_call_ended_is_written_with_the_next_one(books):
    books.effect()
    [batch] = books.claim()
    call_log, seen = books.call_log(batch), []
    call_log.write("offers.set_status", batch.jobs, lambda: None)
    call_log.write("offers.set_status", batch.jobs, lambda: seen.extend(books.outcomes()))
    assert seen == ["ok", None]


def test_or_with_the_conclusion(books):
    books.effect()
    [batch] = books.claim()
    call_log = books.call_log(batch)
    call_log.write("offers.set_status", batch.jobs, lambda: None)
    call_log.read("offers.get", batch.jobs, lambda: None)
    books.conclude(batch, Applied(batch.jobs[0]), call_log=call_log)
    assert books.outcomes() == ["ok", "ok"]


def test_a_worker_that_wakes_up_late_may_not_send(books):
    books.effect()
    [zombie] = books.claim()
    books.claim(after=ledger.LEASE)
    sent = []
    with pytest.raises(LeaseLost):
        books.call_log(zombie).write("offers.set_status", zombie.jobs, lambda: sent.append(1))
    assert sent == []


def test_a_worker_that_wakes_up_late_may_not_write_what_it_found(books):
    books.effect()
    [zombie] = books.claim()
    [batch] = books.claim(after=ledger.LEASE)
    assert books.conclude(zombie, Failed(zombie.jobs[0], "too late")) == []
    assert len(books.conclude(batch, Applied(batch.jobs[0]))) == 1
    assert books.states() == {"42": "applied"}


def test_during_a_halt_nothing_is_claimed_and_nothing_leaves(books, now):
    books.effect()
    [batch] = books.claim()
    with books.store.write() as session:
        halts.halt(session, by="ann", why="outage", now=now)
    assert books.claim(after=ledger.LEASE) == []
    with pytest.raises(Halted):
        books.call_log(batch).write("offers.set_status", batch.jobs, lambda: pytest.fail("sent"))


def test_an_applied_pause_begins_its_hold_in_the_same_breath(books, now):
    until = now + timedelta(hours=12)
    books.effect(hold={"kind": "duration", "seconds": 6 * 3600, "count": 2}, prior={"active": True})
    [batch] = books.claim()
    books.conclude(batch, Applied(batch.jobs[0]))
    hold = books.one(Hold)
    assert (hold.target_id, hold.until, hold.count, hold.we_paused, str(hold.state)) == ("42", until, 2, True, "active")


def test_a_plan_whose_effects_have_all_ended_is_done(books):
    books.effect(target="1")
    books.effect(target="2")
    [batch] = books.claim()
    books.conclude(batch, Applied(batch.jobs[0]), Failed(batch.jobs[1], "gone"))
    assert books.one(StoredPlan).state == "done"


def test_throttled_effects_wait_as_long_as_they_are_told(books):
    books.effect()
    [batch] = books.claim()
    books.conclude(batch, RetryLater(batch.jobs[0], 30.0, "429"))
    assert books.claim(after=timedelta(seconds=29)) == []
    assert len(books.claim(after=timedelta(seconds=30))) == 1


def test_what_was_decided_a_day_ago_is_never_sent(books):
    books.effect()
    [batch] = books.claim(after=timedelta(hours=25))
    with pytest.raises(Expired, match=r"expired: decided at 2026-03-02 12:00 UTC and not executed within 24 h"):
        books.call_log(batch).write("offers.set_status", batch.jobs, lambda: pytest.fail("sent"))


def test_trying_again_does_not_make_it_younger(books):
    books.effect()
    for hour in range(24):
        [batch] = books.claim(after=timedelta(hours=hour))
        assert not batch.jobs[0].expired
        books.conclude(batch, RetryLater(batch.jobs[0], 3600.0, "unreachable"), after=timedelta(hours=hour))
    [batch] = books.claim(after=timedelta(hours=24))
    assert batch.jobs[0].expired.endswith("the last error was: unreachable")


def test_a_yes_is_a_new_decision(books, now):
    books.effect()
    with books.store.write() as session:
        session.get_one(StoredPlan, books.plan_id).decided_at = now + timedelta(hours=20)
    [batch] = books.claim(after=timedelta(hours=43))
    assert not batch.jobs[0].expired


def test_an_unknown_outcome_is_settled_before_anything_else(books):
    books.effect()
    [batch] = books.claim()
    books.call_log(batch).write("offers.set_status", batch.jobs, lambda: None)
    books.conclude(batch, Ambiguous(batch.jobs[0], 5.0, "timeout"))
    [batch] = books.claim(after=timedelta(seconds=5))
    assert batch.jobs[0].ambiguous is True


def ensure(books, step, target, **more):
    books.effect("ensure", target, step=step, kind="publisher", subject="event=e", key={"email": target}, **more)


def test_two_effects_with_one_natural_key_never_run_at_the_same_time(books):
    ensure(books, "1", "email=ann@example.com")
    ensure(books, "2", "email=ann@example.com")
    [batch] = books.claim()
    assert len(batch.jobs) == 1
    assert books.claim() == []
    books.conclude(batch, Applied(batch.jobs[0], {"id": "p1"}))
    [batch] = books.claim()
    assert len(batch.jobs) == 1


def test_a_later_step_waits_for_an_earlier_one_and_gets_its_id(books):
    ensure(books, "pub", "email=ann@example.com")
    books.effect(
        "ensure", "x", step="2", kind="user", subject="event=e", after=["pub"], due_at=None,
        wanted={"publisher": {"$ref": "pub.id"}},
    )  # fmt: skip
    [batch] = books.claim()
    assert [job.kind for job in batch.jobs] == ["publisher"]
    books.conclude(batch, Applied(batch.jobs[0], {"id": "p1"}))
    [batch] = books.claim()
    assert batch.jobs[0].wanted == {"publisher": "p1"}


def test_when_a_step_fails_those_behind_it_are_not_begun(books):
    ensure(books, "pub", "email=ann@example.com")
    books.effect("ensure", "x", step="2", subject="event=e", after=["pub"], due_at=None)
    books.effect("ensure", "y", step="3", subject="event=e", after=["2"], due_at=None)
    [batch] = books.claim()
    books.conclude(batch, Failed(batch.jobs[0], "refused"))
    assert set(books.states().values()) == {"failed"}


def test_a_generated_password_never_touches_the_ledger(books, now):
    books.effect("ensure", "x", kind="user")
    [batch] = books.claim()
    books.conclude(batch, Applied(batch.jobs[0], {"id": "u1", "$secret": {"password": "S3cret-word"}}))
    effect, sealed = books.one(Effect), books.one(one_time_secrets.OneTimeSecret)
    assert "S3cret" not in repr(effect.result) + repr(effect.wanted) + repr(sealed.sealed)
    assert b"S3cret-word" in BOX.open(sealed.sealed)


def test_a_return_that_failed_gives_the_hold_back(books, now):
    with books.store.write() as session:
        hold = Hold(
            rule_id="r", account="main", integration="default", kind="offer", target_id="42", subject="offer=42",
            since=now, state="released",
        )  # fmt: skip
        session.add(hold)
        session.flush()
        hold_id = hold.id
    books.effect("activate", releases=hold_id)
    [batch] = books.claim()
    books.conclude(batch, Failed(batch.jobs[0], "refused"))
    hold = books.one(Hold)
    assert (str(hold.state), hold.ended_why) == ("active", "the return failed: refused")


def test_exact_numbers_survive_the_ledger():
    from decimal import Decimal

    value = {"payout": Decimal("5.10"), "cap": Decimal(500), "list": [Decimal("0.1")]}
    assert thaw(freeze(value)) == value


def test_only_references_to_the_finished_step_are_filled_in():
    value = {"a": {"$ref": "pub.id"}, "b": [{"$ref": "other.id"}]}
    assert fill(value, "pub", {"id": "p1"}) == {"a": "p1", "b": [{"$ref": "other.id"}]}
