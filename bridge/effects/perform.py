"""Execute effects, one round at a time. No network call happens inside a transaction."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bridge.config.errors import SettingsError
from bridge.config.settings import Account
from bridge.effects import spans
from bridge.effects.claims import Batch, StoredCallLog, claim_batch
from bridge.effects.handlers import (
    HANDLERS,
    Ambiguous,
    Applied,
    Failed,
    Halted,
    Job,
    Outcome,
    RetryLater,
    Tools,
    broken,
    held_back,
)
from bridge.effects.handlers.passwords import generates
from bridge.effects.outages import note_outages
from bridge.effects.outcomes import record_outcomes
from bridge.integr8 import Client
from bridge.observability.bulkhead import NOT_ITS_FAULT
from bridge.observability.sentry import tag
from bridge.outbound.http import Outgoing
from bridge.services.secrets import SecretsBox
from bridge.store import ledger
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.engine import Store
from bridge.store.lease import LeaseLost
from bridge.store.ledger import Effect
from bridge.store.list_order import ListOrder

log = structlog.get_logger()

PAUSE_SETTINGS = 60.0  # s; what is wrong or missing in bridge.yaml needs a person


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectInputs:
    """The inputs for executing effects: the database, the accounts and their clients, and what may follow an effect."""

    store: Store
    clock: Callable[[], datetime]
    accounts: Mapping[str, Account]
    seconds_away: Callable[[str], float]  # account → until calls make sense
    client: Callable[[str, str], Client]  # account, integration
    list_order: ListOrder  # kept from round to round
    outgoing: Callable[[], Outgoing]  # of the `http` action
    notify: Callable[[str, Mapping[str, Any]], bool]  # channel, message; False: there is no such channel
    box: Callable[[], SecretsBox]
    compensate: Callable[[Session, int, str, datetime], None]  # plan, subject: `on_failure: undo`
    wake: Callable[[], object]  # another worker, for what is left
    scope: AccountScope = EVERYONE  # whose effects are meant


def perform(inputs: EffectInputs, now: datetime) -> bool:
    """Claim due effects and execute them. Returns False when nothing was due.

    Each batch is separate: one that cannot be recorded returns with its lease and does not delay the others.
    """

    def away() -> list[str]:
        return [account for account in inputs.accounts if inputs.seconds_away(account) > 0]

    batches = claim_batch(inputs.store, now, away=away, scope=inputs.scope)
    for batch in batches:
        tag(account=batch.account)
        try:
            went_well = _carry_out(inputs, batch)
        except NOT_ITS_FAULT:
            raise
        except Exception:
            log.exception("batch of effects failed", verb=batch.verb, kind=batch.kind, effects=len(batch.jobs))
            went_well = False
        if batch.full and went_well:
            inputs.wake()  # more is waiting, and an idle worker can help
    return bool(batches)


def _carry_out(inputs: EffectInputs, batch: Batch) -> bool:
    """Execute one batch. Returns True when nothing has to be tried again."""
    call_log = StoredCallLog(inputs.store, batch, inputs.clock, inputs.list_order)
    with spans.effects(inputs.store, batch):
        try:
            outcomes = _outcomes(inputs, batch, call_log)
        except Exception:
            with inputs.store.write() as session:
                call_log.note_ended(session)
            raise
        outcomes = note_outages(inputs.store, batch, outcomes, inputs.clock())
        written = record_outcomes(inputs.store, batch, outcomes, call_log=call_log, box=inputs.box, now=inputs.clock())
    _afterwards(inputs, call_log, [batch.effects[one.job.id] for one in written if isinstance(one, Failed | Applied)])
    return not any(isinstance(one, RetryLater | Ambiguous) for one in outcomes)


def _afterwards(inputs: EffectInputs, call_log: StoredCallLog, ended: Sequence[Effect]) -> None:
    """Do what can wait until the batch is recorded.

    If a rule says `on_failure: undo` and one step of a subject fails, the other steps are undone. A step that was in
    progress then is checked when it ends.
    """
    subjects = {(effect.plan_id, effect.subject) for effect in ended if effect.releases is None}
    with inputs.store.read() as session:
        call_log.note_delays(session)
        meant = ledger.undone_on_failure(session, {plan_id for plan_id, _ in subjects})
    if not meant:
        return
    with inputs.store.write() as session:
        for plan_id, subject in sorted(subjects):
            if plan_id in meant:
                inputs.compensate(session, plan_id, subject, inputs.clock())


def _outcomes(inputs: EffectInputs, batch: Batch, call_log: StoredCallLog) -> Sequence[Outcome]:
    missing = _gone(inputs, batch) or _unusable(inputs, batch)
    if missing is not None:
        return [_wait_for_settings(job, missing) for job in batch.jobs]
    client = inputs.client(batch.account, batch.integration)
    outgoing = inputs.outgoing() if batch.verb == "http" else None
    tools = Tools(client=client, outgoing=outgoing, tell=inputs.notify)
    over: list[Outcome] = [Failed(job, job.expired) for job in batch.jobs if job.expired and not job.ambiguous]
    jobs = [job for job in batch.jobs if job.ambiguous or not job.expired]
    if (keyless := _keyless(inputs, jobs)) is not None:
        over += [_wait_for_settings(job, keyless) for job in jobs if generates(job.wanted)]
        jobs = [job for job in jobs if not generates(job.wanted)]
    try:
        return [*over, *(HANDLERS[batch.verb](tools, call_log, jobs) if jobs else ())]
    except Halted:
        return [*over, *(held_back(call_log, job) for job in jobs)]
    except LeaseLost:
        log.warning("lease lost", verb=batch.verb, effects=len(batch.jobs))
        return over
    except NOT_ITS_FAULT:
        raise
    except Exception as error:
        log.exception("effects failed", verb=batch.verb, kind=batch.kind, effects=len(jobs))
        return [*over, *(broken(call_log, job, error) for job in jobs)]


def _gone(inputs: EffectInputs, batch: Batch) -> str | None:
    """Return why no account has this name, and the remedy; None if it is configured."""
    account = inputs.accounts.get(batch.account)
    if account is None:
        old = batch.account
        lost = f"there is no account {old!r} in bridge.yaml any more"
    elif batch.integration not in account.integrations:
        old = f"{batch.account}/{batch.integration}"
        lost = f"account {batch.account!r} has no integration {batch.integration!r} in bridge.yaml"
    else:
        return None
    return f"{lost}; `accounts rename {old} NEW` moves what waits for it"


def _unusable(inputs: EffectInputs, batch: Batch) -> str | None:
    """Return the problem with `http:` of bridge.yaml, for the effects that need it; None if it is usable."""
    return _refused(inputs.outgoing) if batch.verb == "http" else None


def _keyless(inputs: EffectInputs, jobs: Sequence[Job]) -> str | None:
    """Return why a secret of these effects could not be encrypted; then nothing is sent. None if it can be."""
    return _refused(inputs.box) if any(generates(job.wanted) for job in jobs) else None


def _refused(needed: Callable[[], object]) -> str | None:
    """Return what the settings lack for something that is built from them; None if it can be built."""
    try:
        needed()
    except SettingsError as error:
        return "; ".join(error.problems)
    return None


def _wait_for_settings(job: Job, why: str) -> Outcome:
    """Let effects wait, or expire as usual, until bridge.yaml is mended or `accounts rename` moves the name."""
    if job.ambiguous:
        return Ambiguous(job, PAUSE_SETTINGS, why, unasked=True)
    return Failed(job, job.expired) if job.expired else RetryLater(job, PAUSE_SETTINGS, why, unasked=True)
