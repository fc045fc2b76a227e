"""Undo a run, or a part of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions.plan_state import load_state
from bridge.operations.cancel import Cancelled, cancel_planned, cancel_subject, target
from bridge.operations.errors import NothingSelected, NotThere, OperationError, Refused
from bridge.operations.manual_runs import write
from bridge.operations.plan_values import account_is_gone, chosen, context_of
from bridge.operations.selection import EVERYTHING, Choice, Only, Selection
from bridge.operations.undo_history import applied_of, history
from bridge.services.container import Services
from bridge.store import audit_log, ledger, runs
from bridge.store.ledger import Effect, EffectState, StoredPlan
from bridge.store.runs import Run
from rules.model.plan import Mute, Plan, Target
from rules.model.revision import Revision
from rules.planning.undo import Applied, Terms, touched
from rules.planning.undo import undo as make_undo

MAX_RUNS = 200  # undone together; each is a plan of its own


@dataclass(frozen=True, slots=True)
class Undone:
    """The run of the undo, and what it does and leaves."""

    run_id: int | None
    outcome: str
    effects: Sequence[str]
    left: Sequence[str]  # one sentence for each target that stays as it is


def undo(services: Services, run_id: int, *, who: str, now: datetime, selection: Choice = EVERYTHING) -> Undone:
    """Make and record the inverse plan of a run's applied effects, and cancel those that are not executed yet.

    Targets that changed since are left alone, and each omission has a reason. Raises NotThere, Refused, and
    NothingSelected if a selected target is not part of the run.
    """
    with services.store.write() as session:
        run, revision = _run(services, session, run_id)
        plan_ids = [stored.id for stored in ledger.plans_of(session, run_id)]
        applied = _applied(session, run_id)
        part = _targets(session, plan_ids) | _about(applied)
        wanted = chosen(session, revision, selection, part, f"run {run_id}")
        off = cancel_planned(session, plan_ids, why=f"cancelled by {who}", now=now, selection=wanted)
        if not off.effects and not any(one in wanted for one in _about(applied)):
            raise Refused(_nothing(run_id, off, wanted))
        terms = Terms(
            rule=run.rule_id, revision=revision, only=wanted.targets if isinstance(wanted, Only) else None, who=who
        )
        plan = _inverse(services, session, run, applied, terms, now=now, selection=wanted)
        plan = replace(plan, mutes=(*plan.mutes, *_mutes(off, plan, terms, now)))
        [(made, plans)] = write(
            session, revision, [plan], kind=runs.Cause.UNDO, about=f"undo:{run_id}", who=who, now=now
        )
        for stored in plans:
            stored.undoes = run_id
        detail = {"by": made.id, "rule": run.rule_id, "account": revision.account}
        audit_log.note(session, who=who, what="undo", about=f"run {run_id}", now=now, detail=detail)
        done = Undone(
            made.id,
            plan.outcome,
            [
                *(f"cancelled: {_say(one)}" for one in off.effects),
                *(f"{one.verb} {one.target}" for one in plan.effects),
            ],
            [*(stop.message for stop in plan.stops), *(_busy(one) for one in off.under_way)],
        )
    services.queue.wake("effects.perform")
    return done


@dataclass(frozen=True, slots=True)
class UndoneRun:
    """The result for one of several runs: either it was undone, or there is a problem."""

    run: int
    undone: Undone | None
    problem: str | None = None


def undo_runs(services: Services, run_ids: Collection[int], *, who: str, now: datetime) -> list[UndoneRun]:
    """Undo several runs, the newest first. A run that cannot be undone does not stop the others.

    Raises NothingSelected without any, Refused for more than MAX_RUNS.
    """
    if not run_ids:
        raise NothingSelected("no run is named, so none was undone; name at least one")
    if len(set(run_ids)) > MAX_RUNS:
        raise Refused(f"more than {MAX_RUNS} runs at once; undo them in parts")
    found = []
    for run_id in sorted(set(run_ids), reverse=True):
        try:
            found.append(UndoneRun(run_id, undo(services, run_id, who=who, now=now)))
        except OperationError as error:
            found.append(UndoneRun(run_id, None, str(error)))
    return found


def _about(applied: Sequence[Applied]) -> frozenset[Target]:
    return touched(applied) | {one.effect.target for one in applied}


def _targets(session: Session, plan_ids: Collection[int]) -> frozenset[Target]:
    """Return the targets that a run wanted to change, executed or not."""
    return frozenset(target(row) for row in session.scalars(select(Effect).where(Effect.plan_id.in_(plan_ids))))


def _nothing(run_id: int, off: Cancelled, selection: Selection) -> str:
    if off.under_way:
        return f"run {run_id}: is being executed at this moment; ask again when it has ended"
    if isinstance(selection, Only):
        words = ", ".join(sorted(str(one) for one in selection.targets))
        return f"run {run_id}: none of its effects was executed on {words}; `runs show {run_id}` shows what was"
    return f"run {run_id}: none of its effects was executed, so there is nothing to undo"


def _mutes(off: Cancelled, plan: Plan, terms: Terms, now: datetime) -> list[Mute]:
    """Return mutes for cancelled targets, so that the rule's next evaluation does not want them again."""
    known = {mute.target for mute in plan.mutes} | {ended.hold.target for ended in plan.ended}
    until = now + terms.respect
    targets = sorted({target(row) for row in off.effects} - known)
    return [Mute(rule=terms.rule, target=one, until=until, why=f"{terms.who} cancelled its change") for one in targets]


