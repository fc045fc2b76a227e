"""Read Integr8's reports."""

from bridge.operations import feeds
from bridge.services import container, memory
from bridge.services.account_scopes import scope_of
from bridge.services.queue import WakeUp
from tasks.app import celery

MAX_ROUNDS = 10


@celery.task(name="reports.poll")
def poll(account: str | None = None) -> None:
    """Continue due feeds. If this message is lost, the next tick sends another."""
    services = container.services()
    scope = scope_of(services.settings, account)
    try:
        with feeds.in_turn(services, services.clock(), scope) as ours:
            for _ in range(MAX_ROUNDS if ours else 0):
                if container.leaving.is_set() or not feeds.read_due(services, services.clock(), scope):
                    return
                if not feeds.answered(services, scope):
                    return
    finally:
        memory.give_back()  # of the lists of a whole network, which are read again minutes later
    if ours:
        services.queue.send(WakeUp("reports.poll", account))
