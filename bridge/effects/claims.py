"""Claim effects for this worker, and record each request to Integr8 before it leaves."""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import orjson
import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from bridge.effects.handlers import MERGED_VERBS, Expired, Halted, Job, passwords
from bridge.integr8 import errors, request_gate
from bridge.observability import tracing
from bridge.observability.metrics import EVENT_TO_CALL
from bridge.store import clock_steps, effect_order, endpoint_outages, entities, halts, latencies, ledger
from bridge.store.account_scope import EVERYONE, AccountScope
from bridge.store.endpoint_outages import Endpoint
from bridge.store.engine import Store
from bridge.store.exact_json import thaw
from bridge.store.ledger import Call, Effect, EffectState
from bridge.store.list_order import ListOrder
from bridge.store.slots import Slot
from rules.model.markers import as_sent
from rules.model.verbs import BELOW_OFFER

log = structlog.get_logger()
T = TypeVar("T")
Refs = Mapping[tuple[str, str, str], str]  # account, kind, small number → text id

MERGED_AT_ONCE = 1_000  # effects of one bulk call
SINGLE_AT_ONCE = 10  # effects that need calls of their own, so that a lease outlasts its batch
SINGLE_LOOKED_AT = 50  # candidates examined per batch; some may wait for another effect with the same natural key


@dataclass(frozen=True, slots=True)
class Batch:
    """Claimed effects that one handler executes together."""

    verb: str
    kind: str
    account: str
    integration: str
    effects: Mapping[int, Effect]
    jobs: Sequence[Job]
    #: Endpoints that are out, by name: this batch finds out whether they still are.
    probes: Mapping[str, Slot] = field(default_factory=dict)

    @property
    def full(self) -> bool:
        """True if more effects of its kind may wait than one worker takes at once."""
        return len(self.jobs) >= (MERGED_AT_ONCE if self.verb in MERGED_VERBS else SINGLE_AT_ONCE)


def claim_batch(
    store: Store, now: datetime, *, away: Callable[[], Collection[str]] = tuple, scope: AccountScope = EVERYONE
) -> list[Batch]:
    """Claim due effects, except halted ones and those that call Integr8 for accounts that are `away`.

    `away` is called only if something is due, and outside a transaction, because the answer comes over the network.
    A claim need not survive a power cut: before a request leaves, `StoredCallLog.write` is on disk, and the claim with
    it.
    During an outage of an endpoint, one effect is claimed now and then, mostly the first in order, to find out whether
    Integr8 answers again.
    """
    with store.read() as session:
        if not ledger.some_due(session, now, scope):
            return []
    absent = away()
    with store.write(durable=False) as session:
        halted = halts.open_halts(session)
        if halted.everything is not None:
            return []
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SELECT pg_advisory_xact_lock(8427152)"))  # two claims must not take one key
        left_by = clock_steps.effects_left_by(session, now)
        take = partial(
            ledger.take, session, MERGED_VERBS, now=now, left_by=left_by, away=absent, halted=halted, scope=scope
        )
        out = endpoint_outages.open_ones(session)
        probes = endpoint_outages.take_probes(session, now, away=absent, scope=scope) if out else {}
        kept = take(among=True, limit=MERGED_AT_ONCE, out=out)
        single = take(among=False, limit=SINGLE_LOOKED_AT, out=out)
        for name, slot in probes.items():
            several = endpoint_outages.with_all(slot)
            if Endpoint.named(name).verb in MERGED_VERBS:
                kept += take(among=True, limit=MERGED_AT_ONCE if several else 1, only=name)
            else:
                single = [*take(among=False, limit=2 if several else 1, only=name), *single]
        kept += _without_rivals(session, single, left_by)
        kept = effect_order.settle_order(session, kept, left_by=left_by, now=now)
        _look_again_later(session, probes, kept, now)
        causes = ledger.causes(session, {effect.plan_id for effect in kept if effect.verb == "http"})
        expired = ledger.expired(session, {effect.plan_id for effect in kept}, now)
        offers = _offers(session, kept)
        refs = _refs(session, kept, offers)
    return _batches(kept, _Known(causes, expired, refs, offers), probes)


def _look_again_later(session: Session, probes: dict[str, Slot], kept: Sequence[Effect], now: datetime) -> None:
    """Leave only those endpoints among the probes for which an effect was found."""
    tried = {endpoint_outages.of(effect).name for effect in kept}
    for name in probes.keys() - tried:
        slot = probes.pop(name)
        if endpoint_outages.anybody_waits(session, name):
            endpoint_outages.go_on(session, slot, now)
        else:
            endpoint_outages.end(session, name, now)