def _say(row: Effect) -> str:
    return f"{row.verb} {row.kind} {row.target_id}"


def _busy(row: Effect) -> str:
    return f"{row.kind} {row.target_id}: a worker has it in hand at this moment; undo again when it has ended"


def compensate(services: Services, session: Session, plan_id: int, subject: str, now: datetime) -> None:
    """For `on_failure: undo`, undo the applied steps of one subject after another step failed.

    Planned steps are cancelled. Does nothing if no step of the subject has failed.
    """
    rows = [row for row in ledger.effects_of(session, plan_id) if row.subject == subject]
    failed = next((row for row in rows if row.state == EffectState.FAILED), None)
    if failed is None:
        return
    cancel_subject(session, plan_id, subject, why=f"cancelled, because step {failed.step} failed", now=now)
    stored = session.get_one(StoredPlan, plan_id)
    run, revision = _run(services, session, stored.run_id)
    undone = _taken_back(session, stored.run_id)
    applied = [
        one
        for row, one in _rows(session, stored.run_id)
        if row.plan_id == plan_id and row.subject == subject and not touched([one]) & undone
    ]
    if not applied:
        return
    plan = _inverse(services, session, run, applied, Terms(rule=run.rule_id, revision=revision), now=now)
    about = f"compensate:{plan_id}"
    for _made, plans in write(session, revision, [plan], kind=runs.Cause.UNDO, about=about, who="bridge", now=now):
        for made in plans:
            made.undoes = run.id
    detail = {"subject": subject, "rule": run.rule_id, "account": revision.account}
    audit_log.note(session, who="bridge", what="compensate", about=f"plan {plan_id}", now=now, detail=detail)


def _taken_back(session: Session, run_id: int) -> set[Target]:
    """Return the effects that were compensated before, so that a second failing step does not undo them twice."""
    query = select(Effect).join(StoredPlan, StoredPlan.id == Effect.plan_id).where(StoredPlan.undoes == run_id)
    return {target(row) for row in session.scalars(query) if row.state != EffectState.FAILED}


def _run(services: Services, session: Session, run_id: int) -> tuple[Run, Revision]:
    run = session.get(Run, run_id)
    if run is None:
        raise NotThere(f"run {run_id}: not found; `integr8-bridge runs list` shows them")
    book = services.library.current(session)
    revision = book.revisions.get(run.rule_id) or services.library.revision(session, run.revision)
    if revision is None:
        raise Refused(f"run {run_id}: its rule {run.rule_id} no longer loads; run `integr8-bridge check`")
    return run, revision


def again(services: Services, session: Session, run_id: int, selection: Only, now: datetime) -> Plan:
    """Make an undo of these targets again without limits: it was over them and waited, and a person has approved it."""
    run, revision = _run(services, session, run_id)
    terms = Terms(rule=run.rule_id, revision=revision, only=selection.targets, approved=True)
    return _inverse(services, session, run, _applied(session, run_id), terms, now=now, selection=selection)


def _inverse(
    services: Services,
    session: Session,
    run: Run,
    applied: Sequence[Applied],
    terms: Terms,
    *,
    now: datetime,
    selection: Selection | None = None,
) -> Plan:
    """Make the inverse plan. `selection` is what a person asks to undo; None: compensation of what was just done."""
    revision = terms.revision
    assert revision is not None
    gone = sorted({one.account for one in touched(applied)} - set(services.settings.accounts))
    if gone:
        raise Refused(account_is_gone(gone[0]))
    state = load_state(session, context_of(services, session, revision, run, now), touched(applied))
    if selection is not None:
        past = history(session, state, touched(applied), run_id=run.id, selection=selection)
        terms = replace(terms, history=past)
    return make_undo(applied, state, now, terms)


def _applied(session: Session, run_id: int) -> list[Applied]:
    return [one for _row, one in _rows(session, run_id)]


def _rows(session: Session, run_id: int) -> list[tuple[Effect, Applied]]:
    query = (
        select(Effect)
        .join(StoredPlan, StoredPlan.id == Effect.plan_id)
        .where(StoredPlan.run_id == run_id, Effect.state == EffectState.APPLIED)
        .order_by(Effect.ended_at, Effect.id)
    )
    return [(row, applied_of(row)) for row in session.scalars(query)]
