"""Approve or reject a waiting plan. An approval checks again what still holds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions.inhibitions import among_others
from bridge.decisions.persist import apply_side_effects
from bridge.decisions.plan_state import load_state
from bridge.decisions.records import effect_row
from bridge.observability.bulkhead import Bulkhead
from bridge.operations.cancel import target
from bridge.operations.decide import live_inputs
from bridge.operations.errors import NotThere, OperationError, Refused
from bridge.operations.plan_values import chosen, context_of, effect_of, plan_of
from bridge.operations.selection import EVERYTHING, Choice, Only, only
from bridge.operations.undo import again
from bridge.services.container import Services
from bridge.store import audit_log, halts, ledger
from bridge.store.ledger import Effect, EffectState, PlanState, StoredPlan
from bridge.store.runs import Run
from rules.evaluation.evaluate import evaluate
from rules.model.plan import Plan, PlannedEffect, Stop, Target
from rules.model.revision import Mode, Revision
from rules.planning import approval
from rules.planning.approval import Difference
from rules.planning.plan import plan as make_plan
from rules.planning.plan import targets

CLOCK = "clock"  # who answers when nobody did


class Halted(Refused):
    """The plan is halted, not lost: it waits, and can be approved after a resume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """The person who answers. The command line acts as an operator of its machine."""

    name: str
    roles: frozenset[str] = frozenset()
    is_operator: bool = True


@dataclass(frozen=True, slots=True)
class Answered:
    """The fate of the plan, and the changes of the re-check."""

    plan_id: int
    state: str
    kept: int
    dropped: Sequence[str]  # one sentence each


def approve(
    services: Services, plan_id: int, *, person: Person, now: datetime, selection: Choice = EVERYTHING
) -> Answered:
    """Approve. Everything is evaluated again; recovered items are left out, and new ones are not added.

    Raises NotThere, Refused if the plan no longer waits or this person may not answer, NothingSelected if a selected
    target is not part of the plan.
    """
    with services.store.write() as session:
        waiting = _answerable(services, session, plan_id, person)
        halt = halts.open_halts(session).covering(waiting.stored.rule_id, waiting.revision.account)
        if halt is not None:
            raise Halted(f"plan {plan_id}: {halt.of} is halted ({halt.why}); `integr8-bridge resume` first")
        answered = _carry_on(services, session, waiting, selection=selection, who=person.name, now=now)
    services.queue.wake("effects.perform")
    return answered


def reject(services: Services, plan_id: int, *, person: Person, why: str, now: datetime) -> Answered:
    """Reject. The plan is dropped; the rule may want it again at its next evaluation."""
    with services.store.write() as session:
        stored = _answerable(services, session, plan_id, person).stored
        return drop(session, stored, decision="rejected", who=person.name, note=why, now=now)


def expire(services: Services, now: datetime, bulkhead: Bulkhead) -> bool:
    """Handle each plan that nobody answered in time. Returns True if some of them proceed."""
    due = (StoredPlan.state == PlanState.WAITING, StoredPlan.decide_by <= now)
    with services.store.read() as session:
        waiting = list(session.scalars(select(StoredPlan.id).where(*due).order_by(StoredPlan.id)))
    proceeding = False
    for plan_id in waiting:
        with bulkhead.item("plan", str(plan_id), "expire"), services.store.write() as session:
            stored = session.scalar(select(StoredPlan).where(StoredPlan.id == plan_id, *due).with_for_update())
            proceeding |= stored is not None and _expire(services, session, stored, now)
    return proceeding


def _expire(services: Services, session: Session, stored: StoredPlan, now: datetime) -> bool:
    run = session.get_one(Run, stored.run_id)
    revision = services.library.revision(session, run.revision)
    if revision is None:
        drop(session, stored, decision="expired", who=CLOCK, note="its rule no longer loads", now=now)
        return False
    escalated = stored.decision == "escalated"
    match approval.expiry(revision.approve, stored.created_at, now, escalated=escalated):
        case "drop":
            drop(session, stored, decision="expired", who=CLOCK, note="nobody answered in time", now=now)
        case "proceed":
            return _proceed(services, session, Waiting(stored, run, revision), now)
        case "escalate":
            stored.decision, stored.decide_by = "escalated", stored.created_at + 2 * revision.approve.within
            detail = {"rule": stored.rule_id, "account": revision.account}
            audit_log.note(session, who=CLOCK, what="escalate", about=f"plan {stored.id}", now=now, detail=detail)
        case "wait":
            pass
    return False


