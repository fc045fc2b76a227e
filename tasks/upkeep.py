"""By the clock: due slots, what stands still, what is old."""

from bridge.operations import maintenance
from bridge.services import container
from tasks.app import celery


@celery.task(name="upkeep.tick")
def tick() -> None:
    """Open due slots and ask for the work they mean. Two ticks at once do nothing twice."""
    house = container.house()
    for name in maintenance.tick(house, house.clock()):
        house.queue.nudge(name)


@celery.task(name="upkeep.sweep")
def sweep() -> None:
    """Nudge whatever waits without anyone working on it. This is what makes every other message losable."""
    house = container.house()
    for name in maintenance.standing_still(house.store, house.clock()):
        house.queue.nudge(name)


@celery.task(name="upkeep.pulse")
def pulse() -> None:
    """Nothing but a sign of life: from beat over Redis to a worker, for Sentry's cron monitor."""


@celery.task(name="upkeep.tidy")
def tidy() -> None:
    """Forget what is old enough."""
    house = container.house()
    maintenance.tidy(house, house.clock())
