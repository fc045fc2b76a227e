"""List the last verdicts of a rule on one item, and the action after each."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bridge.decisions import subjects
from bridge.store import ledger, runs
from bridge.store.ledger import StoredPlan
from bridge.store.runs import Run, StoredVerdict
from rules.model.facts import Subject
from rules.model.verdicts import Answer

MAX_CHANGES_SHOWN = 5
EVALUATED = (runs.Cause.EVENT, runs.Cause.SLOT, runs.Cause.REPLAY)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastEvaluation:
    """One run, as far as it concerns one subject. `answer` is None if the subject was not in scope."""

    run_id: int
    at: datetime
    answer: str | None
    outcome: str
    did: tuple[str, ...]
    stopped_by: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"at": self.at.isoformat()}


def past_evaluations(
    session: Session,
    rule: str,
    subject: Subject,
    *,
    until: datetime,
    event_id: str | None = None,
    most: int = MAX_CHANGES_SHOWN,
) -> tuple[PastEvaluation, ...]:
    """Return the newest runs at or before a moment, newest first; those of one event, if the rule is about events."""
    wanted = select(Run).where(Run.rule_id == rule, Run.started_at <= until, Run.cause.in_(EVALUATED))
    if event_id is not None:
        wanted = wanted.where(Run.event_id == event_id)
    found = list(session.scalars(wanted.order_by(Run.id.desc()).limit(most)))
    name = subjects.dump(subject)
    said = _verdicts(session, [run.id for run in found])
    about = runs.answers_about(session, found, name)
    return tuple(
        _look(run, name, _answer(run, name, said.get(run.id, {}), about), _plans(session, run)) for run in found
    )


def _plans(session: Session, run: Run) -> Sequence[StoredPlan]:
    """Return the plan of a run; if it was the same as before, the one stored then."""
    return [*ledger.plans_of(session, run.id), *(ledger.plans_of(session, run.plan_of) if run.plan_of else ())]


def _answer(run: Run, subject: str, verdicts: dict[str, int], about: Mapping[int, int | None]) -> int | None:
    if run.id in about:
        return about[run.id]
    if not verdicts and run.no:
        return Answer.NO  # a run of one subject keeps no row for a no
    return verdicts.get(subject)


def _verdicts(session: Session, run_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return run → subject → answer, if a run of one subject has no packed column."""
    query = select(StoredVerdict.run_id, StoredVerdict.subject, StoredVerdict.answer)
    found: dict[int, dict[str, int]] = {}
    for run_id, subject, answer in session.execute(query.where(StoredVerdict.run_id.in_(run_ids))):
        found.setdefault(run_id, {})[subject] = answer
    return found


def _look(run: Run, subject: str, answer: int | None, plans: Sequence[StoredPlan]) -> PastEvaluation:
    return PastEvaluation(
        run_id=run.id,
        at=run.started_at,
        answer=None if answer is None else Answer(answer).word,
        outcome=run.outcome,
        did=tuple(_done(effect) for plan in plans for effect in plan.effects if effect.subject == subject),
        stopped_by=tuple(
            stop["message"] for plan in plans for stop in plan.stops if stop.get("subject") in {None, subject}
        ),
    )


def _done(effect: ledger.Effect) -> str:
    error = f" ({effect.error})" if effect.error else ""
    state = {"ready": effect.state, "done": effect.state}.get(effect.plan.state, effect.plan.state)
    return f"{effect.verb} {effect.kind} {effect.target_id}: {state}{error}"
