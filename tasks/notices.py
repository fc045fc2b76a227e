"""Collect new notifications and deliver those that are due."""

from bridge.observability.bulkhead import Bulkhead
from bridge.operations import notify
from bridge.services import container
from tasks.app import celery

MAX_ROUNDS = 20


@celery.task(name="notices.deliver")
def deliver() -> None:
    """Deliver due notices on a schedule. If this message is lost, the next one does the same."""
    services = container.services()
    bulkhead = Bulkhead(services.store, services.clock())
    with bulkhead.item("service", "notices", "collect"):
        notify.collect_notices(services, services.clock())
    with bulkhead.item("service", "alerts", "watch"):
        notify.watch_service(services, services.clock())
    for _ in range(MAX_ROUNDS):
        if container.leaving.is_set() or not notify.deliver_notices(services, services.clock()):
            return