def _without_rivals(session: Session, effects: Sequence[Effect], left_by: datetime) -> list[Effect]:
    """Release effects that must wait: a second one with the same natural key, and more than a lease covers."""
    ensures = [effect for effect in effects if effect.verb == "ensure"]
    busy = ledger.busy_keys(session, ensures, left_by) if ensures else set()
    kept: list[Effect] = []
    back: list[Effect] = []
    for effect in effects:
        key = ledger.rival_key(effect.account, effect.kind, effect.target_id)
        if len(kept) >= SINGLE_AT_ONCE or (effect.verb == "ensure" and key in busy):
            back.append(effect)
            continue
        busy.add(key)
        kept.append(effect)
    effect_order.hand_back(session, back)
    return kept


def _offers(session: Session, effects: Sequence[Effect]) -> Mapping[int, str]:
    """Return effect → the offer of its event or landing page, from the mirror or its key. Unknown ones are missing."""
    below = [effect for effect in effects if effect.kind in BELOW_OFFER]
    parents: dict[tuple[str, str, str], str] = {}
    for account in {effect.account for effect in below}:
        ids = {effect.target_id for effect in below if effect.account == account}
        for row in entities.with_either_id(session, account, BELOW_OFFER, ids):
            if row.parent is not None:
                parents |= {(account, row.kind, one): row.parent for one in (row.ref, row.number) if one}
    found: dict[int, str] = {}
    for effect in below:
        mirrored = parents.get((effect.account, effect.kind, effect.target_id))
        offer = mirrored or effect.key.get("offer")
        if offer is not None:
            found[effect.id] = str(thaw(offer))
    return found


def _refs(session: Session, effects: Sequence[Effect], offers: Mapping[int, str]) -> Refs:
    """Return Integr8's text ids for calls: rules use the small numbers of reports and links."""
    ids: dict[tuple[str, str], set[str]] = {}
    for effect in effects:
        if effect.verb != "ensure":
            ids.setdefault((effect.account, effect.kind), set()).add(effect.target_id)
        if effect.id in offers:
            ids.setdefault((effect.account, "offer"), set()).add(offers[effect.id])
    return {
        (account, kind, number): ref
        for (account, kind), some in ids.items()
        for number, ref in entities.refs(session, account, kind, some).items()
    }


@dataclass(frozen=True, slots=True)
class _Known:
    """The inputs of jobs besides their effects."""

    causes: Mapping[int, str]  # by plan
    expired: Mapping[int, datetime]  # plan → when it was decided
    refs: Refs
    offers: Mapping[int, str]  # effect → the offer above its target

    def ref(self, account: str, kind: str, identity: str) -> str:
        """Return Integr8's text id, if the target is known by another id."""
        return self.refs.get((account, kind, identity), identity)

    def key(self, effect: Effect) -> dict[str, Any]:
        """Return the natural key, with the text id of the offer above."""
        key: dict[str, Any] = thaw(effect.key)
        offer = self.offers.get(effect.id)
        return key if offer is None else key | {"offer": self.ref(effect.account, "offer", offer)}


def _batches(effects: Sequence[Effect], known: _Known, probes: Mapping[str, Slot]) -> list[Batch]:
    groups: dict[tuple[str, ...], list[Effect]] = {}
    for effect in effects:
        group = (effect.verb, effect.kind if effect.verb in MERGED_VERBS else "", effect.account, effect.integration)
        groups.setdefault(group, []).append(effect)
    return [
        Batch(
            verb,
            kind,
            account,
            integration,
            {one.id: one for one in members},
            [_job_or_fault(one, known) for one in members],
            {name: probes[name] for one in members if (name := endpoint_outages.of(one).name) in probes},
        )
        for (verb, kind, account, integration), members in groups.items()
    ]


def _job_or_fault(effect: Effect, known: _Known) -> Job:
    """Return the job; for an effect without a valid job, one that fails by itself and names the reason."""
    try:
        return _job(effect, known)
    except Exception as error:
        log.exception("effect cannot be read", effect=effect.id, verb=effect.verb, kind=effect.kind)
        why = f"a fault of this program: {type(error).__name__}: {error}"
        return Job(id=effect.id, verb=effect.verb, kind=effect.kind, target_id=effect.target_id, wanted={}, expired=why)


def _job(effect: Effect, known: _Known) -> Job:
    cause, decided = known.causes.get(effect.plan_id), known.expired.get(effect.plan_id)
    return Job(
        id=effect.id,
        verb=effect.verb,
        kind=effect.kind,
        target_id=known.ref(effect.account, effect.kind, effect.target_id),
        other_id=effect.target_id if effect.verb in MERGED_VERBS else None,
        wanted={name: passwords.for_job(value) for name, value in thaw(effect.wanted).items()},
        key=as_sent(known.key(effect)),
        attempts=effect.attempts,
        urgent=effect.urgent,
        ambiguous=effect.state == EffectState.UNKNOWN,
        expired=_expired(effect, decided) if decided is not None else "",
        idempotency_key=_once(effect, cause) if cause else "",
        context={"rule": effect.rule_id, "effect": effect.id, "reason": effect.reason},
    )


