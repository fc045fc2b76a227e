"""Evaluate rules whose slot is due."""

from bridge import ticking, wiring
from tasks.app import celery


@celery.task(name="rules.run_due")
def run_due() -> None:
    """One tick: all rules that are due are decided together, so that what contradicts itself is settled."""
    house = wiring.house()
    while ticking.run_due(house, house.clock()):
        house.queue.nudge("effects.perform")
    house.queue.nudge("journal.drain")  # events that came while it was our turn to decide
