"""Execute effects, one round at a time. No network call happens inside a transaction."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

import structlog

from bridge.effects import spans
from bridge.effects.claims import Batch, Halted, StoredCallLog, claim_batch
from bridge.effects.handlers import HANDLERS, Ambiguous, Applied, Failed, Job, Outcome, RetryLater, Tools
from bridge.effects.outcomes import record_outcomes
from bridge.notifications import collect
from bridge.observability.sentry import tag
from bridge.operations import undo
from bridge.services.container import Services
from bridge.store import ledger
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Effect

log = structlog.get_logger()

PAUSE_NAME = 60.0  # s; a name that bridge.yaml no longer has needs a person


def perform(services: Services, now: datetime) -> bool:
    """Claim what is due and carry it out. False when nothing was due."""
    away = [account for account in services.settings.accounts if services.seconds_away(account) > 0]
    batches = claim_batch(services.store, now, away=away)
    for batch in batches:
        tag(account=batch.account)
        went_well = _carry_out(services, batch)
        if batch.full and went_well:
            services.queue.wake("effects.perform")  # more is waiting, and an idle worker can help
    return bool(batches)


def _carry_out(services: Services, batch: Batch) -> bool:
    """True when nothing has to be tried again."""
    call_log = StoredCallLog(services.store, batch, services.clock)
    with spans.effects(services.store, batch):
        try:
            outcomes = _outcomes(services, batch, call_log)
        except Exception:
            with services.store.write() as session:
                call_log.note_ended(session)
            raise
        written = record_outcomes(
            services.store, batch, outcomes, call_log=call_log, box=services.box, now=services.clock()
        )
    _afterwards(services, call_log, [batch.effects[one.job.id] for one in written if isinstance(one, Failed | Applied)])
    return not any(isinstance(one, RetryLater | Ambiguous) for one in outcomes)


def _afterwards(services: Services, call_log: StoredCallLog, ended: Sequence[Effect]) -> None:
    """What can wait until the batch is written down.

    Where a rule says `on_failure: undo`, the other steps of a subject are undone when one fails. A step that was
    under way when the other failed is asked about when it ends.
    """
    subjects = {(effect.plan_id, effect.subject) for effect in ended if effect.releases is None}
    with services.store.read() as session:
        call_log.note_delays(session)
        meant = ledger.undone_on_failure(session, {plan_id for plan_id, _ in subjects})
    if not meant:
        return
    with services.store.write() as session:
        for plan_id, subject in sorted(subjects):
            if plan_id in meant:
                undo.compensate(services, session, plan_id, subject, services.clock())


def _outcomes(services: Services, batch: Batch, call_log: StoredCallLog) -> Sequence[Outcome]:
    gone = _gone(services, batch)
    if gone is not None:
        return [_wait_for_name(job, gone) for job in batch.jobs]
    client = services.client(batch.account, batch.integration)
    tools = Tools(client=client, outgoing=services.outgoing, tell=partial(collect.tell, services))
    over = [Failed(job, job.expired) for job in batch.jobs if job.expired and not job.ambiguous]
    jobs = [job for job in batch.jobs if job.ambiguous or not job.expired]
    try:
        return [*over, *(HANDLERS[batch.verb](tools, call_log, jobs) if jobs else ())]
    except Halted:
        return [*over, *(RetryLater(job, 1.0, "halted before it was sent") for job in jobs)]
    except LeaseLost:
        log.warning("lease lost", verb=batch.verb, effects=len(batch.jobs))
        return over


def _gone(services: Services, batch: Batch) -> str | None:
    """Why nothing can be asked under this name, and what mends it; None where it is configured."""
    account = services.settings.accounts.get(batch.account)
    if account is None:
        old = batch.account
        lost = f"there is no account {old!r} in bridge.yaml any more"
    elif batch.integration not in account.integrations:
        old = f"{batch.account}/{batch.integration}"
        lost = f"account {batch.account!r} has no integration {batch.integration!r} in bridge.yaml"
    else:
        return None
    return f"{lost}; `accounts rename {old} NEW` moves what waits for it"


def _wait_for_name(job: Job, why: str) -> Outcome:
    """Between an edit of bridge.yaml and `accounts rename` effects wait, until they expire as all do."""
    if job.ambiguous:
        return Ambiguous(job, PAUSE_NAME, why)
    return Failed(job, job.expired) if job.expired else RetryLater(job, PAUSE_NAME, why)
