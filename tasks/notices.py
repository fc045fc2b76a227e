"""Collect new notifications and deliver those that are due."""

from bridge.notifications import collect, service_alerts
from bridge.notifications import deliver as notifications_deliver
from bridge.observability.bulkhead import Bulkhead
from bridge.services import container
from tasks.app import celery

ROUNDS = 20


@celery.task(name="notices.deliver")
def deliver() -> None:
    """Asked for by the clock. If this message is lost, the next one does the same."""
    services = container.services()
    bulkhead = Bulkhead(services.store, services.clock())
    with bulkhead.item("service", "notices", "collect"):
        collect.collect(services, services.clock())
    with bulkhead.item("service", "alerts", "watch"):
        service_alerts.watch(services, services.clock())
    for _ in range(ROUNDS):
        if container.leaving.is_set() or not notifications_deliver.deliver(services, services.clock()):
            return
