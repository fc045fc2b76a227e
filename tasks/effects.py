"""Carry out what is due: claim, merge into as few calls as possible, call, verify, write down."""

from bridge.effects import perform as effects_perform
from bridge.services import container
from tasks.app import celery

ROUNDS = 20


@celery.task(name="effects.perform")
def perform() -> None:
    """Work until nothing is due. If this message is lost, the sweep sends another."""
    house = container.house()
    for _ in range(ROUNDS):
        if container.leaving.is_set():
            return
        if not effects_perform.perform(house, house.clock()):
            return
    house.queue.nudge("effects.perform")
