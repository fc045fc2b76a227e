"""Evaluate rules whose slot is due, and try rules on the past."""

from bridge.decisions import schedule
from bridge.operations import backtest_jobs
from bridge.services import container
from tasks.app import celery


@celery.task(name="rules.run_due")
def run_due() -> None:
    """One tick: all rules that are due are decided together, so that what contradicts itself is settled."""
    house = container.house()
    while schedule.run_due(house, house.clock()):
        house.queue.nudge("effects.perform")
    house.queue.nudge("journal.drain")  # events that came while it was our turn to decide


@celery.task(name="rules.try")
def try_on_the_past() -> None:
    """Run a backtest that somebody asked for; one at a time, over all workers."""
    house = container.house()
    if backtest_jobs.run_next(house, house.clock()):
        house.queue.nudge("rules.try")  # others may wait behind it
