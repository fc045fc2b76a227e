"""Record the outcomes of effects and their consequences: holds, secret delivery, follow-up steps."""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson
import structlog
from sqlalchemy.orm import Session

from bridge.effects.claims import Batch, StoredCallLog
from bridge.effects.handlers import MERGED_VERBS, Ambiguous, Applied, Failed, Outcome, RetryLater, Skipped
from bridge.observability.metrics import EFFECTS
from bridge.services.secrets import SecretsBox
from bridge.store import entities, lease, ledger, notifications, one_time_secrets
from bridge.store.engine import Store
from bridge.store.holds import Hold, HoldState
from bridge.store.ledger import Effect, EffectState
from bridge.store.row_inserts import insert_rows
from rules.model.markers import as_value
from rules.model.revision import HoldFor
from rules.planning import holds

log = structlog.get_logger()

SECRET_HOURS = 72
MAX_LOGGED_IDS = 5  # ids in one line of the log


def record_outcomes(
    store: Store,
    batch: Batch,
    outcomes: Iterable[Outcome],
    *,
    call_log: StoredCallLog,
    box: Callable[[], SecretsBox],
    now: datetime,
) -> list[Outcome]:
    """Record the outcome of each effect and call and all its consequences in one transaction.

    Returns the effects that were written; those that another worker has taken over meanwhile are left to it.
    """
    results = list(outcomes)
    with store.write() as session:
        call_log.note_ended(session)
        plans = {batch.effects[one.job.id].plan_id for one in results}
        fences = {one.job.id: batch.effects[one.job.id].fence for one in results}
        ours = lease.ours(session, Effect, fences)
        written = [one for one in results if one.job.id in ours]
        books = OutcomeWriter(session, ledger.blocked(session, plans), box, now)
        for one in written:
            books.write(batch.effects[one.job.id], one)
        books.close()
        _mirror(session, batch, written, now)
        ledger.close_finished(session, plans, now)
    _tell(batch, written)
    return written


def _mirror(session: Session, batch: Batch, written: Sequence[Outcome], now: datetime) -> None:
    """Update the statuses of the mirror in the same transaction, so that the next tick sees them."""
    if batch.verb not in MERGED_VERBS:
        return
    done = [batch.effects[one.job.id] for one in written if isinstance(one, Applied)]
    authors = {effect.target_id: (effect.rule_id, effect.id) for effect in done}
    entities.note_status(
        session, batch.account, batch.kind, set(authors), active=batch.verb == "activate", by=authors, now=now
    )


def _tell(batch: Batch, written: Sequence[Outcome]) -> None:
    """Log one line for all successes together, and one for each other outcome."""
    effects: list[Effect] = []
    for one in written:
        effect = batch.effects[one.job.id]
        EFFECTS.labels(batch.verb, one.word).inc()
        if isinstance(one, Applied | Skipped):
            effects.append(effect)
        else:
            log.warning(
                "effect not applied",
                outcome=one.word,
                effect=effect.id,
                rule=effect.rule_id,
                verb=effect.verb,
                target=f"{effect.kind} {effect.target_id}",
                error=getattr(one, "error", None),
            )
    if effects:
        log.info(
            "effects verified",
            verb=batch.verb,
            count=len(effects),
            effects=[effect.id for effect in effects[:MAX_LOGGED_IDS]],
            targets=[f"{effect.kind} {effect.target_id}" for effect in effects[:MAX_LOGGED_IDS]],
            rules=sorted({effect.rule_id for effect in effects}),
        )