def _proceed(services: Services, session: Session, waiting: "Waiting", now: datetime) -> bool:
    """Return whether the plan may proceed without an answer; not if its rule was disabled meanwhile."""
    stored = waiting.stored
    if halts.open_halts(session).covering(stored.rule_id, waiting.revision.account) is not None:
        return False  # it is asked again at the next tick, until someone resumes
    live = services.library.current(session).revisions.get(stored.rule_id)
    if live is None or live.mode not in {Mode.LIVE, Mode.APPROVE}:
        mode = "is not loaded any more" if live is None else f"is {live.mode} by now"
        drop(session, stored, decision="expired", who=CLOCK, note=f"its rule {mode}", now=now)
        return False
    try:
        answered = _carry_on(services, session, waiting, selection=EVERYTHING, who=CLOCK, now=now, decision="proceeded")
    except Halted:
        return False
    except OperationError as error:
        drop(session, stored, decision="expired", who=CLOCK, note=str(error), now=now)
        return False
    return answered.state == PlanState.READY


@dataclass(frozen=True, slots=True)
class Waiting:
    """A waiting plan with its origin."""

    stored: StoredPlan
    run: Run
    revision: Revision


def waiting_plan(services: Services, session: Session, plan_id: int) -> Waiting:
    """Return a waiting plan. Raises NotThere, or Refused if the plan no longer waits or its rule no longer loads."""
    stored = ledger.plan(session, plan_id)
    if stored is None:
        raise NotThere(f"plan {plan_id}: not found; `integr8-bridge approvals list` shows what waits")
    if stored.state != PlanState.WAITING:
        raise Refused(f"plan {plan_id}: does not wait; {_fate(stored)}")
    run = session.get_one(Run, stored.run_id)
    revision = services.library.revision(session, run.revision)
    if revision is None:
        raise Refused(f"plan {plan_id}: its rule {stored.rule_id} no longer loads; run `integr8-bridge check`")
    return Waiting(stored, run, revision)


_DECIDED = {
    "approved": "it was approved by {who}",
    "rejected": "it was rejected by {who}",
    "expired": "it was dropped",
    "proceeded": "nobody answered in time, so it went ahead as its rule says",
}
_UNASKED: dict[str, str] = {
    PlanState.NOTHING: "it has no changes",
    PlanState.SHADOW: "its rule was in shadow, so nothing is done",
    PlanState.READY: "it goes ahead without a question",
    PlanState.STOPPED: "a guard or a halt stopped it",
    PlanState.DROPPED: "it was dropped",
    PlanState.DONE: "it went ahead without a question and is done",
}


def _fate(stored: StoredPlan) -> str:
    """Return the fate of a plan that does not wait, as a sentence."""
    decided = _DECIDED.get(stored.decision or "")
    if decided is None:
        return _UNASKED[stored.state]
    when = f" at {stored.decided_at:%Y-%m-%d %H:%M} UTC" if stored.decided_at else ""
    why = f" ({stored.note})" if stored.note else ""
    empty = stored.decision in {"approved", "proceeded"} and stored.state == PlanState.DROPPED
    left = ", and nothing of it was left to do" if empty else ""
    return decided.format(who=stored.decided_by) + when + left + why


def _answerable(services: Services, session: Session, plan_id: int, person: Person) -> Waiting:
    waiting = waiting_plan(services, session, plan_id)
    wanted = waiting.revision.approve
    if not approval.may_answer(wanted, person.name, person.roles, is_operator=person.is_operator):
        who = ", ".join(wanted.by) or "an operator"
        raise Refused(f"plan {plan_id}: only {who} may answer; you are {person.name}")
    return waiting


