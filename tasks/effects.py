"""Execute due effects: claim, merge into few calls, call, verify, record."""

from bridge.operations.perform import perform_effects
from bridge.services import container
from tasks.app import celery

MAX_ROUNDS = 20


@celery.task(name="effects.perform")
def perform() -> None:
    """Work until nothing is due. If this message is lost, the sweep sends another."""
    services = container.services()
    for _ in range(MAX_ROUNDS):
        if container.leaving.is_set():
            return
        if not perform_effects(services, services.clock()):
            return
    services.queue.wake("effects.perform")
