"""Run the rules as workers do: on waiting events, and on rules that are due."""

from datetime import datetime

from bridge.decisions import event_batches, schedule
from bridge.decisions.event_batches import BatchResult
from bridge.decisions.live_facts import EventInputs, LiveInputs
from bridge.services import memory
from bridge.services.container import Services
from bridge.store.account_scope import EVERYONE, AccountScope


def process_events(services: Services, now: datetime) -> BatchResult:
    """Decide about one batch of the event journal."""
    inputs = EventInputs(
        live_inputs(services), services.sources, services.chunk_cache, lambda: services.queue.wake("effects.perform")
    )
    return event_batches.process_batch(services.store, inputs, now)


def run_due_rules(services: Services, now: datetime, scope: AccountScope = EVERYONE) -> int:
    """Decide about the rules of a scope that are due. Returns how many slots ended; 0: nothing is left."""
    with memory.arrays_reused():
        ended = schedule.run_due(services.store, live_inputs(services), now, scope)
    if ended:
        memory.give_back()  # of a large network columns of many megabytes, which the process needs again in a minute
    return ended


def live_inputs(services: Services) -> LiveInputs:
    """Return what live decisions read in addition to the database."""
    return LiveInputs(
        library=services.library,
        accounts=services.settings.accounts,
        data=services.data,
        seconds=services.rule_seconds,
        answers=services.rule_answers,
        dimensions=services.settings.dimensions,
    )
