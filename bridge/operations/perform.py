"""Execute effects as workers do."""

from datetime import datetime
from functools import partial

from bridge.effects import perform
from bridge.effects.perform import EffectInputs
from bridge.notifications import collect
from bridge.operations import undo
from bridge.operations.notify import notification_inputs
from bridge.services.container import Services
from bridge.services.queue import WakeUp
from bridge.store.account_scope import EVERYONE, AccountScope

TASK = "effects.perform"


def perform_effects(services: Services, now: datetime, scope: AccountScope = EVERYONE) -> bool:
    """Execute one round of due effects within a scope. Returns False when nothing was due."""
    return perform.perform(effect_inputs(services, scope), now)


def effect_inputs(services: Services, scope: AccountScope = EVERYONE) -> EffectInputs:
    """Return what executing effects within a scope uses."""
    return EffectInputs(
        store=services.store,
        clock=services.clock,
        accounts=services.settings.accounts,
        seconds_away=services.seconds_away,
        client=services.client,
        list_order=services.list_order,
        outgoing=lambda: services.outgoing,
        notify=lambda channel, message: collect.tell(notification_inputs(services), channel, message),
        box=lambda: services.box,
        compensate=partial(undo.compensate, services),
        wake=lambda: services.queue.send(WakeUp(TASK, scope.only)),
        scope=scope,
    )