def _carry_on(
    services: Services,
    session: Session,
    waiting: Waiting,
    *,
    selection: Choice,
    who: str,
    now: datetime,
    decision: str = "approved",
) -> Answered:
    stored, revision = waiting.stored, waiting.revision
    rows = ledger.effects_of(session, stored.id)
    old = plan_of(stored, rows, revision)
    targets_of_it = {effect.target for effect in old.effects}
    wanted = chosen(session, revision, selection, targets_of_it, f"plan {stored.id}")
    if isinstance(wanted, Only):
        old = approval.only(old, wanted.targets)
    plan, difference = approval.recheck(old, again_for(services, session, waiting, now), revision.approve)
    halted = next((stop.message for stop in difference.reasons if stop.guard == "halt"), None)
    if halted is not None:
        raise Halted(f"plan {stored.id}: {halted}; leave it out, or resume first")
    _rewrite(waiting, rows, plan, {_place(stop): stop.message for stop in difference.reasons}, now)
    apply_side_effects(session, plan, now, by=None if who == CLOCK else who)
    waiting.run.outcome = "ready" if plan.effects else "dropped"
    stored.state = PlanState.READY if plan.effects else PlanState.DROPPED
    stored.ended_at = None if plan.effects else now
    stored.decision, stored.decided_by, stored.decided_at = decision, who, now
    stored.difference = _told(difference)
    detail = {"rule": stored.rule_id, "account": revision.account, **_told(difference)}
    audit_log.note(
        session,
        who=who,
        what="approve" if decision == "approved" else "proceed",
        about=f"plan {stored.id}",
        now=now,
        detail=detail,
    )
    return Answered(stored.id, stored.state, len(plan.effects), [stop.message for stop in difference.reasons])


def again_for(services: Services, session: Session, waiting: Waiting, now: datetime) -> Plan:
    """Return what the rule wants at this moment; for an undo, the undo of this moment. Raises Refused."""
    if waiting.stored.undoes is not None:
        part = only(target(row) for row in ledger.effects_of(session, waiting.stored.id))
        return again(services, session, waiting.stored.undoes, part, now)
    revision = waiting.revision
    context = context_of(services, session, revision, waiting.run, now)
    evaluation = evaluate(revision, context.facts, now)
    context = among_others(live_inputs(services), session, context, evaluation)
    state = load_state(session, context, targets(revision, evaluation), rechecking=waiting.stored.id)
    return make_plan(revision, evaluation, state, now, answered=True)


def _rewrite(
    waiting: Waiting, rows: Sequence[Effect], plan: Plan, reasons: Mapping[object, str], now: datetime
) -> None:
    """Give the remaining effects the newer values; mark the others as skipped, with the reason."""
    kept = {_name(effect): effect for effect in plan.effects}
    for row in rows:
        old = effect_of(row)
        effect = kept.get(_name(old))
        if effect is None:
            why = reasons.get((old.subject, old.target), "not among what was approved")
            row.state, row.ended_at, row.error = EffectState.SKIPPED, now, f"left out: {why}"
            continue
        fresh = effect_row(waiting.stored.rule_id, effect, now, due=not effect.after, tz=waiting.revision.data.tz)
        for name in ("wanted", "prior", "hold", "after", "reason", "money_24h", "due_at"):
            setattr(row, name, fresh[name])


def _place(stop: Stop) -> object:
    return stop.subject, stop.target


def _name(effect: PlannedEffect) -> tuple[str, Target, Any]:
    return effect.step, effect.target, effect.subject


def _told(difference: Difference) -> dict[str, Any]:
    return {
        "kept": len(difference.kept),
        "dropped": [{"target": str(stop.target), "why": stop.message} for stop in difference.reasons],
        "new_since": [str(effect.target) for effect in difference.left_out],
    }


def drop(session: Session, stored: StoredPlan, *, decision: str, who: str, note: str, now: datetime) -> Answered:
    """Close a waiting plan without executing any of it."""
    rows = ledger.effects_of(session, stored.id)
    for row in rows:
        row.state, row.ended_at, row.error = EffectState.SKIPPED, now, decision
    stored.state, stored.ended_at = PlanState.DROPPED, now
    session.get_one(Run, stored.run_id).outcome = "dropped"
    stored.decision, stored.decided_by, stored.decided_at, stored.note = decision, who, now, note
    detail = {"why": note, "rule": stored.rule_id, "account": ", ".join(sorted({row.account for row in rows}))}
    audit_log.note(session, who=who, what=decision, about=f"plan {stored.id}", now=now, detail=detail)
    return Answered(stored.id, stored.state, 0, [])
