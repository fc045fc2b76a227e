"""Ask before each further request of a call whether it is still meant.

A call may take many requests: chunks of a bulk change, halves of a refused one, one object after the other where there
is no bulk route. Who has them sent may change his mind in between, and then what was not sent stays unsent.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from bridge.integr8.errors import NotTried

SOON = 0.05  # seconds; who asked just before the first request need not be asked again if it leaves within that


class Gate:
    """A check before each request: `why_not` returns why no more may be sent, or None."""

    def __init__(self, why_not: Callable[[], str | None]) -> None:
        self._why_not = why_not
        self._asked_before = True  # for the first request, by who opened the gate

    def pass_through(self, operation: str, *, waited: float) -> None:
        """Raise NotTried if the request may no longer be sent. `waited`: seconds that it waited for a slot."""
        known, self._asked_before = self._asked_before, False
        if known and waited < SOON:
            return
        if (why := self._why_not()) is not None:
            raise NotTried(operation, words=why)


_open: ContextVar[Gate | None] = ContextVar("gate of requests", default=None)


@contextmanager
def asking(why_not: Callable[[], str | None]) -> Iterator[None]:
    """Inside the block, send each request but the first only while `why_not` returns None.

    with asking(lambda: "a halt has begun" if halted() else None):
        client.offers.set_status(many, active=False)
    """
    token = _open.set(Gate(why_not))
    try:
        yield
    finally:
        _open.reset(token)


def pass_through(operation: str, *, waited: float) -> None:
    """Raise NotTried if an open gate refuses the request."""
    gate = _open.get()
    if gate is not None:
        gate.pass_through(operation, waited=waited)
