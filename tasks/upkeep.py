"""By the clock: due slots, what stands still, what is old."""

from bridge.operations import maintenance
from bridge.services import container
from tasks.app import celery


@celery.task(name="upkeep.tick")
def tick() -> None:
    """Open due slots and ask for the work they mean. Two ticks at once do nothing twice."""
    services = container.services()
    for name in maintenance.tick(services, services.clock()):
        services.queue.nudge(name)


@celery.task(name="upkeep.sweep")
def sweep() -> None:
    """Nudge whatever waits without anyone working on it. This is what makes every other message losable."""
    services = container.services()
    for name in maintenance.stalled_tasks(services.store, services.clock()):
        services.queue.nudge(name)


@celery.task(name="upkeep.pulse")
def pulse() -> None:
    """Nothing but a sign of life: from beat over Redis to a worker, for Sentry's cron monitor."""


@celery.task(name="upkeep.tidy")
def tidy() -> None:
    """Forget what is old enough."""
    services = container.services()
    maintenance.apply_retention(services, services.clock())
