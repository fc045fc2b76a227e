"""Read Integr8's reports."""

from bridge.operations import feeds
from bridge.services import container
from tasks.app import celery

MAX_ROUNDS = 10


@celery.task(name="reports.poll")
def poll() -> None:
    """Go on with feeds that are due. If this message is lost, the next tick sends another."""
    services = container.services()
    with feeds.in_turn(services, services.clock()) as ours:
        for _ in range(MAX_ROUNDS if ours else 0):
            if container.leaving.is_set() or not feeds.read_due(services, services.clock()):
                return
            if not feeds.answered(services):
                return
    if ours:
        services.queue.wake("reports.poll")
