"""What a request is about: the house that answers it, and who asks."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore

from flask import g

from bridge.operations import Refused
from bridge.operations.approvals import Person
from bridge.store.people import Role
from bridge.wiring import House

_trial = BoundedSemaphore(1)  # a backtest keeps a core busy: a second one beside it would starve the door


def house() -> House:
    found: House = g.house
    return found


def person() -> Person:
    """Whoever a token or a session belongs to, as one who may answer for waiting plans."""
    return Person(name=g.who, roles=frozenset({str(g.role)}), is_operator=g.role.covers(Role.OPERATOR))


@contextmanager
def trying() -> Iterator[None]:
    """One backtest at a time in each process. Raises Refused while another one runs."""
    if not _trial.acquire(blocking=False):
        raise Refused("another backtest is running; try again in a moment")
    try:
        yield
    finally:
        _trial.release()
