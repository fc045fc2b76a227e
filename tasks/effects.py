"""Carry out what is due: claim, merge into as few calls as possible, call, verify, write down."""

from bridge import performing, wiring
from tasks.app import celery

ROUNDS = 20


@celery.task(name="effects.perform")
def perform() -> None:
    """Work until nothing is due. If this message is lost, the sweep sends another."""
    house = wiring.house()
    for _ in range(ROUNDS):
        if wiring.leaving.is_set():
            return
        if not performing.perform(house, house.clock()):
            return
    house.queue.nudge("effects.perform")
