"""Collect notices, watch the service and deliver what is due, as workers do."""

import random
from collections.abc import Callable
from datetime import datetime

from bridge.notifications import collect, deliver, service_alerts
from bridge.notifications.inputs import NotificationInputs
from bridge.notifications.service_alerts import Watchdog
from bridge.services.container import Services


def collect_notices(services: Services, now: datetime) -> None:
    """Write a notice for each channel that a rule names, about what has happened since the last time."""
    collect.collect(notification_inputs(services), now)


def watch_service(services: Services, now: datetime) -> None:
    """Write a notice about each problem of the service that has begun or ended."""
    service_alerts.watch(notification_inputs(services), now)


def deliver_notices(services: Services, now: datetime, dice: Callable[[], float] = random.random) -> bool:
    """Deliver one round of due notices. Returns False when nothing was due."""
    return deliver.deliver(notification_inputs(services), now, dice)


def watchdog(services: Services) -> Watchdog:
    """Return the thread of the web process that notifies the channels while no worker does."""
    return Watchdog(lambda: notification_inputs(services), lambda: services.redis.ping())  # noqa: PLW0108 - Redis may have no address


def notification_inputs(services: Services) -> NotificationInputs:
    """Return new inputs for each round, because bridge.yaml may have changed."""
    return NotificationInputs(
        store=services.store,
        clock=services.clock,
        library=services.library,
        channels=services.channels,
        operations=services.settings.operations,
        public_url=services.settings.public_url,
        box=lambda: services.box,
    )
