"""Take a run back, or a part of it."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.exactjson import thaw
from bridge.operations.errors import NotThere, Refused
from bridge.operations.restoring import effect_of, facts_of, state_of
from bridge.operations.writing import write
from bridge.store import runs, upkeep
from bridge.store.ledger import Effect, EffectState, StoredPlan
from bridge.store.runs import Run
from bridge.wiring import House
from rules.model import Revision
from rules.planning import Plan, Target
from rules.undo import Applied, Terms, touched
from rules.undo import undo as make_undo


@dataclass(frozen=True, slots=True)
class Undone:
    """The run that takes the other one back, and what it does and leaves."""

    run_id: int | None
    outcome: str
    effects: Sequence[str]
    left: Sequence[str]  # one sentence for each target that stays as it is


def undo(house: House, run_id: int, *, who: str, now: datetime, only: Collection[Target] | None = None) -> Undone:
    """Make and record the inverse plan of a run's applied effects.

    What changed since is left alone, and each omission says why. Raises NotThere, Refused.
    """
    with house.store.write() as session:
        run, revision = _run(house, session, run_id)
        applied = _applied(session, run_id)
        if not applied:
            raise Refused(f"run {run_id}: nothing of it was carried out, so there is nothing to take back")
        terms = Terms(rule=run.rule_id, revision=revision, only=frozenset(only) if only is not None else None)
        plan = _inverse(house, session, run, applied, terms, now=now)
        [(made, plans)] = write(
            session, revision, [plan], kind=runs.Cause.UNDO, about=f"undo:{run_id}", who=who, now=now
        )
        for stored in plans:
            stored.undoes = run_id
        upkeep.note(session, who=who, what="undo", about=f"run {run_id}", now=now, detail={"by": made.id})
        done = Undone(made.id, plan.outcome, [_say(one) for one in plan.effects], [stop.message for stop in plan.stops])
    house.queue.nudge("effects.perform")
    return done


def compensate(house: House, session: Session, plan_id: int, subject: str, now: datetime) -> None:
    """`on_failure: undo`: take back the steps of one subject that were applied before another step failed."""
    stored = session.get_one(StoredPlan, plan_id)
    run, revision = _run(house, session, stored.run_id)
    applied = [one for row, one in _rows(session, stored.run_id) if row.plan_id == plan_id and row.subject == subject]
    if not applied:
        return
    plan = _inverse(house, session, run, applied, Terms(rule=run.rule_id, revision=revision), now=now)
    about = f"compensate:{plan_id}"
    for _made, plans in write(session, revision, [plan], kind=runs.Cause.UNDO, about=about, who="bridge", now=now):
        for made in plans:
            made.undoes = run.id
    upkeep.note(session, who="bridge", what="compensate", about=f"plan {plan_id}", now=now, detail={"subject": subject})


def _run(house: House, session: Session, run_id: int) -> tuple[Run, Revision]:
    run = session.get(Run, run_id)
    if run is None:
        raise NotThere(f"run {run_id}: there is none; `integr8-bridge runs list` shows them")
    book = house.library.current(session)
    revision = book.revisions.get(run.rule_id) or house.library.revision(session, run.revision)
    if revision is None:
        raise Refused(f"run {run_id}: its rule {run.rule_id} no longer loads; run `integr8-bridge check`")
    return run, revision


def again(house: House, session: Session, run_id: int, now: datetime) -> Plan:
    """An undo that was over the limits and waited, made anew without them: a person has said yes."""
    run, revision = _run(house, session, run_id)
    terms = Terms(rule=run.rule_id, revision=revision, approved=True)
    return _inverse(house, session, run, _applied(session, run_id), terms, now=now)


def _inverse(
    house: House, session: Session, run: Run, applied: Sequence[Applied], terms: Terms, *, now: datetime
) -> Plan:
    revision = terms.revision
    assert revision is not None
    facts = facts_of(house, session, revision, run, now)
    state = state_of(house, session, revision, facts, touched(applied), now=now)
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
    found = []
    for row in session.scalars(query):
        result = row.result or {}
        assert row.ended_at is not None
        applied = Applied(
            effect=effect_of(row),
            at=row.ended_at,
            before=thaw(result["prior"]) if "prior" in result else None,
            created=str(result["id"]) if result.get("created") else None,
        )
        found.append((row, applied))
    return found


def _say(effect: object) -> str:
    verb, target = getattr(effect, "verb", ""), getattr(effect, "target", "")
    return f"{verb} {target}"
