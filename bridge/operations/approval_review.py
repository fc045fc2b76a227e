"""Review waiting plans: the most money first, with what has changed since each was made."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import structlog
from sqlalchemy.orm import Session

from bridge.observability.bulkhead import NOT_ITS_FAULT, sentence
from bridge.operations.approvals import again_for, waiting_plan
from bridge.operations.errors import OperationError
from bridge.operations.plan_values import plan_of
from bridge.services.container import Services
from bridge.store import ledger
from bridge.store.ledger import StoredPlan
from rules.model.plan import Plan, PlannedEffect, Stop
from rules.model.revision import Mode, Revision
from rules.planning import approval, loss_limits

log = structlog.get_logger()

#: Guards that put a whole plan to a person.
OVER = frozenset({"at_most", "canary", "per_day", "budget", loss_limits.GUARD})
MAX_PLANS_REVIEWED = 25  # plans of one listing that are looked at again; each look is an evaluation of its rule


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One effect of a waiting plan, then and now. `gone` says why an approval would leave it out; None: it stays."""

    does: str
    account: str
    kind: str
    target_id: str
    reason: str
    reason_now: str | None
    money_24h: Decimal | None
    money_now: Decimal | None
    gone: str | None

    @property
    def ranked(self) -> Decimal:
        """A sort key that puts the most money first."""
        return -(self.money_24h or Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """A waiting plan as it was shown, and what an approval at this moment would do."""

    plan_id: int
    run_id: int
    rule: str
    since: datetime
    decide_by: datetime | None
    by: tuple[str, ...]  # who may answer; nobody named: any operator
    escalated: bool
    money_24h: Decimal | None
    why: tuple[str, ...]  # it waits
    effects: tuple[Wanted, ...]
    new_since: tuple[str, ...]  # wanted by now, and not part of it
    problem: str | None = None  # why it could not be looked at again
    undoes: int | None = None  # the run that it undoes: then the money comes back with it
    currency: str | None = None  # of the money

    @property
    def changed(self) -> str:
        """One line for a table."""
        if self.problem is not None:
            return self.problem
        gone = sum(effect.gone is not None for effect in self.effects)
        parts = [f"{gone} of {len(self.effects)} dropped out"] if gone else []
        parts += [f"{len(self.new_since)} new since, not part of it"] if self.new_since else []
        return "; ".join(parts) or "nothing"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"changed": self.changed}


def why_it_waits(stored: StoredPlan, revision: Revision | None) -> tuple[str, ...]:
    """Return the exceeded limit, or that the rule always asks; not what excluded single items."""
    of_all = [one for one in stored.stops if one.get("target") is None or one["guard"] != loss_limits.GUARD]
    over = tuple(one["message"] for one in of_all if one["guard"].partition(".")[0] in OVER)
    if over or stored.undoes is not None:
        return over
    if revision is None or revision.mode is Mode.APPROVE:
        return ("the rule is in mode approve: it asks before every change",)
    return ("the rule asks before this change",)


def review(services: Services, plan_id: int, *, now: datetime) -> Review:
    """Review one waiting plan again, without changing anything. Raises NotThere, Refused."""
    with services.store.read() as session:
        return _review(services, session, plan_id, now)


def reviews(services: Services, *, now: datetime, plans: Sequence[int] | None = None) -> list[Review]:
    """Return the waiting ones of these plans in their order; by default all, the most money first.

    Plans in one currency follow those in another. Later changes are looked up only for the first few.
    """
    with services.store.read() as session:
        found = ledger.waiting(session, services.settings.currency_places)
        if plans is not None:
            known = {one.id: one for one in found}
            found = [known[one] for one in plans if one in known]
        waiting = enumerate(found)
        return [_listed(services, session, stored, now, evaluate=row < MAX_PLANS_REVIEWED) for row, stored in waiting]


def _listed(services: Services, session: Session, stored: StoredPlan, now: datetime, *, evaluate: bool) -> Review:
    """Return one row of the listing, even if its rule no longer loads or raises, so that the others are still shown."""
    try:
        return _review(services, session, stored.id, now, evaluate=evaluate)
    except OperationError as error:
        return _as_stored(services, session, stored, str(error))
    except NOT_ITS_FAULT:
        raise
    except Exception as error:
        log.exception("plan cannot be looked at again", plan=stored.id, rule=stored.rule_id)
        return _as_stored(services, session, stored, f"a fault of this program: {sentence(error)}")


def _as_stored(services: Services, session: Session, stored: StoredPlan, problem: str) -> Review:
    effects = ledger.effects_of(session, stored.id)
    return Review(
        plan_id=stored.id,
        run_id=stored.run_id,
        rule=stored.rule_id,
        since=stored.created_at,
        decide_by=stored.decide_by,
        by=(),
        escalated=stored.decision == "escalated",
        money_24h=stored.money_24h,
        why=why_it_waits(stored, None),
        effects=tuple(
            Wanted(
                does=f"{one.verb} {one.kind} {one.target_id}",
                account=one.account,
                kind=one.kind,
                target_id=one.target_id,
                reason=one.reason or "",
                reason_now=None,
                money_24h=one.money_24h,
                money_now=None,
                gone=None,
            )
            for one in effects
        ),
        new_since=(),
        problem=problem,
        undoes=stored.undoes,
        currency=_currency(services, effects[0].account) if effects else None,
    )


def _currency(services: Services, account: str) -> str | None:
    found = services.settings.accounts.get(account)
    return found.currency if found else None


def _review(services: Services, session: Session, plan_id: int, now: datetime, *, evaluate: bool = True) -> Review:
    waiting = waiting_plan(services, session, plan_id)
    stored, revision = waiting.stored, waiting.revision
    old = plan_of(stored, ledger.effects_of(session, stored.id), revision)
    new, problem = old, None if evaluate else "not looked at again; `approvals show` does"
    try:
        new = again_for(services, session, waiting, now) if evaluate else old
    except OperationError as error:
        problem = str(error)
    _, difference = approval.recheck(old, new, revision.approve)
    reasons = {(stop.subject, stop.target): stop for stop in difference.reasons}
    return Review(
        plan_id=stored.id,
        run_id=stored.run_id,
        rule=stored.rule_id,
        since=stored.created_at,
        decide_by=stored.decide_by,
        by=tuple(revision.approve.by),
        escalated=stored.decision == "escalated",
        money_24h=stored.money_24h,
        why=why_it_waits(stored, revision),
        effects=_wanted(old, difference.kept, reasons),
        new_since=tuple(f"{effect.verb} {effect.target}" for effect in difference.left_out),
        problem=problem,
        undoes=stored.undoes,
        currency=_currency(services, revision.account),
    )


def _wanted(old: Plan, kept: Sequence[PlannedEffect], reasons: dict[Any, Stop]) -> tuple[Wanted, ...]:
    now = {(effect.step, effect.target, effect.subject): effect for effect in kept}
    found = []
    for effect in old.effects:
        fresh = now.get((effect.step, effect.target, effect.subject))
        stop = reasons.get((effect.subject, effect.target))
        gone = None if fresh else stop.message if stop else "the rule does not want it any more"
        found.append(
            Wanted(
                does=f"{effect.verb} {effect.target}",
                account=effect.target.account,
                kind=effect.target.kind,
                target_id=effect.target.id,
                reason=effect.reason,
                reason_now=fresh.reason if fresh else None,
                money_24h=effect.money_24h,
                money_now=fresh.money_24h if fresh else None,
                gone=gone,
            )
        )
    return tuple(found)
