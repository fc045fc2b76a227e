"""A lease that is held for longer than it lasts is renewed, and never after it was given back."""

import threading
from datetime import timedelta

from bridge.decisions.lease_renewal import renewed
from bridge.store.lease import LeaseLost

SHORT = timedelta(milliseconds=30)
PATIENCE = 20


def test_a_lease_is_renewed_until_the_block_ends(store, now):
    ends, often = [], threading.Event()

    def hold(_session, until):
        ends.append(until)
        if len(ends) == 3:
            often.set()

    with renewed(store, now, hold, SHORT):
        assert often.wait(PATIENCE)
    counted = len(ends)
    with renewed(store, now, lambda *_: None, SHORT):  # the thread of the process goes on
        pass
    assert (ends == sorted(ends), len(ends)) == (True, counted)


def test_of_two_leases_at_once_one_that_is_lost_does_not_end_the_other(store, now):
    asked, lost = threading.Event(), threading.Event()

    def lose(_session, _until):
        lost.set()
        raise LeaseLost("another worker has it")

    def break_down(_session, _until):
        raise RuntimeError("a fault of ours")

    def keep(_session, _until):
        if lost.is_set():
            asked.set()

    with renewed(store, now, lose, SHORT), renewed(store, now, break_down, SHORT), renewed(store, now, keep, SHORT):
        assert asked.wait(PATIENCE)
