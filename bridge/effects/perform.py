"""One round of carrying effects out. No network call happens inside a transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from bridge.effects import spans
from bridge.effects.claims import Batch, Halted, StoreDesk, claim_batch
from bridge.effects.handlers import HANDLERS, Again, Applied, Failed, Outcome, Tools, Unknown
from bridge.effects.outcomes import conclude
from bridge.notifications import collect
from bridge.observability.sentry import tag
from bridge.operations import undo
from bridge.services.container import Services
from bridge.store import ledger
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Effect

log = structlog.get_logger()


def perform(services: Services, now: datetime) -> bool:
    """Claim what is due and carry it out. False when nothing was due."""
    away = [account for account in services.settings.accounts if services.seconds_away(account) > 0]
    batches = claim_batch(services.store, now, away=away)
    for batch in batches:
        tag(account=batch.account)
        went_well = _carry_out(services, batch)
        if batch.full and went_well:
            services.queue.nudge("effects.perform")  # more is waiting, and an idle worker can help
    return bool(batches)


def _carry_out(services: Services, batch: Batch) -> bool:
    """True when nothing has to be tried again."""
    desk = StoreDesk(services.store, batch, services.clock)
    with spans.effects(services.store, batch):
        try:
            outcomes = _outcomes(services, batch, desk)
        except Exception:
            with services.store.write() as session:
                desk.note_ended(session)
            raise
        written = conclude(services.store, batch, outcomes, desk=desk, box=services.box, now=services.clock())
    _afterwards(services, desk, [batch.effects[one.job.id] for one in written if isinstance(one, Failed | Applied)])
    return not any(isinstance(one, Again | Unknown) for one in outcomes)


def _afterwards(services: Services, desk: StoreDesk, ended: Sequence[Effect]) -> None:
    """What can wait until the batch is written down.

    Where a rule says `on_failure: undo`, the other steps of a subject are taken back when one fails. A step that was
    under way when the other failed is asked about when it ends.
    """
    subjects = {(effect.plan_id, effect.subject) for effect in ended if effect.releases is None}
    with services.store.read() as session:
        desk.note_delays(session)
        meant = ledger.undone_on_failure(session, {plan_id for plan_id, _ in subjects})
    if not meant:
        return
    with services.store.write() as session:
        for plan_id, subject in sorted(subjects):
            if plan_id in meant:
                undo.compensate(services, session, plan_id, subject, services.clock())


def _outcomes(services: Services, batch: Batch, desk: StoreDesk) -> Sequence[Outcome]:
    account = services.settings.accounts.get(batch.account)
    if account is None:
        text = f"there is no account {batch.account!r} in bridge.yaml any more"
        return [Failed(job, text) for job in batch.jobs]
    if batch.integration not in account.integrations:
        text = f"account {batch.account!r} has no integration {batch.integration!r} in bridge.yaml"
        return [Failed(job, text) for job in batch.jobs]
    client = services.client(batch.account, batch.integration)
    tools = Tools(client=client, outgoing=services.outgoing, tell=partial(collect.tell, services))
    try:
        return HANDLERS[batch.verb](tools, desk, batch.jobs)
    except Halted:
        return [Again(job, 1.0, "halted before it was sent") for job in batch.jobs]
    except LeaseLost:
        log.warning("lease lost", verb=batch.verb, effects=len(batch.jobs))
        return []