@dataclass(frozen=True, slots=True)
class OutcomeWriter:
    """Writes the outcomes of effects that are locked in its transaction. It collects rows and writes them together."""

    session: Session
    blocked: Mapping[int, list[Effect]]
    box: Callable[[], SecretsBox]  # asked for by what makes a secret, and by nothing else
    now: datetime
    ended: list[dict[str, Any]] = field(default_factory=list)
    held: list[dict[str, Any]] = field(default_factory=list)

    def write(self, effect: Effect, outcome: Outcome) -> None:
        match outcome:
            case Applied(result=result) | Skipped(result=result):
                state = EffectState.APPLIED if isinstance(outcome, Applied) else EffectState.SKIPPED
                self._good_end(effect, state, dict(result))
            case Failed(error=error):
                self._bad_end(effect, error)
            case RetryLater(wait=wait, error=error):
                self._later(effect, EffectState.PLANNED, wait, error)
            case Ambiguous(wait=wait, error=error):
                self._later(effect, EffectState.UNKNOWN, wait, error)

    def close(self) -> None:
        """Write the collected rows."""
        ledger.conclude(self.session, self.ended)
        insert_rows(self.session, Hold, self.held)
        self.ended.clear()
        self.held.clear()

    def _later(self, effect: Effect, state: EffectState, wait: float, error: str) -> None:
        due = self.now + timedelta(seconds=wait)
        self.ended.append({"id": effect.id, "state": state, "due_at": due, "error": error})

    def _good_end(self, effect: Effect, state: EffectState, result: dict[str, Any]) -> None:
        kept = self._seal(effect, result)
        row = {"id": effect.id, "state": state, "ended_at": self.now, "result": kept, "error": None}
        if effect.prior is None and kept.get("prior") is not None:
            row["prior"] = kept["prior"]
        self.ended.append(row)
        self._begin_hold(effect)
        waiting = [one for one in self.blocked.get(effect.plan_id, []) if one.subject == effect.subject]
        if waiting:
            self.close()
            done = ledger.steps_done(self.session, effect.plan_id, effect.subject)
            for one in waiting:
                one.wanted = fill(one.wanted, effect.step, kept)
                one.key = fill(one.key, effect.step, kept)
                if set(one.after) <= done:
                    one.due_at = self.now
            self.session.flush()

    def _bad_end(self, effect: Effect, error: str) -> None:
        self.ended.append({"id": effect.id, "state": EffectState.FAILED, "ended_at": self.now, "error": error})
        self._take_hold_back(effect, error)
        failed = {effect.step}
        for one in self.blocked.get(effect.plan_id, []):
            if one.subject == effect.subject and failed & set(one.after):
                one.state, one.ended_at = EffectState.FAILED, self.now
                one.error = f"step {effect.step} failed, so this one was not begun: {error}"
                failed.add(one.step)
        self.session.flush()

    def _seal(self, effect: Effect, result: dict[str, Any]) -> dict[str, Any]:
        """Store a generated secret, encrypted, for a short time. The ledger keeps an encrypted reference to it."""
        secret = result.pop("$secret", None)
        if secret:
            token = secrets.token_urlsafe(24)
            self.session.add(
                one_time_secrets.OneTimeSecret(
                    token_hash=hashlib.sha256(token.encode()).hexdigest(),
                    effect_id=effect.id,
                    about=f"{effect.kind} {effect.target_id}",
                    sealed=self.box().seal(orjson.dumps(secret)),
                    created_at=self.now,
                    expires_at=self.now + timedelta(hours=SECRET_HOURS),
                )
            )
            result["one_time_secret"] = self.box().seal(token.encode()).decode()
            self._notify_of_secret(effect, result["one_time_secret"])
        return result

    def _notify_of_secret(self, effect: Effect, sealed: str) -> None:
        """Notify the channel that the rule names. The notice holds only the encrypted reference to the secret."""
        made = (one for one in effect.wanted.values() if isinstance(one, Mapping) and "$generate" in one)
        channel = next((one["to"] for one in made if "to" in one), None)
        if channel is not None:
            row = {
                "channel": channel,
                "topic": "one_time_secret",
                "dedupe_key": f"one_time_secret:{effect.id}",
                "rule_id": effect.rule_id,
                "text": f"{effect.kind} {effect.target_id} can sign in",
                "data": {"effect": effect.id, "sealed": sealed},
                "created_at": self.now,
                "due_at": self.now,
            }
            notifications.add(self.session, [row])

    def _begin_hold(self, effect: Effect) -> None:
        if effect.hold is None:
            return
        count = effect.hold.get("count", 1)
        seconds = effect.hold.get("seconds")
        wanted = HoldFor(effect.hold["kind"], timedelta(seconds=seconds) if seconds is not None else None)
        self.held.append(
            {
                "rule_id": effect.rule_id,
                "effect_id": effect.id,
                "account": effect.account,
                "integration": effect.integration,
                "kind": effect.kind,
                "target_id": effect.target_id,
                "subject": effect.subject,
                "since": self.now,
                "until": holds.until(wanted, count, self.now, effect.hold.get("tz", "UTC")),
                "count": count,
                "we_paused": bool((effect.prior or {}).get("active", True)),
            }
        )

    def _take_hold_back(self, effect: Effect, error: str) -> None:
        """Keep the hold of a target that could not be activated: it is still paused by us, which everyone can see.

        The same applies if this effect has overtaken a release and neither has a result.
        """
        for released in [effect.releases, *ledger.returns_overtaken_by(self.session, effect)]:
            hold = self.session.get(Hold, released) if released is not None else None
            if hold is not None and hold.state == HoldState.RELEASED:
                hold.state, hold.ended_at, hold.ended_by = HoldState.ACTIVE, None, None
                hold.until, hold.ended_why = self.now + timedelta(hours=1), f"the return failed: {error}"


def fill(value: Any, step: str, result: Mapping[str, Any]) -> Any:
    """Replace {"$ref": "step.name"} by the result of that step."""
    if isinstance(value, Mapping):
        reference = value.get("$ref")
        if isinstance(reference, str) and reference.partition(".")[0] == step:
            return as_value(result.get(reference.partition(".")[2] or "id"))
        return {key: fill(item, step, result) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, step, result) for item in value]
    return value
