"""Troubles with time: clocks that are set wrong and right again, and an hour without beat."""

import signal
import time
from datetime import timedelta

from chaos.load import Load
from chaos.rig import Rig

HOUR = 3600.0


def jump(seconds: float, lasting: float = 6.0):
    """All our clocks, the database's among them, are wrong for a while; the senders' are not."""

    def strike(rig: Rig, _load: Load) -> None:
        names = rig.clocked()
        rig.step(seconds, *names)
        time.sleep(lasting)  # ticks, drains and effects go by the wrong clock meanwhile
        rig.step(0.0, *names)

    return strike


def one_worker(seconds: float):
    """A machine that does not agree with the others and the database's, until the work is nearly done."""

    def strike(rig: Rig, load: Load) -> None:
        rig.step(seconds, "worker2")
        rig.until(lambda: not load.unanswered, "the sender is answered")
        time.sleep(3)
        rig.step(0.0, "worker2")

    return strike


def an_hour_without_beat(rig: Rig, _load: Load) -> None:
    """Beat stands still; for everyone else an hour passes."""
    rig.signal("beat", signal.SIGSTOP)
    rig.pass_time(timedelta(hours=1))
    time.sleep(3)
    rig.signal("beat", signal.SIGCONT)