def _expired(effect: Effect, decided: datetime) -> str:
    hours = ledger.VALID // timedelta(hours=1)
    met = f"; the last error was: {effect.error}" if effect.error else ""
    return f"expired: decided at {decided:%Y-%m-%d %H:%M} UTC and not executed within {hours} h{met}"


def _once(effect: Effect, cause: str) -> str:
    """Return the idempotency key for other servers. Numbers of rows would repeat after a restore."""
    parts = (effect.rule_id, cause, effect.step, effect.kind, effect.target_id, effect.subject)
    return hashlib.sha256(orjson.dumps(parts)).hexdigest()[:32]


class StoredCallLog:
    """The call log in the database, for one batch.

    A request is on disk before it leaves. The results of calls are written together with the next request or outcome. A
    crash in between leaves effects that a read resolves in either case.
    """

    def __init__(
        self,
        store: Store,
        batch: Batch,
        clock: Callable[[], datetime],
        list_order: ListOrder,
    ) -> None:
        self._store = store
        self._batch = batch
        self._list_order = list_order
        self._clock = clock
        self._ended: list[Call] = []
        self._sent: set[int] = set()
        self._first: list[tuple[datetime, list[int]]] = []  # when a call left, and effects that had never been tried

    def entity_count(self, kind: str) -> int | None:
        with self._store.read() as session:
            return self._list_order.count(session, self._batch.account, self._batch.integration, kind) or None

    def list_positions(self, kind: str, ids: Collection[str]) -> Mapping[str, int]:
        with self._store.read() as session:
            return self._list_order.positions(session, self._batch.account, self._batch.integration, kind, ids)

    def write(self, operation: str, jobs: Sequence[Job], send: Callable[[], T]) -> T:
        """Commit `sent`, then send. Raises Expired, Halted or LeaseLost before any request leaves."""
        for job in jobs:
            if job.expired:
                raise Expired(job.expired)
        now = self._clock()
        call = Call(account=self._batch.account, operation=operation, targets=len(jobs), started_at=now)
        with self._store.write() as session:
            halted = halts.open_halts(session)
            if halted and ledger.any_halted(session, [job.id for job in jobs], halted):
                raise Halted("the halt is on")
            rows = [(job.id, self._batch.effects[job.id].fence) for job in jobs]
            self.note_ended(session)
            ledger.begin_call(session, rows, call=call, now=now)
        self._sent |= {job.id for job in jobs}
        self._first.append((now, [job.id for job in jobs if job.attempts == 1]))
        with request_gate.asking(partial(self._why_not, [job.id for job in jobs])):
            return self._timed(operation, call, send)

    def _why_not(self, effect_ids: Sequence[int]) -> str | None:
        """Return the reason why the rest of a call must not be sent: a halt that began after its first request."""
        with self._store.read() as session:
            halted = halts.open_halts(session)
            is_halted = bool(halted) and ledger.any_halted(session, effect_ids, halted)
        return "a halt has begun" if is_halted else None

    def read(self, operation: str, jobs: Sequence[Job], ask: Callable[[], T]) -> T:
        """Send a reading call. A read that a crash interrupts has changed nothing, so it is not recorded in advance."""
        call = Call(account=self._batch.account, operation=operation, targets=len(jobs), started_at=self._clock())
        return self._timed(operation, call, ask)

    def was_sent(self, job: Job) -> bool:
        """Return whether a writing request was sent for this job."""
        return job.id in self._sent

    def note_ended(self, session: Session) -> None:
        """Write the results of calls since the last time."""
        ledger.end_calls(session, self._ended)
        self._ended.clear()

    def note_delays(self, session: Session) -> None:
        """Measure how long events waited for the calls that were sent.

        It runs after the calls, so nothing waits for it.
        """
        for at, effects in self._first:
            for received in latencies.received_at(session, effects) if effects else ():
                EVENT_TO_CALL.observe((at - received).total_seconds())
        self._first.clear()

    def _timed(self, operation: str, call: Call, send: Callable[[], T]) -> T:
        call.outcome = "unknown"
        try:
            with tracing.span(f"call {operation}", call=call.id, operation=operation, targets=call.targets):
                answer = send()
            call.outcome = "ok"
        except (errors.ApiError, errors.BudgetError) as error:
            call.outcome, call.status, call.error = _word(error), getattr(error, "status", None), str(error)
            raise
        finally:
            call.ended_at = self._clock()
            self._ended.append(call)
            log.info("call ended", operation=operation, targets=call.targets, outcome=call.outcome, call=call.id)
        return answer


def _word(error: Exception) -> str:
    match error:
        case errors.OutcomeUnknown() | errors.NoAnswer():
            return "unknown"
        case errors.Unreachable():
            return "unreachable"
        case errors.RateLimited() | errors.BudgetError():
            return "throttled"
        case errors.PartlyDone():
            return "partial"
        case errors.ServerError():
            return "server_error"
        case _:
            return "refused"
