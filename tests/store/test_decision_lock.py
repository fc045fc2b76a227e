"""One worker decides at a time for an account, and one that lost its turn writes nothing."""

import pytest

from bridge.store import decision_lock
from bridge.store.lease import LeaseLost

NAME = decision_lock.of_account("main")


def take(store, now):
    with store.write() as session:
        return decision_lock.acquire(session, now, NAME)


def test_while_one_decides_another_does_not(store, now):
    assert take(store, now) == 1
    assert take(store, now) is None


def test_after_the_turn_was_given_back_the_next_one_decides(store, now):
    turn = take(store, now)
    with store.write() as session:
        decision_lock.release(session, turn, NAME)
    assert take(store, now) == 2


def test_a_vanished_workers_turn_ends_by_itself(store, now):
    take(store, now)
    assert take(store, now + decision_lock.LEASE) == 2


def test_who_wakes_up_after_its_turn_writes_nothing(store, now):
    turn = take(store, now)
    take(store, now + decision_lock.LEASE)
    with pytest.raises(LeaseLost), store.write() as session:
        decision_lock.release(session, turn, NAME)


def test_another_accounts_turn_is_its_own(store, now):
    take(store, now)
    with store.write() as session:
        assert decision_lock.acquire(session, now, decision_lock.of_account("second")) == 1


def test_a_turn_that_is_renewed_goes_on_after_its_lease(store, now):
    turn = take(store, now)
    later = now + decision_lock.LEASE
    with store.write() as session:
        decision_lock.renew(session, turn, NAME, later + decision_lock.LEASE)
    assert take(store, later) is None


def test_a_turn_that_another_took_is_not_renewed(store, now):
    turn = take(store, now)
    take(store, now + decision_lock.LEASE)
    with pytest.raises(LeaseLost), store.write() as session:
        decision_lock.renew(session, turn, NAME, now + 3 * decision_lock.LEASE)
