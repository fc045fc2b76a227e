"""Scheduled maintenance: open due slots, wake stalled work, apply the retention."""

from bridge.operations import maintenance
from bridge.operations.retention import apply_retention
from bridge.services import container
from tasks.app import celery


@celery.task(name="maintenance.tick")
def tick() -> None:
    """Open due slots and wake the tasks that they need. Two ticks at once do nothing twice."""
    services = container.services()
    for wanted in maintenance.tick(services, services.clock()):
        services.queue.send(wanted)


@celery.task(name="maintenance.sweep")
def sweep() -> None:
    """Wake the tasks whose work waits in the database, so that every other message may be lost without harm."""
    services = container.services()
    for wanted in maintenance.stalled_tasks(services, services.clock()):
        services.queue.send(wanted)


@celery.task(name="maintenance.heartbeat")
def heartbeat() -> None:
    """Do nothing: the arrival of the message shows Sentry's cron monitor that beat, Redis and a worker are alive."""


@celery.task(name="maintenance.retention")
def retention() -> None:
    """Delete what is older than its retention."""
    services = container.services()
    apply_retention(services, services.clock())
