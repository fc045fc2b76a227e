"""Execute due effects: claim, merge into few calls, call, verify, record."""

from bridge.operations.perform import TASK, perform_effects
from bridge.services import container
from bridge.services.account_scopes import scope_of
from bridge.services.queue import WakeUp
from tasks import standby
from tasks.app import celery

MAX_ROUNDS = 20


@celery.task(name=TASK)
def perform(account: str | None = None) -> None:
    """Work until nothing is due. If this message is lost, the sweep sends another."""
    standby.work(WakeUp(TASK, account), lambda: _perform_due(account))


def _perform_due(account: str | None) -> bool:
    """Work until nothing is due; then return True. Returns False if it stops before and has asked for the rest."""
    services = container.services()
    for _ in range(MAX_ROUNDS):
        if container.leaving.is_set():
            return False
        if not perform_effects(services, services.clock(), scope_of(services.settings, account)):
            return True
    services.queue.send(WakeUp(TASK, account))
    return False
