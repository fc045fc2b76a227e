"""Record a person's action as a run, so that it is shown and can be undone like any other."""

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from sqlalchemy.orm import Session

from bridge.decisions.decide import Cause, Decision
from bridge.decisions.persist import announce, record
from bridge.decisions.records import run_records
from bridge.store import ids, ledger, runs
from bridge.store.ledger import StoredPlan
from bridge.store.runs import Run
from rules.model.plan import Plan
from rules.model.revision import Revision
from rules.model.state import State
from rules.model.verdicts import Evaluation, Verdict


def write(
    session: Session,
    revision: Revision,
    plans: Sequence[Plan],
    *,
    kind: runs.Cause,
    about: str,
    who: str,
    now: datetime,
) -> list[tuple[Run, list[StoredPlan]]]:
    """Record plans without an evaluation. `about` names the request: undo:812, hold:7."""
    decisions = [
        Decision(
            revision=revision,
            cause=Cause(kind=kind, key=f"{about}:{ids.new()}", due_at=now, by=who),
            started_at=now,
            evaluation=_nobody(revision, now),
            plan=plan,
            state=State(),
        )
        for plan in plans
    ]
    records = run_records(decisions, now)
    numbers = record(session, records, now=now)
    announce(records)
    return [(session.get_one(Run, number), ledger.plans_of(session, number)) for number in numbers]


def _nobody(revision: Revision, now: datetime) -> Evaluation:
    nothing = np.zeros(0, np.int8)
    return Evaluation(revision, now, [], nothing, np.zeros(0, np.uint8), nothing, _no_verdict)


def _no_verdict(row: int) -> Verdict:
    raise IndexError(row)
